"""Which kept records have a key: sorted runs of key and record number, eight bytes an entry.

An entry is the upper 36 bits of a key and a record number of 28 bits. Runs are merged as they grow
(a log-structured merge), so that there are few to search, and a bitmap of the keys spares most
searches for keys that nobody has. Keys that agree by accident (one record in 2³¹ per record kept)
only make a candidate more.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.errors import MindError
from mind_core.kernels.hashing import Hashes

RECORD_BITS = 28
KEY_MASK = np.uint64(2**64 - 2**RECORD_BITS)

_RECORD_MASK = np.uint64(2**RECORD_BITS - 1)
_RUN_RATIO = 2
"""A run is merged into the one before unless that is so many times as long."""

_BITS_PER_ENTRY = 8
_SMALLEST_BITMAP = 20

IntArray = npt.NDArray[np.int64]


class KeyIndex:
    """Hold the keys of the records kept so far."""

    def __init__(self) -> None:
        self._runs: list[Hashes] = []
        self._size = 0
        self._bits = _SMALLEST_BITMAP
        self._bitmap = np.zeros(1 << (self._bits - 3), np.uint8)

    def __len__(self) -> int:
        return self._size

    @property
    def bytes_held(self) -> int:
        """Return the memory that the index holds."""
        return sum(run.nbytes for run in self._runs) + self._bitmap.nbytes

    def find(self, keys: Hashes) -> tuple[IntArray, IntArray]:
        """Return where a key is known, and to which record: places in `keys`, record numbers.

        A place occurs once per record that has its key; places ascend.
        """
        maybe = np.flatnonzero(self._known(keys))
        wanted = keys[maybe] & KEY_MASK
        order = np.argsort(wanted)  # so that the searches walk through a run from end to end
        maybe, wanted = maybe[order], wanted[order]
        places: list[IntArray] = []
        numbers: list[IntArray] = []
        for run in self._runs:
            first = np.searchsorted(run, wanted)
            inside = np.minimum(first, len(run) - 1)
            hit = np.flatnonzero((run[inside] & KEY_MASK == wanted) & (first < len(run)))
            if not len(hit):
                continue
            first = first[hit]
            counts = np.searchsorted(run, wanted[hit] | _RECORD_MASK, side="right") - first
            steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            found = run[np.repeat(first, counts) + steps] & _RECORD_MASK
            places.append(np.repeat(maybe[hit], counts))
            numbers.append(found.astype(np.int64))
        if not places:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        place, number = np.concatenate(places), np.concatenate(numbers)
        order = np.lexsort((number, place))
        return place[order], number[order]

    def add(self, keys: Hashes, records: IntArray) -> None:
        """Enter one key of one record at each place; record numbers lie below 2²⁸."""
        if not len(keys):
            return
        if int(records.max()) >= 1 << RECORD_BITS:
            raise MindError(
                f"more than {1 << RECORD_BITS:,} records kept, which is what an index can hold",
                hint="split the input, by language or source for example",
            )
        run = (keys & KEY_MASK) | records.astype(np.uint64)
        run.sort()
        self._runs.append(run)
        self._size += len(run)
        while len(self._runs) > 1 and len(self._runs[-2]) < _RUN_RATIO * len(self._runs[-1]):
            last = self._runs.pop()
            merged = np.concatenate((self._runs.pop(), last))
            merged.sort(kind="stable")  # timsort sees the sorted runs: ten times faster here
            self._runs.append(merged)
        if self._size * _BITS_PER_ENTRY > 1 << self._bits:
            self._grow()
        else:
            self._set_bits(run)

    def _known(self, keys: Hashes) -> npt.NDArray[np.bool_]:
        """Say which keys may be in the index; a few that are not are let through."""
        bit = keys >> np.uint64(64 - self._bits)
        known: npt.NDArray[np.bool_] = (
            self._bitmap[bit >> np.uint64(3)] >> (bit & np.uint64(7)).astype(np.uint8)
        ) & np.uint8(1) != 0
        return known

    def _set_bits(self, run: Hashes) -> None:
        bit = run >> np.uint64(64 - self._bits)
        marks = np.uint8(1) << (bit & np.uint64(7)).astype(np.uint8)
        np.bitwise_or.at(self._bitmap, bit >> np.uint64(3), marks)

    def _grow(self) -> None:
        while self._size * _BITS_PER_ENTRY > 1 << self._bits:
            self._bits += 1
        assert self._bits <= 64 - RECORD_BITS
        self._bitmap = np.zeros(1 << (self._bits - 3), np.uint8)
        for run in self._runs:
            self._set_bits(run)
