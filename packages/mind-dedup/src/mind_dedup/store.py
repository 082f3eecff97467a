"""The records kept so far: their keys, sets and ids, in memory up to a bound, else on disk.

A block holds the records of one batch in columns. Written out, it is the same columns end to end,
so that a spilled block, a saved index and a block in memory are read by the same code.
"""

from __future__ import annotations

import os
import tempfile
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from mind_core.direct import full_disk_hint
from mind_core.errors import MindError
from mind_core.kernels.hashing import Hashes
from mind_dedup.fingerprints import Fingerprints

IntArray = npt.NDArray[np.int64]
Column = Any
"""An array, or a `Remote` one: both give arrays for slices."""


class Remote:
    """An array in a file, read a slice or a value at a time."""

    __slots__ = ("dtype", "file", "length", "offset")

    def __init__(self, file: BinaryIO, offset: int, length: int, dtype: npt.DTypeLike) -> None:
        self.file, self.offset, self.length = file, offset, length
        self.dtype = np.dtype(dtype)

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, part: slice) -> npt.NDArray[Any]: ...
    @overload
    def __getitem__(self, part: int) -> Any: ...
    def __getitem__(self, part: slice | int) -> Any:
        if isinstance(part, int):
            return self[part : part + 1].item()
        begin, end, _ = part.indices(self.length)
        width = self.dtype.itemsize
        size = (end - begin) * width
        try:
            # pread has no position in common: columns of one file are read in any order.
            data = os.pread(self.file.fileno(), size, self.offset + begin * width)
        except (OSError, ValueError) as error:
            raise _unreadable(self.file, error) from None
        # A file that got shorter would else give an array of fewer values than were asked for.
        if len(data) != size:
            raise _unreadable(self.file, "it was cut while it was in use")
        return np.frombuffer(data, self.dtype)


class RecordBlock(NamedTuple):
    """Hold some records in columns; the ends are those of each record in the column before."""

    keys: Column  # uint64
    key_ends: Column  # uint32
    sets: Column  # uint32, or uint64 for keys that decide
    set_ends: Column  # uint32
    ids: Column  # uint8: JSON
    id_ends: Column  # uint32

    @property
    def nbytes(self) -> int:
        """Return the bytes of all columns."""
        return sum(len(column) * column.dtype.itemsize for column in self)

    def write(self, file: BinaryIO) -> RecordBlock:
        """Write the columns at the end of a file; return the block that reads them from there."""
        columns = []
        for column in self:
            offset = file.tell()
            file.write(memoryview(column[:]).cast("B") if len(column) else b"")
            columns.append(Remote(file, offset, len(column), column.dtype))
        return RecordBlock(*columns)


class StoredRecords(NamedTuple):
    """Hold the keys and sets of some kept records, end to end."""

    keys: Hashes
    key_ends: IntArray
    sets: npt.NDArray[np.unsignedinteger]
    set_ends: IntArray


