"""Sorted sets to band keys: one-permutation MinHash with densification, a set at a time."""

# Indices are unsigned throughout: a signed one costs a test for a negative value at each access.

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.compiling import kernel
from mind_dedup.fold import Hashes
from mind_dedup.kernels.mixing import mixed
from mind_dedup.minhash import Numbers, band_constants, donors, shuffled
from mind_dedup.shingles import ShingleSets

_ONE = np.uint64(1)


def keys_of_sets(sets: ShingleSets, slots: int, bands: int, rows: int) -> Hashes:
    """Return the band keys of sets, as `minhash.band_keys` of `minhash.signatures`."""
    order, rank = shuffled(slots)
    factors, seeds = band_constants(bands, rows)
    keys = np.empty((len(sets), bands), np.uint64)
    _fill(
        sets.flat, sets.offsets, slots.bit_length() - 1, donors(slots), order, rank,
        rows, factors, seeds, keys,
    )  # fmt: skip
    return keys


@kernel
def _fill(
    flat: npt.NDArray[np.uint32],
    offsets: Numbers,
    bits: int,
    asked: Numbers,
    order: Numbers,
    rank: Numbers,
    rows: int,
    factors: Hashes,
    seeds: Hashes,
    keys: Hashes,
) -> None:
    slots = np.uint64(1 << bits)
    shift = np.uint32(32 - bits)
    found, full = np.empty(slots, np.uint32), np.empty(slots, np.bool_)
    nearest = np.empty(slots, np.int64)
    for text in range(np.uint64(len(offsets) - 1)):
        full[:] = False
        empty = slots
        last = np.uint32(slots)
        for place in range(np.uint64(offsets[text]), np.uint64(offsets[text + _ONE])):
            slot = flat[place] >> shift
            if slot != last:  # a set is sorted: the first of a bin is its least
                found[slot] = flat[place]
                full[slot] = True
                empty -= _ONE
                last = slot
        if empty > 0:
            _densify(found, full, asked, order, rank, nearest)
        slot = np.uint64(0)
        for band in range(np.uint64(len(seeds))):
            total = seeds[band]
            for pair in range(np.uint64(rows // 2)):
                high = np.uint64(found[slot + _ONE]) << np.uint64(32)
                total += (np.uint64(found[slot]) | high) * factors[pair]
                slot += np.uint64(2)
            if rows % 2:
                total += np.uint64(found[slot]) * factors[rows // 2]
                slot += _ONE
            keys[text, band] = mixed(total)


@kernel
def _densify(
    found: npt.NDArray[np.uint32],
    full: npt.NDArray[np.bool_],
    asked: Numbers,
    order: Numbers,
    rank: Numbers,
    nearest: Numbers,
) -> None:
    """Let each empty slot borrow: from the bins it asks in turn, else from the next full one."""
    draws = np.uint64(len(asked))
    ready = False
    for slot in range(np.uint64(len(full))):
        if full[slot]:
            continue
        donor = np.uint64(asked[0, slot])
        draw = _ONE
        while not full[donor] and draw < draws:
            donor = np.uint64(asked[draw, slot])
            draw += _ONE
        if not full[donor]:
            if not ready:
                _next_full(full, order, nearest)
                ready = True
            donor = np.uint64(nearest[rank[slot]])
        found[slot] = found[donor]


@kernel
def _next_full(full: npt.NDArray[np.bool_], order: Numbers, nearest: Numbers) -> None:
    """Note for each place of the shuffled order which full slot comes next, going round."""
    slots = len(full)
    following = np.int64(-1)
    for step in range(2 * slots):
        place = slots - 1 - step % slots
        if full[order[place]]:
            following = order[place]
        nearest[place] = following
