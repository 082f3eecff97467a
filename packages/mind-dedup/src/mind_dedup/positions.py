"""Where records came from, as ids may repeat: `file:line` of those that stay, how many repeat."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import xxhash

from mind_core.kernels.hashing import Hashes
from mind_core.stream import Batch
from mind_dedup.columns import IntArray, LineSpans

_LINE_BITS = 40
"""A position is the number of a file and of a line in 64 bits: 2⁴⁰ lines each, 8 million files."""


class Positions:
    """Hold `file:line` of the kept records by their number, eight bytes each."""

    def __init__(self, first: int = 0) -> None:
        """Begin with record number `first`: those before are of indexes."""
        self.first = first
        self._files: dict[str, int] = {}
        self._file_names: list[str] = []
        self._kept = array("q")

    def packed(self, name: str, lines: IntArray) -> IntArray:
        """Return lines of a file as single numbers, for `keep`."""
        number = self._files.setdefault(name, len(self._files))
        if number == len(self._file_names):
            self._file_names.append(name)
        return lines.astype(np.int64) + (number << _LINE_BITS)

    def keep(self, packed: IntArray | Iterable[int]) -> None:
        """Note where the next kept records came from."""
        if isinstance(packed, np.ndarray):
            self._kept.frombytes(np.ascontiguousarray(packed, np.int64).tobytes())
        else:
            self._kept.extend(packed)

    def name(self, packed: int) -> str:
        """Return `file:line` of a single number."""
        file = self._file_names[packed >> _LINE_BITS]
        return f"{file}:{packed & ((1 << _LINE_BITS) - 1)}"

    def of(self, number: int) -> str | None:
        """Return `file:line` of a kept record, None for one of an index."""
        place = number - self.first
        return self.name(self._kept[place]) if 0 <= place < len(self._kept) else None


class RepeatedIds:
    """Count the records whose id an earlier one has, by 64-bit hashes: eight bytes a record."""

    def __init__(self) -> None:
        self._hashes = array("Q")

    def add(self, hashes: Hashes) -> None:
        """Take the ids of a batch."""
        self._hashes.frombytes(hashes.tobytes())

    def count(self) -> tuple[int, int]:
        """Return how many records there were, and how many had an id that was there before."""
        total = len(self._hashes)
        if not total:
            return 0, 0
        hashes = np.frombuffer(self._hashes, np.uint64).copy()
        hashes.sort()
        return total, int((hashes[1:] == hashes[:-1]).sum())


def hashes_of(ids: Sequence[bytes]) -> Hashes:
    """Return a 64-bit hash of each id."""
    digest = xxhash.xxh3_64_digest
    if isinstance(ids, LineSpans):
        data = memoryview(ids.data)
        pairs = zip(ids.begins.tolist(), ids.ends.tolist(), strict=True)
        found = b"".join([digest(data[begin:end]) for begin, end in pairs])
    else:
        found = b"".join(map(digest, ids))
    return np.frombuffer(found, ">u8").astype(np.uint64)


def lines_of(batch: Batch, lines: LineSpans) -> npt.NDArray[np.int64]:
    """Return the number of each line of a batch in its file; blank lines are left out."""
    numbers = np.arange(batch.first_line, batch.first_line + len(lines))
    breaks = batch.data.count(b"\n") + (not batch.data.endswith(b"\n"))
    if breaks == len(lines):
        return numbers
    feeds = np.flatnonzero(np.frombuffer(batch.data, np.uint8) == 0x0A)
    return batch.first_line + np.searchsorted(feeds, lines.begins)
