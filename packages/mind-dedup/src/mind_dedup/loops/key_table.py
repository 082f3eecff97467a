"""The loops of the table of keys; see `mind_dedup.key_table`."""

# Indices are unsigned throughout: a signed one costs a test for a negative value at each access.

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.hashing import Hashes
from mind_core.kernels.library import kernel

PAGE, BUCKET = 1024, 16
OVERFLOWN = 128
"""This bit of a bucket's fill says that a key which belongs here lies behind it."""

IntArray = npt.NDArray[np.int64]
Tags = npt.NDArray[np.uint16]
Held = npt.NDArray[np.uint32]
Fills = npt.NDArray[np.uint8]

_SLOTS, _BUCKETS = np.uint64(BUCKET), np.uint64(PAGE // BUCKET)
_ONE = np.uint64(1)
_EACH, _UPPER = np.uint64(0x0001000100010001), np.uint64(0x8000800080008000)
_AT_ONCE = np.uint64(32)
"""Keys whose buckets are loaded together: as many as a processor can wait for, and some more."""

_FILL = np.uint8(OVERFLOWN - 1)


@kernel
def _buckets(key: np.uint64, buckets: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Return the two buckets of a key."""
    # Multiplying and shifting maps the upper half to a page without a division (Lemire 2016). Both
    # buckets lie in one page of 1,024 slots, so that one page of memory holds them.
    page = ((key >> np.uint64(32)) * (buckets // _BUCKETS)) >> np.uint64(32)
    within = _BUCKETS - _ONE
    # Bits 0 to 15 are the tag, which therefore says nothing that the bucket has said.
    one = page * _BUCKETS + ((key >> np.uint64(16)) & within)
    other = page * _BUCKETS + ((key >> np.uint64(22)) & within)
    return one, other


@kernel("i8(u2[], u8[], u4[], u1[], u8[], i8[], i8[], i8[])")
def find(
    tags: Tags,
    words: Hashes,
    held: Held,
    fills: Fills,
    keys: Hashes,
    maybe: IntArray,
    places: IntArray,
    numbers: IntArray,
) -> int:
    """Note the records that seem to have a key; return how many, which may be more than fit.

    `words` are the tags, four in one. Most keys nobody has. That is seen first, without a branch;
    only what is left is looked at again.
    """
    buckets, size = np.uint64(len(fills)), np.uint64(len(keys))
    count, seen = np.uint64(0), np.uint64(0)
    for key in range(size):
        # The result must be used somewhere (`seen`), or the compiler would drop the loads.
        if key % _AT_ONCE == np.uint64(0):
            seen |= _touched(words, keys, np.uint64(key), size, buckets)
        one, other = _buckets(keys[key], buckets)
        tags_alike = (keys[key] & np.uint64(0xFFFF)) * _EACH
        hits = _hits(words, one, tags_alike) | _hits(words, other, tags_alike)
        # Written always and counted if needed: which keys have a hit cannot be foretold.
        maybe[count] = key
        # A first bucket that ran over is looked at even without a hit: the key may lie behind it.
        count += np.uint64((hits != np.uint64(0)) | (fills[one] >= OVERFLOWN))
    maybe[size] = seen
    found = 0
    for at in range(count):
        place = np.uint64(maybe[at])
        one, other = _buckets(keys[place], buckets)
        tag = np.uint16(keys[place] & np.uint64(0xFFFF))
        # A tag of 16 bits is alike by chance for one slot in 65,536: `candidates.has_key` looks at
        # the key itself afterwards.
        found = _note(tags, held, fills, one, tag, place, places, numbers, found)
        # The bits of a key may name one bucket twice, and its records must not be noted twice.
        if other != one:
            found = _note(tags, held, fills, other, tag, place, places, numbers, found)
        # Overflow goes from the first bucket on to the next that is not full; looking stops there
        # too.
        bucket, looks_on = one, fills[one] >= OVERFLOWN
        while looks_on:
            bucket = bucket + _ONE if bucket + _ONE < buckets else np.uint64(0)
            # The second bucket may come next in turn, and was looked at already.
            if bucket != other:
                found = _note(tags, held, fills, bucket, tag, place, places, numbers, found)
            looks_on = (fills[bucket] & _FILL) == BUCKET
    return found


@kernel
def _touched(
    words: Hashes, keys: Hashes, begin: np.uint64, size: np.uint64, buckets: np.uint64
) -> np.uint64:
    """Load the buckets of the next keys, one behind the other: all wait for memory at once."""
    seen = np.uint64(0)
    for place in range(begin, min(begin + _AT_ONCE, size)):
        one, other = _buckets(keys[place], buckets)
        seen |= words[one * np.uint64(BUCKET // 4)] | words[other * np.uint64(BUCKET // 4)]
    return seen


@kernel
def _hits(words: Hashes, bucket: np.uint64, tags_alike: np.uint64) -> np.uint64:
    """Return 0 if no slot of a bucket has the tag; a slot that is not taken has 0.

    A word from which the tag was taken away has a zero in it if some upper bit is set in
    `(word - 0x0001…) & ~word & 0x8000…` (Mycroft 1987).
    """
    found = np.uint64(0)
    for word in range(bucket * np.uint64(BUCKET // 4), (bucket + _ONE) * np.uint64(BUCKET // 4)):
        rest = words[word] ^ tags_alike
        found |= (rest - _EACH) & ~rest
    return found & _UPPER


@kernel
def _note(
    tags: Tags,
    held: Held,
    fills: Fills,
    bucket: np.uint64,
    tag: np.uint16,
    place: np.uint64,
    places: IntArray,
    numbers: IntArray,
    found: int,
) -> int:
    """Note the records in one bucket that have the tag; return how many are noted in all."""
    # Slots are filled in order, so those behind the fill hold nothing.
    begin = bucket * _SLOTS
    for slot in range(begin, begin + np.uint64(fills[bucket] & _FILL)):
        if tags[slot] == tag:
            # What is beyond the room is counted all the same: the caller makes more and asks again.
            if found < len(places):
                places[found] = place
                numbers[found] = np.int64(held[slot])
            found += 1
    return found


@kernel("i8(u2[], u8[], u4[], u1[], u8[], i8[])")
def insert(
    tags: Tags, words: Hashes, held: Held, fills: Fills, keys: Hashes, records: IntArray
) -> int:
    """Enter one key of one record at each place."""
    buckets, size, seen = np.uint64(len(fills)), np.uint64(len(keys)), np.uint64(0)
    for place in range(size):
        if place % _AT_ONCE == np.uint64(0):
            seen |= _touched(words, keys, np.uint64(place), size, buckets)
        one, other = _buckets(keys[place], buckets)
        # The emptier of two choices: the fullest of n buckets then exceeds the mean by log log n
        # instead of log n (Azar et al. 1999).
        bucket = one if (fills[one] & _FILL) <= (fills[other] & _FILL) else other
        if (fills[bucket] & _FILL) == BUCKET:
            # Marked at the first bucket, which is where a look-up begins.
            fills[one] |= np.uint8(OVERFLOWN)
            bucket = one
            # Ends, as the table grows before it is full (`key_table.FULL`).
            while (fills[bucket] & _FILL) == BUCKET:
                bucket = bucket + _ONE if bucket + _ONE < buckets else np.uint64(0)
        slot = bucket * _SLOTS + np.uint64(fills[bucket] & _FILL)
        fills[bucket] += np.uint8(1)
        tags[slot] = np.uint16(keys[place] & np.uint64(0xFFFF))
        held[slot] = np.uint32(records[place])
    # No answer: returned only so that the loads of `_touched` are not dropped.
    return int(seen)
