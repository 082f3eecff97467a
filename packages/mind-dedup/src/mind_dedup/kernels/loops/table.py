"""The loops of the table of keys; see `kernels.table`."""

# Indices are unsigned throughout: a signed one costs a test for a negative value at each access.

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.compiling import loop
from mind_dedup.fold import Hashes
from mind_dedup.kernels.table import BUCKET, OVERFLOWN, PAGE

Numbers = npt.NDArray[np.int64]
Tags = npt.NDArray[np.uint16]
Held = npt.NDArray[np.uint32]
Fills = npt.NDArray[np.uint8]

_SLOTS, _BUCKETS = np.uint64(BUCKET), np.uint64(PAGE // BUCKET)
_ONE = np.uint64(1)
_FILL = np.uint8(OVERFLOWN - 1)


@loop
def _buckets(key: np.uint64, buckets: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Return the two buckets of a key."""
    page = ((key >> np.uint64(32)) * (buckets // _BUCKETS)) >> np.uint64(32)
    within = _BUCKETS - _ONE
    one = page * _BUCKETS + ((key >> np.uint64(16)) & within)
    other = page * _BUCKETS + ((key >> np.uint64(22)) & within)
    return one, other


@loop
def find(
    tags: Tags,
    held: Held,
    fills: Fills,
    keys: Hashes,
    maybe: Numbers,
    places: Numbers,
    numbers: Numbers,
) -> int:
    """Note the records that seem to have a key; return how many, which may be more than fit.

    Most keys nobody has. That is seen first, without a branch, so that the looks into memory
    overlap; only what is left is looked at again.
    """
    buckets = np.uint64(len(fills))
    count = np.uint64(0)
    for place in range(np.uint64(len(keys))):
        one, other = _buckets(keys[place], buckets)
        tag = np.uint16(keys[place] & np.uint64(0xFFFF))
        hits = _hits(tags, one, tag) + _hits(tags, other, tag)
        maybe[count] = place
        count += np.uint64((hits > np.uint16(0)) | (fills[one] >= OVERFLOWN))
    found = 0
    for at in range(count):
        place = np.uint64(maybe[at])
        one, other = _buckets(keys[place], buckets)
        tag = np.uint16(keys[place] & np.uint64(0xFFFF))
        found = _note(tags, held, fills, one, tag, place, places, numbers, found)
        if other != one:
            found = _note(tags, held, fills, other, tag, place, places, numbers, found)
        bucket, looks_on = one, fills[one] >= OVERFLOWN
        while looks_on:
            bucket = bucket + _ONE if bucket + _ONE < buckets else np.uint64(0)
            if bucket != other:
                found = _note(tags, held, fills, bucket, tag, place, places, numbers, found)
            looks_on = (fills[bucket] & _FILL) == BUCKET
    return found


@loop
def _hits(tags: Tags, bucket: np.uint64, tag: np.uint16) -> np.uint16:
    """Return how many slots of a bucket have the tag; a slot that is not taken has 0."""
    found = np.uint16(0)
    for slot in range(_SLOTS):
        found += np.uint16(tags[bucket * _SLOTS + slot] == tag)
    return found


@loop
def _note(
    tags: Tags,
    held: Held,
    fills: Fills,
    bucket: np.uint64,
    tag: np.uint16,
    place: np.uint64,
    places: Numbers,
    numbers: Numbers,
    found: int,
) -> int:
    """Note the records in one bucket that have the tag; return how many are noted in all."""
    begin = bucket * _SLOTS
    for slot in range(begin, begin + np.uint64(fills[bucket] & _FILL)):
        if tags[slot] == tag:
            if found < len(places):
                places[found] = place
                numbers[found] = np.int64(held[slot])
            found += 1
    return found


@loop
def insert(tags: Tags, held: Held, fills: Fills, keys: Hashes, records: Numbers) -> int:
    """Enter one key of one record at each place."""
    buckets = np.uint64(len(fills))
    for place in range(np.uint64(len(keys))):
        one, other = _buckets(keys[place], buckets)
        bucket = one if (fills[one] & _FILL) <= (fills[other] & _FILL) else other
        if (fills[bucket] & _FILL) == BUCKET:
            fills[one] |= np.uint8(OVERFLOWN)
            bucket = one
            while (fills[bucket] & _FILL) == BUCKET:
                bucket = bucket + _ONE if bucket + _ONE < buckets else np.uint64(0)
        slot = bucket * _SLOTS + np.uint64(fills[bucket] & _FILL)
        fills[bucket] += np.uint8(1)
        tags[slot] = np.uint16(keys[place] & np.uint64(0xFFFF))
        held[slot] = np.uint32(records[place])
    return 0
