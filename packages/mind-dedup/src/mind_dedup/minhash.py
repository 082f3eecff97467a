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

from mind_dedup.fold import Hashes, mix
from mind_dedup.shingles import ShingleSets

SCHEME = "oph-nfkc-5gram-2"
"""Names what a signature means; it changes whenever the same text would get another one."""

DRAWS = 6

Signatures = npt.NDArray[np.uint32]
Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_U64 = np.uint64


def signatures(sets: ShingleSets, slots: int) -> Signatures:
    """Return one row of `slots` minima per set: (texts, slots). `slots` is a power of two."""
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
    return mix((pairs * factors).sum(axis=2, dtype=np.uint64) + seeds)


@cache
def band_constants(bands: int, rows: int) -> tuple[Hashes, Hashes]:
    """Return the factor of each two slots in a band's sum, and what each band adds to it."""
    factors = mix(np.arange(1, (rows + 1) // 2 + 1, dtype=np.uint64)) | _U64(1)
    return factors, mix(np.arange(1, bands + 1, dtype=np.uint64))


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


@cache
def donors(slots: int) -> Numbers:
    """Return the bin that each empty slot asks in each draw: (DRAWS, slots)."""
    shift = _U64(64 - (slots.bit_length() - 1))
    numbers = np.arange(1, DRAWS * slots + 1, dtype=np.uint64)
    return (mix(numbers) >> shift).astype(np.int64).reshape(DRAWS, slots)


@cache
def shuffled(slots: int) -> tuple[Numbers, Numbers]:
    """Return the slots in a shuffled order, and the rank of each slot in it."""
    order = np.argsort(mix(np.arange(1, slots + 1, dtype=np.uint64) << _U64(32)))
    return order, np.argsort(order)


def _next_full(full: Mask) -> Numbers:
    """Return for each slot the next full one of its signature in shuffled order, going round."""
    slots = full.shape[1]
    order, rank = shuffled(slots)
    ranks = np.where(full[:, order], np.arange(slots, dtype=np.int16), np.int16(slots))
    nearest = np.minimum.accumulate(ranks[:, ::-1], axis=1)[:, ::-1]
    nearest = np.where(nearest < slots, nearest, nearest[:, :1])
    found: Numbers = order[nearest[:, rank]]
    return found
