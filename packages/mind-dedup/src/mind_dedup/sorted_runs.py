"""More kept records than memory: keys go to disk as sorted runs, and a chunk is merged with them.

The table in memory holds the newest records. When it reaches its share of the bound, its keys are
sorted and written. From then on records are taken in chunks: the keys of a chunk are sorted and
merged with each run from end to end, and the matches wait for the records they belong to.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from mind_core.direct import full_disk_hint
from mind_core.errors import MindError
from mind_core.kernels.hashing import Hashes
from mind_dedup.deduplicator import Deduplicator
from mind_dedup.fingerprints import Fingerprints
from mind_dedup.key_table import KeyTable
from mind_dedup.store import IntArray, Remote, Store

_PIECE = 1 << 18
"""Entries of a run that are read at a time."""

_BYTES_PER_ROW = 3000
"""What a record of a chunk takes while its keys are sorted and merged, generously."""

_ROWS_AT_ONCE = 1024


@dataclass
class SortedRuns:
    """Hold the keys of records on disk: sorted keys, and the number of each one's record."""

    runs: list[tuple[Remote, Remote, int]] = field(default_factory=list)
    """Keys, the numbers of their records from the third on, which is the first of them."""

    _file: BinaryIO | None = None

    @property
    def bytes_on_disk(self) -> int:
        """Return the size of all runs."""
        return sum(12 * len(keys) for keys, _, _ in self.runs)

    def write(self, keys: Hashes, numbers: IntArray) -> None:
        """Sort keys and write them as a run."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="mind-dedup-")  # noqa: SIM115 - nameless
        order = np.argsort(keys)
        columns: list[Remote] = []
        first = int(numbers.min(initial=1 << 62)) if len(numbers) else 0
        # Numbers relative to the run's first fit into 32 bits: 12 bytes an entry, not 16.
        both: tuple[Any, Any] = keys[order], (numbers[order] - first).astype(np.uint32)
        try:
            for column in both:
                columns.append(Remote(self._file, self._file.tell(), len(column), column.dtype))
                self._file.write(memoryview(column).cast("B"))
            self._file.flush()
        except OSError as error:
            raise MindError(
                f"cannot write to {tempfile.gettempdir()}",
                cause=error.strerror,
                hint=f"{full_disk_hint(error)}; TMPDIR names another folder",
            ) from None
        self.runs.append((columns[0], columns[1], first))

    def find(self, keys: Hashes) -> tuple[IntArray, IntArray]:
        """Return which places of `keys` have which records, in the order of the places."""
        # Both sides sorted: a run is read once from end to end, and nothing is searched for.
        order = np.argsort(keys, kind="stable")
        wanted = keys[order]
        places: list[IntArray] = [np.zeros(0, np.int64)]
        found: list[IntArray] = [np.zeros(0, np.int64)]
        for run_keys, run_numbers, first_number in self.runs:
            # Pieces of 2 MiB of keys: a run is never whole in memory.
            for begin in range(0, len(run_keys), _PIECE):
                held = run_keys[begin : begin + _PIECE]
                low = int(np.searchsorted(wanted, held[0]))
                high = int(np.searchsorted(wanted, held[-1], side="right"))
                first = np.searchsorted(held, wanted[low:high])
                counts = np.searchsorted(held, wanted[low:high], side="right") - first
                if not counts.any():
                    continue
                # 0, 1, … within the entries of each wanted key: `first` is where they begin.
                steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
                numbers = run_numbers[begin : begin + _PIECE].astype(np.int64) + first_number
                places.append(np.repeat(order[low:high], counts))
                found.append(numbers[np.repeat(first, counts) + steps])
        place, number = np.concatenate(places), np.concatenate(found)
        by_place = np.argsort(place, kind="stable")
        return place[by_place], number[by_place]


class TieredIndex:
    """The newest records in a table, those before in runs; of these the matches are laid ready."""

    def __init__(self, store: Store, max_bytes: int, make: Callable[[int], Any]) -> None:
        self.store, self.max_bytes, self._make = store, max_bytes, make
        self.runs = SortedRuns()
        self._first = 0
        self._table: Any = None if len(store) else make(0)
        self._ready: tuple[IntArray, IntArray] = (np.zeros(0, np.int64), np.zeros(0, np.int64))
        self._at = 0
        if len(store):  # an index that was read
            self._write_runs()

    def prepare(self, keys: Hashes) -> None:
        """Merge the keys of a chunk with all runs; `find` is then asked for them in their order."""
        self._ready = self.runs.find(keys)
        self._at = 0

    def find(self, keys: Hashes) -> tuple[IntArray, IntArray]:
        """Return places and numbers for the next keys of the chunk."""
        places, numbers = self._table.find(keys)
        # `prepare` was given the chunk as a whole: these keys are its next ones.
        low, high = np.searchsorted(self._ready[0], [self._at, self._at + len(keys)])
        place = np.concatenate((self._ready[0][low:high] - self._at, places))
        number = np.concatenate((self._ready[1][low:high], numbers))
        self._at += len(keys)
        order = np.argsort(place, kind="stable")
        return place[order], number[order]

    def add(self, keys: Hashes, records: IntArray) -> None:
        """Enter keys into the table."""
        self._table.add(keys, records)

    def spill(self) -> None:
        """Write the table's keys as runs if it has grown over its share, and begin a new one."""
        if self._table.bytes_held > self.max_bytes:
            self._write_runs()

    def _write_runs(self) -> None:
        # Before the new columns: a table and what is sorted would be twice the share.
        self._table = None
        keys: list[Hashes] = []
        numbers: list[IntArray] = []
        size = 0
        for block_keys, block_numbers in self.store.keys_of_records(self._first):
            keys.append(block_keys)
            numbers.append(block_numbers)
            # 16 bytes for a key and its number, as many laid end to end, and 8 for their order.
            size += 40 * len(block_keys)
            if size >= self.max_bytes:
                self.runs.write(np.concatenate(keys), np.concatenate(numbers))
                keys, numbers, size = [], [], 0
        if keys:
            self.runs.write(np.concatenate(keys), np.concatenate(numbers))
        self._first = len(self.store)
        self._table = self._make(self._first)


