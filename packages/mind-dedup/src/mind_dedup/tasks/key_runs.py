"""The keys of a range's records on disk: eight bytes a key, sorted, so that equal keys meet.

An entry holds 44 bits of a key and the row of its run that has it. Further bits of the key say
which of the parts it belongs to. Keys that agree in all of these and differ in others bring records
together that share no key; that is harmless, as what is brought together is compared by whole keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mind_core.kernels.hashing import Hashes, finalize
from mind_dedup.tasks.sections import IntArray

_ROW_BITS = 20
MAX_ROWS = 1 << _ROW_BITS
_ROWS = np.uint64(MAX_ROWS - 1)
KEY_BITS = 64 - _ROW_BITS

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
            entries = ((mixed << np.uint64(_ROW_BITS)) | rows)[np.argsort(part, kind="stable")]
            begins = np.concatenate(([0], np.cumsum(np.bincount(part, minlength=self.parts))))
            for begin, end in pairwise(begins.tolist()):
                entries[begin:end].sort()
            self._entries.write(entries.tobytes())
            self._table.write(
                # A row of the table: the number of row 0, then where each part begins, and the end.
                np.array([self._first, *(begins + self._written)], np.int64).tobytes()
            )
            self._written += len(entries)
        self._keys, self._rows, self._held, self._first = [], [], 0, self.rows


def parts_of(keys: Hashes, parts: int) -> npt.NDArray[np.uint16]:
    """Return which part each key belongs to, by its upper half."""
    return (((keys >> np.uint64(32)) * np.uint64(parts)) >> np.uint64(32)).astype(np.uint16)


@dataclass(frozen=True)
class _Slice:
    """Sorted entries of one run and part: where they lie, and the number of row 0."""

    entries: Path
    begin: int
    size: int
    base: int


def _slices(files: KeyFiles, parts: int, part: int, base: int) -> Iterator[_Slice]:
    width = 8 * (parts + 2)
    with files.table.open("rb") as file:
        for run in range(files.table.stat().st_size // width):
            file.seek(run * width)
            # Two reads of a few bytes: the whole row has as many numbers as there are parts.
            first = int.from_bytes(file.read(8), "little")
            file.seek(run * width + 8 * (part + 1))
            begin, end = np.frombuffer(file.read(16), np.int64).tolist()
            if end > begin:
                yield _Slice(files.entries, begin, end - begin, base + first)


def pairs_of_part(
    ranges: Iterator[tuple[KeyFiles, int]], parts: int, part: int, memory: int
) -> Iterator[npt.NDArray[np.int64]]:
    """Yield pairs of records that share a key of a part: (pairs, 2), the first that has it first.

    A key that n records have gives n - 1 pairs: they connect its records, which is all that is
    wanted of them. `ranges` are the keys of all ranges, each with the number of its first record.
    Keys are taken as many at a time as `memory` bytes hold.
    """
    slices = [one for files, base in ranges for one in _slices(files, parts, part, base)]
    total = sum(one.size for one in slices)
    # So many ranges of keys, one in memory at a time: equal keys are always in one.
    steps = max(1, -(-total * _BYTES_PER_ENTRY // memory))
    cuts = [_cuts(one, steps) for one in slices]
    for step in range(steps):
        keys, records = [], []
        for one, cut in zip(slices, cuts, strict=True):
            begin, end = cut[step : step + 2]
            if begin == end:
                continue
            entries = np.fromfile(one.entries, np.uint64, end - begin, offset=8 * begin)
            keys.append(entries >> np.uint64(_ROW_BITS))
            records.append((entries & _ROWS).astype(np.int64) + one.base)
        if keys:
            yield _pairs(np.concatenate(keys), np.concatenate(records))


def _cuts(one: _Slice, steps: int) -> list[int]:
    """Return where the entries of each step begin, as keys are spread evenly."""
    ends = [one.begin, one.begin + one.size]
    if steps == 1:
        return ends
    bounds = [(number << KEY_BITS) // steps << _ROW_BITS for number in range(1, steps)]
    entries = np.memmap(one.entries, np.uint64, "r", 8 * one.begin, (one.size,))
    inner = np.searchsorted(entries, np.array(bounds, np.uint64)) + one.begin
    return [ends[0], *inner.tolist(), ends[1]]


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
