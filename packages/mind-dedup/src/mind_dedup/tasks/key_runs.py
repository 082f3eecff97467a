"""The keys of a range's records on disk: some five bytes a key, sorted, so that equal keys meet.

An entry holds the lower bits of a key and the row of its run that has it. The upper bits of the key
say which of the parts it belongs to. Keys that agree in all of these and differ in others bring
records together that share no key; that is harmless, as what is brought together is compared by
whole keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mind_core.kernels.hashing import Hashes, finalize
from mind_dedup.tasks.key_segments import Segment, packed_segment
from mind_dedup.tasks.sections import IntArray

MAX_ROWS = 1 << 20
_KEY_BITS = 50
"""Bits of a key that count, those that say its part among them. Of 3 * 10**11 keys, 10 TB of pages,
one in some 3,800 meets another one by chance."""

KEYS_PER_RUN = 1 << 22
"""Keys after which a run is full: 33 MB of entries, and eight times that while they are sorted."""

_BYTES_PER_ENTRY = 72
"""What an entry takes while entries are sorted and neighbours become pairs."""


@dataclass(frozen=True)
class KeyFiles:
    """The keys of one range: entries, and of each run and part where its entries begin."""

    entries: Path
    table: Path

    @classmethod
    def at(cls, stem: Path) -> KeyFiles:
        """Return the files of a range by the path that they have in common."""
        return cls(stem.with_name(f"{stem.name}.keys"), stem.with_name(f"{stem.name}.runs"))


class KeyWriter:
    """Take the keys of rows in their order; write a sorted run whenever one is full."""

    def __init__(self, files: KeyFiles, parts: int) -> None:
        self.parts, self.rows = parts, 0
        self._entries, self._table = files.entries.open("wb"), files.table.open("wb")
        self._keys: list[Hashes] = []
        self._rows: list[IntArray] = []
        self._first = self._held = self._written = 0

    def add(self, keys: Hashes, key_ends: IntArray) -> None:
        """Take the keys of the rows of a batch; row i has those before `key_ends[i]`."""
        counts = np.diff(key_ends, prepend=0)
        if (
            self._held + len(keys) > KEYS_PER_RUN
            or self.rows + len(counts) - self._first > MAX_ROWS
        ):
            self._write_run()
        first = self.rows - self._first
        self._keys.append(keys)
        self._rows.append(np.repeat(np.arange(first, first + len(counts)), counts))
        self._held += len(keys)
        self.rows += len(counts)

    def close(self) -> None:
        """Write what is left."""
        self._write_run()
        self._entries.close()
        self._table.close()

    def _write_run(self) -> None:
        if self._held:
            mixed = finalize(np.concatenate(self._keys))  # a plugin's keys may be anything
            rows = np.concatenate(self._rows).astype(np.uint64)
            part = parts_of(mixed, self.parts)
            bits = _bits_of(self.parts)
            low = mixed & np.uint64((1 << bits) - 1)
            order = np.lexsort((low, part))  # stable: of equal keys, rows ascend
            low, rows = low[order], rows[order]
            begins = np.concatenate(([0], np.cumsum(np.bincount(part, minlength=self.parts))))
            places = []
            for begin, end in pairwise(begins.tolist()):
                places.append(self._written)
                if begin < end:
                    data = packed_segment(low[begin:end], rows[begin:end], bits)
                    self._entries.write(data)
                    self._written += len(data)
            self._table.write(
                # A row of the table: the number of row 0, then where each part begins, and the end.
                np.array([self._first, *places, self._written], np.int64).tobytes()
            )
        self._keys, self._rows, self._held, self._first = [], [], 0, self.rows


def parts_of(keys: Hashes, parts: int) -> npt.NDArray[np.uint16]:
    """Return which part each key belongs to, by its upper half."""
    return (((keys >> np.uint64(32)) * np.uint64(parts)) >> np.uint64(32)).astype(np.uint16)


def _bits_of(parts: int) -> int:
    """Return how many bits of a key are left to tell those of one part apart."""
    return _KEY_BITS - (parts - 1).bit_length()


def _segments(files: KeyFiles, parts: int, part: int, base: int) -> Iterator[tuple[Segment, int]]:
    """Yield the segments of a part, each with the number of row 0 of its run."""
    width = 8 * (parts + 2)
    with files.table.open("rb") as file:
        for run in range(files.table.stat().st_size // width):
            file.seek(run * width)
            # Two reads of a few bytes: the whole row has as many numbers as there are parts.
            first = int.from_bytes(file.read(8), "little")
            file.seek(run * width + 8 * (part + 1))
            begin, end = np.frombuffer(file.read(16), np.int64).tolist()
            if end > begin:
                yield Segment.at(files.entries, begin, _bits_of(parts)), base + first


def pairs_of_part(
    ranges: Iterator[tuple[KeyFiles, int]], parts: int, part: int, memory: int
) -> Iterator[npt.NDArray[np.int64]]:
    """Yield pairs of records that share a key of a part: (pairs, 2), the first that has it first.

    A key that n records have gives n - 1 pairs: they connect its records, which is all that is
    wanted of them. `ranges` are the keys of all ranges, each with the number of its first record.
    Keys are taken as many at a time as `memory` bytes hold.
    """
    segments = [one for files, base in ranges for one in _segments(files, parts, part, base)]
    total = sum(one.size for one, _ in segments)
    # So many ranges of keys, one in memory at a time: equal keys are always in one.
    steps = max(1, -(-total * _BYTES_PER_ENTRY // memory))
    cuts = [_cuts(one, steps) for one, _ in segments]
    for step in range(steps):
        keys, records = [], []
        for (one, base), cut in zip(segments, cuts, strict=True):
            begin, end = cut[step : step + 2]
            if begin == end:
                continue
            own, rows = one.read(begin, end)
            keys.append(own)
            records.append(rows + base)
        if keys:
            yield _pairs(np.concatenate(keys), np.concatenate(records))


def _cuts(one: Segment, steps: int) -> list[int]:
    """Return which keys of each step are the first, as keys are spread evenly."""
    if steps == 1:
        return [0, one.size]
    bounds = [(number << one.bits) // steps for number in range(1, steps)]
    keys, _ = one.read(0, one.size)
    return [0, *np.searchsorted(keys, np.array(bounds, np.uint64)).tolist(), one.size]


def _pairs(keys: Hashes, records: IntArray) -> npt.NDArray[np.int64]:
    order = np.argsort(keys, kind="stable")  # records ascend, and so they do within a key
    keys, records = keys[order], records[order]
    begins = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    counts = np.diff(begins, append=len(keys))
    firsts = np.repeat(records[begins], counts)
    # The first of a key is no pair with itself.
    others = firsts != records
    firsts, records = firsts[others], records[others]
    order = np.lexsort((records, firsts))
    # Two records may share several keys of a part: one pair is enough.
    pairs = np.column_stack((firsts[order], records[order]))
    fresh = np.ones(len(pairs), np.bool_)
    fresh[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    return pairs[fresh]