@dataclass
class ChunkedDeduplicator:
    """Take rows in chunks that fit into memory, and keep the decider's index within its share."""

    decider: Deduplicator
    memory: int

    def __post_init__(self) -> None:
        store = self.decider.store

        def make(first: int) -> KeyTable:
            return KeyTable(lambda: store.keys_of_records(first), first)

        self.index = TieredIndex(store, self.memory // 4, make)
        self.decider.index = self.index

    def parts(
        self, rows: IntArray, prints_of: Callable[[tuple[int, ...]], Fingerprints]
    ) -> Iterator[tuple[tuple[int, ...], Fingerprints]]:
        """Yield parts of the rows with their prints, each decided before the next is asked for."""
        # A fourth of the memory for a chunk, as for the table, the store, and what waits.
        step = max(self.memory // 4 // _BYTES_PER_ROW, 1)
        for chunk in in_parts(rows, step):
            # Before the first run all keys are in the table.
            if self.index.runs.runs:
                parts = in_parts(chunk, _ROWS_AT_ONCE)
                keys = [prints_of(part).keys for part in parts]
                self.index.prepare(np.concatenate(keys))
            for part in in_parts(chunk, _ROWS_AT_ONCE):
                yield part, prints_of(part)
            self.index.spill()


def in_parts(rows: Sequence[int] | IntArray, size: int) -> Iterator[tuple[int, ...]]:
    """Yield the rows, `size` at a time."""
    for begin in range(0, len(rows), size):
        part = rows[begin : begin + size]
        yield tuple(part.tolist() if isinstance(part, np.ndarray) else part)
