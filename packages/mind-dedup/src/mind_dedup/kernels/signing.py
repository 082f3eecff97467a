"""Sorted sets to band keys with the compiled loops."""

from __future__ import annotations

import numpy as np

from mind_dedup.fold import Hashes
from mind_dedup.kernels.library import LOOPS
from mind_dedup.minhash import band_constants, donors, shuffled
from mind_dedup.shingles import ShingleSets

_fill = LOOPS.function("signatures.fill")


def write_keys(sets: ShingleSets, slots: int, bands: int, rows: int, keys: Hashes) -> None:
    """Write the band keys of sets as `minhash.band_keys` of `minhash.signatures` makes them.

    `keys` is (texts, bands) or wider, in one piece; what is right of the bands stays as it is.
    """
    order, rank = shuffled(slots)
    factors, seeds = band_constants(bands, rows)
    found, full, empty = (np.empty(slots + 1, np.uint32) for _ in range(3))
    _fill(
        sets.flat, sets.offsets, slots.bit_length() - 1, donors(slots).reshape(-1), order, rank,
        rows, factors, seeds, found[:slots], full[:slots], empty, np.empty(slots, np.int64),
        keys.reshape(-1), keys.shape[1],
    )  # fmt: skip


def keys_of_sets(sets: ShingleSets, slots: int, bands: int, rows: int) -> Hashes:
    """Return the band keys of sets: (texts, bands)."""
    keys = np.empty((len(sets), bands), np.uint64)
    write_keys(sets, slots, bands, rows, keys)
    return keys
