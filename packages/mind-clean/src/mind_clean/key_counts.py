"""Exact counts of 64-bit keys in bounded memory: what one pass over a stream hands to the next.

Keys wait in a buffer; a full buffer is sorted and counted to a run; runs that fill half of the
budget go to a temporary file. At the end the runs are merged, a range of keys at a time. Two
different things share a key by accident once in 2⁶⁴ pairs: about once in 40 runs over 10⁹ keys.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from mind_core.direct import full_disk_hint
from mind_core.errors import MindError, UsageError

Keys = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.uint32]

_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]+)?) ?([KMG])i?B?", re.IGNORECASE)
_BYTES_PER_KEY = 12
_SORTING_TAKES = 4
"""Sorting and counting a buffer needs about this many times its size."""


@dataclass(frozen=True)
class FrequentKeys:
    """Hold the keys that were counted often enough, sorted, with their counts."""

    keys: Keys
    counts: Counts

    def __len__(self) -> int:
        return len(self.keys)

    def counts_of(self, keys: Keys) -> Counts:
        """Return the count of each key, 0 for one that is not in the table."""
        if not len(self.keys):
            return np.zeros(len(keys), np.uint32)
        places = np.searchsorted(self.keys, keys)
        # A key above all others has its place behind the table; any valid place does, as the
        # comparison below then fails.
        places[places == len(self.keys)] = 0
        return np.where(self.keys[places] == keys, self.counts[places], np.uint32(0))


@dataclass
class KeyCounter:
    """Count keys within `budget` bytes of memory; more goes to disk."""

    budget: int
    _buffer: list[Keys] = field(default_factory=list)
    _buffered: int = 0
    _runs: list[tuple[Keys, Counts]] = field(default_factory=list)
    _spilled: list[tuple[int, int]] = field(default_factory=list)
    _file: BinaryIO | None = None

    def add(self, keys: Keys) -> None:
        """Count each of the keys once more."""
        if not len(keys):
            return
        self._buffer.append(keys)
        self._buffered += keys.nbytes
        # Half of the budget is for the buffer while it is sorted, half for the runs.
        if self._buffered * _SORTING_TAKES >= self.budget // 2:
            self._count_buffer()

    def add_counted(self, keys: Keys, counts: Counts) -> None:
        """Count keys, sorted and each there once, so many times more."""
        self._count_buffer()
        self._add_run(keys, counts)

    def table(self, min_count: int) -> FrequentKeys:
        """Return the keys that were counted at least so often."""
        found: list[FrequentKeys] = []
        held = 0
        for keys, counts in self._ranges():
            found.append(_with_min_count(keys, counts, min_count))
            held += len(found[-1]) * _BYTES_PER_KEY
            # Without a file the table is a part of what was in memory anyway.
            if self._spilled and held > self.budget:
                raise MindError(
                    f"what occurs {min_count} times or more takes over {self.budget >> 20} MiB",
                    hint="allow more memory, or ask for more occurrences",
                )
        return FrequentKeys(
            np.concatenate([table.keys for table in found]),
            np.concatenate([table.counts for table in found]),
        )

    def write(self, path: Path) -> None:
        """Write all keys with their counts, sorted, for `read_counted`: two files of one name."""
        with key_files(path)[0].open("wb") as first, key_files(path)[1].open("wb") as second:
            for keys, counts in self._ranges():
                keys.tofile(first)
                counts.tofile(second)

    def _count_buffer(self) -> None:
        if not self._buffer:
            return
        keys, counts = np.unique(np.concatenate(self._buffer), return_counts=True)
        self._buffer, self._buffered = [], 0
        self._add_run(keys, counts.astype(np.uint32))

    def _add_run(self, keys: Keys, counts: Counts) -> None:
        self._runs.append((keys, counts))
        # Merging holds the runs and their sum at once, twice their size.
        if self._in_runs() * 2 >= self.budget // 2:
            self._runs = [_merged(self._runs)]
            # Keys that repeat shrink to a few when merged, and then stay in memory; only what is
            # still large is written, or each further run would merge the same keys again.
            if self._in_runs() * 4 >= self.budget // 2:
                self._spill()

    def _in_runs(self) -> int:
        return sum(len(keys) for keys, _ in self._runs) * _BYTES_PER_KEY

    def _spill(self) -> None:
        """Write the runs in memory to the file, as one."""
        if not self._runs:
            return
        keys, counts = _merged(self._runs)
        self._runs = []
        if self._file is None:
            # Without a name: nothing is left behind, not even by a kill.
            self._file = tempfile.TemporaryFile(prefix="mind-")  # noqa: SIM115 - lives on
        try:
            self._spilled.append((self._file.seek(0, 2), len(keys)))
            keys.tofile(self._file)
            counts.tofile(self._file)
            self._file.flush()
        except OSError as error:
            raise MindError(
                f"cannot write to {tempfile.gettempdir()}, where counts wait",
                cause=error.strerror,
                hint=f"{full_disk_hint(error)}; TMPDIR=/another/folder lets them wait elsewhere",
            ) from error

    def _ranges(self) -> Iterator[tuple[Keys, Counts]]:
        """Yield all keys with their counts, a range of keys at a time, in order."""
        self._count_buffer()
        if not self._spilled:
            yield _merged(self._runs)
            return
        self._spill()
        assert self._file is not None
        runs = [
            (
                # A run in the file is its keys, 8 bytes each, and behind them its counts, 4 bytes
                # each.
                np.memmap(self._file, np.uint64, "r", offset, (size,)),
                np.memmap(self._file, np.uint32, "r", offset + 8 * size, (size,)),
            )
            for offset, size in self._spilled
        ]
        total = sum(size for _, size in self._spilled) * _BYTES_PER_KEY
        parts = max(1, -(-total * _SORTING_TAKES // (self.budget // 2)))
        # The keys are hashes, so equal ranges of them hold about equally many.
        edges = np.array([2**64 * part // parts for part in range(1, parts)], np.uint64)
        cuts = [[0, *np.searchsorted(keys, edges).tolist(), len(keys)] for keys, _ in runs]
        for part in range(parts):
            slices = [
                (
                    np.array(keys[cut[part] : cut[part + 1]]),
                    np.array(counts[cut[part] : cut[part + 1]]),
                )
                for (keys, counts), cut in zip(runs, cuts, strict=True)
            ]
            yield _merged(slices)


def key_files(path: Path) -> tuple[Path, Path]:
    """Return the two files of keys and counts of a name."""
    return path.with_name(f"{path.name}.keys"), path.with_name(f"{path.name}.counts")


def read_counted(path: Path) -> FrequentKeys:
    """Return what `KeyCounter.write` or `write_table` wrote: pages of the files, read as needed."""
    first, second = key_files(path)
    # An empty file cannot be mapped to memory.
    if not first.stat().st_size:
        return FrequentKeys(np.zeros(0, np.uint64), np.zeros(0, np.uint32))
    return FrequentKeys(np.memmap(first, np.uint64, "r"), np.memmap(second, np.uint32, "r"))


def write_table(table: FrequentKeys, path: Path) -> None:
    """Write a table for `read_counted`."""
    first, second = key_files(path)
    table.keys.tofile(first)
    table.counts.tofile(second)


def bytes_of(size: str) -> int:
    """Return the bytes of a size such as "512M" or "2G" (powers of 1024)."""
    match = _SIZE.fullmatch(size.strip())
    if match is None:
        raise UsageError(f"{size!r} is no size", hint='for example "512M" or "2G"')
    return int(float(match[1]) * _UNITS[match[2].upper()])


def _merged(runs: list[tuple[Keys, Counts]]) -> tuple[Keys, Counts]:
    """Return the sum of some runs, each sorted, as one."""
    if len(runs) == 1:
        return runs[0]
    if not runs:
        return np.zeros(0, np.uint64), np.zeros(0, np.uint32)
    keys = np.concatenate([keys for keys, _ in runs])
    counts = np.concatenate([counts for _, counts in runs])
    order = np.argsort(keys, kind="stable")  # a merge sort: the parts are sorted already
    keys, counts = keys[order], counts[order]
    first = np.ones(len(keys), bool)
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    if not len(starts):
        return keys, counts
    sums = np.add.reduceat(counts, starts, dtype=np.uint64)
    # Sums are made in 64 bits and stop at the largest of 32, so that a frequent key cannot wrap to
    # a small count.
    return keys[starts], np.minimum(sums, np.iinfo(np.uint32).max).astype(np.uint32)


def _with_min_count(keys: Keys, counts: Counts, min_count: int) -> FrequentKeys:
    enough = counts >= min_count
    return FrequentKeys(keys[enough], counts[enough])