@dataclass
class Store:
    """Hold the kept records by their number, in the order of keeping."""

    memory: int = 1 << 62
    """Bytes that blocks may take in memory; the oldest go to disk first."""

    def __post_init__(self) -> None:
        self._blocks: list[RecordBlock] = []
        self._columns: list[tuple[Any, ...]] = []
        """The same; of columns in memory the buffers, which give a row faster than arrays do."""
        self._firsts: list[int] = []
        self._count = 0
        self._held = 0
        self._oldest_held = 0
        self._file: BinaryIO | None = None

    def __len__(self) -> int:
        return self._count

    @property
    def bytes_held(self) -> int:
        """Return the memory that blocks hold."""
        return self._held

    @property
    def bytes_spilled(self) -> int:
        """Return the bytes written to disk."""
        return self._file.tell() if self._file is not None else 0

    def add(
        self, prints: Fingerprints, keep: npt.NDArray[np.bool_], entered: npt.NDArray[np.bool_]
    ) -> None:
        """Keep the marked rows of a batch, with those of their keys that were entered."""
        rows = np.flatnonzero(keep)
        sizes = np.diff(prints.set_ends, prepend=0)
        key_counts = np.bincount(prints.key_rows()[entered], minlength=len(prints))[rows]
        everything = len(rows) == len(prints)
        sets = prints.sets if everything else prints.sets[np.repeat(keep, sizes)]
        key_ends = np.cumsum(key_counts, dtype=np.uint32)
        set_ends = np.cumsum(sizes[rows], dtype=np.uint32)
        self.put(block_of(prints, rows, prints.keys[entered], key_ends, sets, set_ends))

    def put(self, block: RecordBlock) -> None:
        """Take over a block in memory; the oldest go to disk if there are too many."""
        if len(block.key_ends):
            self.attach(block)
            self._spill()

    def attach(self, block: RecordBlock) -> None:
        """Take a block over as it is, in memory or on disk."""
        self._blocks.append(block)
        self._firsts.append(self._count)
        self._count += len(block.key_ends)
        if isinstance(block.keys, Remote):
            self._columns.append(block)
        else:
            self._columns.append(tuple(map(memoryview, block)))
            self._held += block.nbytes

    def id_of(self, number: int) -> bytes:
        """Return the id of a kept record, as JSON."""
        place = bisect_right(self._firsts, number) - 1
        *_, ids, ends = self._columns[place]
        begin, end = _span(ends, number - self._firsts[place])
        return bytes(ids[begin:end])

    def gather(self, numbers: Sequence[int]) -> StoredRecords:
        """Return the keys and sets of kept records."""
        # Without any there may be no block to take the type of the sets from.
        if not numbers:
            empty = np.zeros(0, np.int64)
            return StoredRecords(empty.view(np.uint64), empty, np.zeros(0, np.uint32), empty)
        keys: list[Any] = []
        sets: list[Any] = []
        firsts, columns = self._firsts, self._columns
        for number in numbers:
            place = bisect_right(firsts, number) - 1
            row = number - firsts[place]
            all_keys, key_ends, all_sets, set_ends, _, _ = columns[place]
            keys.append(all_keys[key_ends[row - 1] if row else 0 : key_ends[row]])
            sets.append(all_sets[set_ends[row - 1] if row else 0 : set_ends[row]])
        return StoredRecords(
            np.frombuffer(b"".join(keys), np.uint64),
            np.cumsum([len(own) for own in keys], dtype=np.int64),
            np.frombuffer(b"".join(sets), self._blocks[0].sets.dtype),
            np.cumsum([len(own) for own in sets], dtype=np.int64),
        )

    def stretch(self, first: int, stop: int) -> tuple[StoredRecords, list[bytes]]:
        """Return the keys, sets and ids of neighbours, which takes few looks into a file."""
        parts: list[list[npt.NDArray[Any]]] = []
        place = bisect_right(self._firsts, first) - 1
        while first < stop:
            block, begin = self._blocks[place], self._firsts[place]
            low, high = first - begin, min(stop - begin, len(block.key_ends))
            parts.append(
                [
                    *_rows_of(block.keys, block.key_ends, low, high),
                    *_rows_of(block.sets, block.set_ends, low, high),
                    *_rows_of(block.ids, block.id_ends, low, high),
                ]
            )
            first, place = begin + high, place + 1
        keys, key_sizes, sets, set_sizes, ids, id_sizes = map(
            np.concatenate, zip(*parts, strict=True)
        )
        data, ends = ids.tobytes(), np.cumsum(id_sizes).tolist()
        # Not strict: the first list has one more, the end of the last.
        names = [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
        return StoredRecords(keys, np.cumsum(key_sizes), sets, np.cumsum(set_sizes)), names

    def block_start(self, number: int) -> int:
        """Return the first record of the block of kept records that holds a record."""
        return self._firsts[bisect_right(self._firsts, number) - 1]

    def sizes(self) -> Iterator[tuple[int, int, int]]:
        """Yield of each block its first record, its keys, and its records."""
        for begin, block in zip(self._firsts, self._blocks, strict=True):
            yield begin, len(block.keys), len(block.key_ends)

    def keys_of_records(
        self, first: int = 0, stop: int | None = None
    ) -> Iterator[tuple[Hashes, IntArray]]:
        """Yield all entered keys with the numbers of their records, block by block.

        Without the blocks that begin before `first`, or at `stop` and after.
        """
        start = bisect_left(self._firsts, first)
        end = len(self._firsts) if stop is None else bisect_left(self._firsts, stop)
        for begin, block in zip(self._firsts[start:end], self._blocks[start:end], strict=True):
            counts = np.diff(block.key_ends[:].astype(np.int64), prepend=0)
            yield block.keys[:], np.repeat(np.arange(begin, begin + len(counts)), counts)

    def blocks(self, first: int = 0) -> Iterator[RecordBlock]:
        """Yield the blocks from a record on that begins one."""
        for begin, block in zip(self._firsts, self._blocks, strict=True):
            if begin >= first:
                yield block

    def commit(self) -> None:
        """Make what was added count; in memory there is nothing to do."""

    def _spill(self) -> None:
        """Write the oldest blocks to disk until the others fit."""
        while self._held > self.memory and self._oldest_held < len(self._blocks):
            block = self._blocks[self._oldest_held]
            # Blocks of an index lie on disk already.
            if not isinstance(block.keys, Remote):
                if self._file is None:
                    self._file = tempfile.TemporaryFile(prefix="mind-dedup-")  # noqa: SIM115
                self._held -= block.nbytes
                try:
                    written = block.write(self._file)
                    self._blocks[self._oldest_held] = written
                    self._columns[self._oldest_held] = written
                    self._file.flush()
                except OSError as error:
                    raise MindError(
                        f"cannot write to {tempfile.gettempdir()}",
                        cause=error.strerror,
                        hint=f"{full_disk_hint(error)}; TMPDIR names another folder",
                    ) from None
            self._oldest_held += 1


def block_of(
    prints: Fingerprints,
    rows: IntArray,
    keys: Column,
    key_ends: Column,
    sets: Column,
    set_ends: Column,
) -> RecordBlock:
    """Return the block of some rows of a batch from their other columns."""
    own = [prints.ids[row] for row in rows.tolist()]
    id_ends = np.cumsum([len(one) for one in own], dtype=np.uint32)
    ids = np.frombuffer(b"".join(own), np.uint8)
    return RecordBlock(keys, key_ends, sets, set_ends, ids, id_ends)


def _unreadable(file: BinaryIO, cause: str | BaseException) -> MindError:
    """Return the error for what a run cannot read of an index, or of its own temporary file."""
    name = file.name if isinstance(file.name, str) else "a temporary file"
    return MindError(
        f"{name} is damaged, or its disk is",
        cause=cause,
        hint="bring an index back from a copy, or make it again from its records",
    )


def _rows_of(column: Column, ends: Column, low: int, high: int) -> list[npt.NDArray[Any]]:
    """Return what some neighbouring rows have in a column, and how much each of them has."""
    edges = np.asarray(ends[max(low - 1, 0) : high], np.int64)
    if not low:
        # Ends only: row 0 begins where nothing says it.
        edges = np.concatenate((np.zeros(1, np.int64), edges))
    return [np.asarray(column[int(edges[0]) : int(edges[-1])]), np.diff(edges)]


def _span(ends: Column, row: int) -> tuple[int, int]:
    return (ends[row - 1] if row else 0), ends[row]
