"""One-permutation MinHash of a batch of shingle sets, with densification, and its band keys.

The set's values are cut into as many bins as there are slots; a slot holds the least value of its
bin (Li, Owen & Zhang 2012). An empty bin borrows from another that is drawn at random but alike for
every text (Shrivastava 2017). Where `DRAWS` draws hit none, as in short texts, it borrows from the
next full one in a shuffled order: cheaper, and only a little less even. Two slots of two texts are
equal with a probability of the texts' Jaccard similarity.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from mind_core.kernels.hashing import Hashes, finalize
from mind_dedup.loops.signatures import fill_band_keys
from mind_dedup.shingles import ShingleSets

SCHEME = "oph-nfkc-5gram-4"
"""Names what a signature means; it changes whenever the same text would get another one."""

DRAWS = 6

IntArray = npt.NDArray[np.int64]

_U64 = np.uint64


def write_band_keys(sets: ShingleSets, slots: int, bands: int, rows: int, keys: Hashes) -> None:
    """Write a 64-bit key per band of each set's signature of `slots`, a power of two.

    A band has `rows` slots. `keys` is (texts, bands) or wider, in one piece; what is right of the
    bands stays as it is.
    """
    order, rank = shuffled(slots)
    factors, seeds = band_constants(bands, rows)
    found, full, empty = (np.empty(slots + 1, np.uint32) for _ in range(3))
    fill_band_keys(
        sets.flat, sets.offsets, slots.bit_length() - 1, donors(slots).reshape(-1), order, rank,
        rows, factors, seeds, found[:slots], full[:slots], empty, np.empty(slots, np.int64),
        keys.reshape(-1), keys.shape[1],
    )  # fmt: skip


@cache
def band_constants(bands: int, rows: int) -> tuple[Hashes, Hashes]:
    """Return the factor of each two slots in a band's sum, and what each band adds to it."""
    # Odd, so that multiplication modulo 2⁶⁴ loses nothing.
    factors = finalize(np.arange(1, (rows + 1) // 2 + 1, dtype=np.uint64)) | _U64(1)
    return factors, finalize(np.arange(1, bands + 1, dtype=np.uint64))


@cache
def donors(slots: int) -> IntArray:
    """Return the bin that each empty slot asks in each draw: (DRAWS, slots)."""
    shift = _U64(64 - (slots.bit_length() - 1))
    numbers = np.arange(1, DRAWS * slots + 1, dtype=np.uint64)
    # The upper bits of a hash, so that bins are even: as many as number the slots.
    return (finalize(numbers) >> shift).astype(np.int64).reshape(DRAWS, slots)


@cache
def shuffled(slots: int) -> tuple[IntArray, IntArray]:
    """Return the slots in a shuffled order, and the rank of each slot in it."""
    # Shifted, so that these are other numbers than those that `donors` hashes.
    order = np.argsort(finalize(np.arange(1, slots + 1, dtype=np.uint64) << _U64(32)))
    return order, np.argsort(order)
