"""Which kept records have a key: one hash table in memory, six bytes a slot.

A slot holds a record number and 16 bits of the key. The upper half of a key gives its page of 1,024
slots, and further bits two buckets of 16 slots there, of which it takes the emptier; if both are
full, the next one that is not, and the first of the two says so. So the table may be nearly full
and still answers after a look or two. What agrees by accident is sorted out by whoever looks at the
record. As no whole keys are in it, a table that is full is built anew from the records, and no
second copy lies beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from mind_core.errors import MindError
from mind_core.kernels.hashing import Hashes
from mind_dedup.loops.key_table import BUCKET, PAGE, find, insert

IntArray = npt.NDArray[np.int64]
KeysOfRecords = Callable[[], Iterable[tuple[Hashes, IntArray]]]

FULL = 0.94
"""Share of taken slots at which the table grows: 6.4 bytes an entry."""

GROWTH = 1.17
"""So much it grows; after that an entry takes 7.5 bytes. Small tables double."""

SURELY = 0.6
"""Of the keys that are foreseen, so many surely come: the table grows to hold those in one step.
Later records may be copies more often than the first, and a table that is too large stays so."""

SMALL = 1 << 22
"""Slots up to which the table takes what is foreseen at its word, and a little more: growing once
costs time, and all that can be lost are some megabytes."""

AMPLE = 1.04

SMALLEST = 1 << 17
MAX_SLOTS = (1 << 32) - 1024
"""Slots of one table; the next keys go into another."""


class KeyTable:
    """Hold the keys of the records kept so far."""

    def __init__(self, records: KeysOfRecords, base: int = 0) -> None:
        """`records` gives what the table holds; no record has a number below `base`."""
        self.records, self._base = records, base
        self._size = 0
        self.foreseen = 0
        """How many keys there will be in the end, as far as that is known."""
        self._make(SMALLEST)
        self._build(sum(len(keys) for keys, _ in records()))

    def __len__(self) -> int:
        return self._size

    @property
    def bytes_held(self) -> int:
        """Return the memory that the index holds."""
        return self._tags.nbytes + self._numbers.nbytes + self._fills.nbytes

    def find(self, keys: Hashes) -> tuple[IntArray, IntArray]:
        """Return where a key may be known, and to which record: places in `keys`, record numbers.

        A place occurs once per record that seems to have its key; places ascend.
        """
        # Nearly always enough; a second look with the exact number costs less than always making
        # room for all.
        room = 2 * len(keys) + 1024
        maybe = np.empty(len(keys) + 1, np.int64)
        while True:
            places, numbers = np.empty(room, np.int64), np.empty(room, np.int64)
            found = find(
                self._tags, self._tags.view(np.uint64), self._numbers, self._fills,
                keys, maybe, places, numbers,
            )  # fmt: skip
            if found <= room:
                return places[:found], numbers[:found] + self._base
            room = found

    def add(self, keys: Hashes, records: IntArray) -> None:
        """Enter one key of one record at each place; the records are in the store already."""
        size = self._size + len(keys)
        # The records are in the store already, so a table that is made anew takes these keys from
        # there, and they are not entered twice.
        if size > FULL * len(self._tags):
            self._build(size)
        else:
            self._size = size
            self._enter(keys, records)

    def _enter(self, keys: Hashes, records: IntArray) -> None:
        words = self._tags.view(np.uint64)
        # Numbers from the base on fit into 32 bits.
        insert(self._tags, words, self._numbers, self._fills, keys, records - self._base)

    def _make(self, slots: int) -> None:
        # Whole pages: a key's buckets are found by its page.
        slots = -(-slots // PAGE) * PAGE
        if slots > MAX_SLOTS:
            raise MindError(
                f"a table holds at most {MAX_SLOTS:,} keys",
                hint="smaller batches of records, or --memory SIZE",
            )
        self._tags, self._numbers = np.zeros(slots, np.uint16), np.zeros(slots, np.uint32)
        self._fills = np.zeros(slots // BUCKET, np.uint8)

    def _build(self, size: int) -> None:
        """Make the table large enough for `size` keys, and enter all that the records have."""
        slots = len(self._tags)
        if size > FULL * slots:
            step = 2.0 if slots < 1 << 20 else GROWTH
            # The old arrays go before the new ones come: the two never lie beside each other.
            self._tags, self._numbers = np.zeros(0, np.uint16), np.zeros(0, np.uint32)
            foreseen = int(self.foreseen / FULL)
            # What is foreseen is a guess from what was read so far: it never more than
            # doubles a large table.
            ahead = max(min(int(AMPLE * foreseen), SMALL), min(int(SURELY * foreseen), 2 * slots))
            min_slots = int(size / FULL) + 1
            self._make(max(min(max(int(slots * step), ahead), MAX_SLOTS), min_slots))
        self._size = size
        for keys, records in self.records():
            self._enter(keys, records)
