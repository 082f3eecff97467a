"""Which kept records have a key: one hash table in memory, six bytes a slot.

A slot holds a record number and 16 bits of the key. The upper half of a key gives its page of 1,024
slots, and further bits two buckets of 16 slots there, of which it takes the emptier; if both are
full, the next one that is not. So the table may be nearly full and still answers after a look or
two. What agrees by accident is sorted out by whoever looks at the record. As no whole keys are in
it, a table that is full is built anew from the records, and no second copy lies beside it.
"""

# Indices are unsigned throughout: a signed one costs a test for a negative value at each access.

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from mind_core.errors import MindError
from mind_core.kernels.compiling import kernel
from mind_dedup.fold import Hashes

Numbers = npt.NDArray[np.int64]
KeysOfRecords = Callable[[], Iterable[tuple[Hashes, Numbers]]]

FULL = 0.94
"""Share of taken slots at which the table grows: 6.4 bytes an entry."""

GROWTH = 1.17
"""So much it grows; after that an entry takes 7.5 bytes. Small tables double."""

SMALLEST = 1 << 17
MOST = (1 << 32) - 1024

_PAGE, _BUCKET = 1024, 16
_SLOTS, _BUCKETS = np.uint64(_BUCKET), np.uint64(_PAGE // _BUCKET)
_ONE = np.uint64(1)


class TableIndex:
    """Hold the keys of the records kept so far."""

    def __init__(self, records: KeysOfRecords) -> None:
        self._records = records
        self._size = 0
        self._make(SMALLEST)
        self._build(sum(len(keys) for keys, _ in records()))

    def __len__(self) -> int:
        return self._size

    @property
    def bytes_held(self) -> int:
        """Return the memory that the index holds."""
        return self._tags.nbytes + self._numbers.nbytes + self._fills.nbytes

    def find(self, keys: Hashes) -> tuple[Numbers, Numbers]:
        """Return where a key may be known, and to which record: places in `keys`, record numbers.

        A place occurs once per record that seems to have its key; places ascend.
        """
        room = 2 * len(keys) + 1024
        while True:
            places, numbers = np.empty(room, np.int64), np.empty(room, np.int64)
            found = _find(self._tags, self._numbers, self._fills, keys, places, numbers)
            if found <= room:
                return places[:found], numbers[:found]
            room = found

    def add(self, keys: Hashes, records: Numbers) -> None:
        """Enter one key of one record at each place; the records are in the store already."""
        size = self._size + len(keys)
        if size > FULL * len(self._tags):
            self._build(size)
        else:
            self._size = size
            _insert(self._tags, self._numbers, self._fills, keys, records)

    def _make(self, slots: int) -> None:
        slots = -(-slots // _PAGE) * _PAGE
        if slots > MOST:
            raise MindError(
                f"an index in memory holds at most {MOST:,} keys",
                hint="--memory SIZE continues on disk",
            )
        self._tags, self._numbers = np.zeros(slots, np.uint16), np.zeros(slots, np.uint32)
        self._fills = np.zeros(slots // _BUCKET, np.uint8)

    def _build(self, size: int) -> None:
        """Make the table large enough for `size` keys, and enter all that the records have."""
        slots = len(self._tags)
        if size > FULL * slots:
            step = 2.0 if slots < 1 << 20 else GROWTH
            self._tags, self._numbers = np.zeros(0, np.uint16), np.zeros(0, np.uint32)
            self._make(max(int(slots * step), int(size / FULL) + 1))
        self._size = size
        for keys, records in self._records():
            _insert(self._tags, self._numbers, self._fills, keys, records)


@kernel
def _buckets(key: np.uint64, buckets: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Return the two buckets of a key."""
    page = ((key >> np.uint64(32)) * (buckets // _BUCKETS)) >> np.uint64(32)
    within = _BUCKETS - _ONE
    one = page * _BUCKETS + ((key >> np.uint64(16)) & within)
    other = page * _BUCKETS + ((key >> np.uint64(22)) & within)
    return one, other


@kernel
def _find(
    tags: npt.NDArray[np.uint16],
    held: npt.NDArray[np.uint32],
    fills: npt.NDArray[np.uint8],
    keys: Hashes,
    places: Numbers,
    numbers: Numbers,
) -> int:
    buckets = np.uint64(len(fills))
    found = 0
    for place in range(len(keys)):
        one, other = _buckets(keys[place], buckets)
        tag = np.uint16(keys[place] & np.uint64(0xFFFF))
        if _hits(tags, one, tag) + _hits(tags, other, tag) > 0:
            found = _note(tags, held, fills, one, tag, place, places, numbers, found)
            if other != one:
                found = _note(tags, held, fills, other, tag, place, places, numbers, found)
        bucket = one
        while fills[bucket] == _BUCKET and fills[other] == _BUCKET:
            bucket = bucket + _ONE if bucket + _ONE < buckets else np.uint64(0)
            if bucket != other:
                found = _note(tags, held, fills, bucket, tag, place, places, numbers, found)
    return found


@kernel
def _hits(tags: npt.NDArray[np.uint16], bucket: np.uint64, tag: np.uint16) -> int:
    """Return how many slots of a bucket have the tag; a slot that is not taken has 0."""
    found = np.uint16(0)
    for slot in range(_SLOTS):
        found += np.uint16(tags[bucket * _SLOTS + slot] == tag)
    return int(found)


@kernel
def _note(
    tags: npt.NDArray[np.uint16],
    held: npt.NDArray[np.uint32],
    fills: npt.NDArray[np.uint8],
    bucket: np.uint64,
    tag: np.uint16,
    place: int,
    places: Numbers,
    numbers: Numbers,
    found: int,
) -> int:
    """Note the records in one bucket that have the tag; return how many are noted in all."""
    begin = bucket * _SLOTS
    for slot in range(begin, begin + np.uint64(fills[bucket])):
        if tags[slot] == tag:
            if found < len(places):
                places[found] = place
                numbers[found] = np.int64(held[slot])
            found += 1
    return found


@kernel
def _insert(
    tags: npt.NDArray[np.uint16],
    held: npt.NDArray[np.uint32],
    fills: npt.NDArray[np.uint8],
    keys: Hashes,
    records: Numbers,
) -> None:
    buckets = np.uint64(len(fills))
    for place in range(len(keys)):
        one, other = _buckets(keys[place], buckets)
        bucket = one if fills[one] <= fills[other] else other
        if fills[bucket] == _BUCKET:
            bucket = one
            while fills[bucket] == _BUCKET:
                bucket = bucket + _ONE if bucket + _ONE < buckets else np.uint64(0)
        slot = bucket * _SLOTS + np.uint64(fills[bucket])
        fills[bucket] += np.uint8(1)
        tags[slot] = np.uint16(keys[place] & np.uint64(0xFFFF))
        held[slot] = np.uint32(records[place])
