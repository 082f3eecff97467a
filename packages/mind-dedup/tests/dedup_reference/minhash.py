"""Signatures and band keys with numpy: what `mind_dedup.minhash` must give to the bit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.hashing import Hashes, finalize
from mind_dedup.loops.facts import FACT, KIND
from mind_dedup.minhash import IntArray, band_constants, donors, shuffled
from mind_dedup.shingles import ShingleSets

Signatures = npt.NDArray[np.uint32]
Mask = npt.NDArray[np.bool_]
_U64 = np.uint64


def signatures(sets: ShingleSets, slots: int) -> Signatures:
    """Return one row of `slots` minima per set: (texts, slots). `slots` is a power of two."""
    sets = _without_facts(sets)
    bits = slots.bit_length() - 1
    # A set is sorted, so its bins lie in order and each begins with its minimum.
    places = (sets.rows() << bits) | (sets.flat >> np.uint32(32 - bits))
    first = np.ones(len(places), bool)
    np.not_equal(places[1:], places[:-1], out=first[1:])
    found = np.zeros((len(sets), slots), np.uint32)
    full = np.zeros((len(sets), slots), bool)
    found.ravel()[places[first]] = sets.flat[first]
    full.ravel()[places[first]] = True
    _densify(found, full)
    return found


def _without_facts(sets: ShingleSets) -> ShingleSets:
    shingles = sets.flat & KIND != FACT
    ends = np.concatenate(([0], np.cumsum(shingles)))[sets.offsets]
    return ShingleSets(sets.flat[shingles], ends)


def band_keys(found: Signatures, bands: int, rows: int = 0) -> Hashes:
    """Return a 64-bit key per band of each signature: (texts, bands).

    A band has `rows` slots, by default as many as fit; slots that are left over go unused.
    """
    texts, slots = found.shape
    rows = rows or slots // bands
    factors, seeds = band_constants(bands, rows)
    used = np.zeros((texts, bands, 2 * len(factors)), np.uint32)
    used[:, :, :rows] = found[:, : bands * rows].reshape(texts, bands, rows)
    pairs = used[:, :, 0::2] | (used[:, :, 1::2].astype(np.uint64) << _U64(32))
    return finalize((pairs * factors).sum(axis=2, dtype=np.uint64) + seeds)


def _densify(found: Signatures, full: Mask) -> None:
    """Fill the empty slots of signatures in place; `full` says which are not: (texts, slots)."""
    slots = found.shape[1]
    filled = full.copy()
    for asked in donors(slots):
        if filled.all():
            return
        borrows = np.take(full, asked, axis=1) & ~filled
        np.copyto(found, np.take(found, asked, axis=1), where=borrows)
        filled |= borrows
    rows = np.flatnonzero(~filled.all(axis=1))
    if len(rows):
        lenders = _next_full(full[rows])
        borrowed = np.take_along_axis(found[rows], lenders, axis=1)
        found[rows] = np.where(filled[rows], found[rows], borrowed)


def _next_full(full: Mask) -> IntArray:
    """Return for each slot the next full one of its signature in shuffled order, going round."""
    slots = full.shape[1]
    order, rank = shuffled(slots)
    ranks = np.where(full[:, order], np.arange(slots, dtype=np.int16), np.int16(slots))
    nearest = np.minimum.accumulate(ranks[:, ::-1], axis=1)[:, ::-1]
    nearest = np.where(nearest < slots, nearest, nearest[:, :1])
    found: IntArray = order[nearest[:, rank]]
    return found
