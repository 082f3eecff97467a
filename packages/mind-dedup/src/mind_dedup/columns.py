"""What is known of the records of a batch, without an object for each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast, overload

import numpy as np
import numpy.typing as npt

T = TypeVar("T")
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LineSpans(Sequence[bytes]):
    """Hold some pieces of one block of bytes: row i is `data[begins[i] : ends[i]]`."""

    data: bytes
    begins: IntArray
    ends: IntArray

    def __len__(self) -> int:
        return len(self.begins)

    @overload
    def __getitem__(self, row: int) -> bytes: ...
    @overload
    def __getitem__(self, row: slice) -> LineSpans: ...
    def __getitem__(self, row: int | slice) -> bytes | LineSpans:
        if isinstance(row, slice):
            return LineSpans(self.data, self.begins[row], self.ends[row])
        return self.data[self.begins[row] : self.ends[row]]

    def __iter__(self) -> Iterator[bytes]:
        data = self.data
        for begin, end in zip(self.begins.tolist(), self.ends.tolist(), strict=True):
            yield data[begin:end]

    def lines(self, rows: IntArray) -> list[bytes]:
        """Return some rows that are lines, with their line feeds; neighbours are in one piece."""
        if not len(rows):
            return []
        begins, ends = self.begins[rows], self.ends[rows]
        # Between neighbours lies one byte, a line feed; anything else is a gap.
        breaks = np.flatnonzero(begins[1:] != ends[:-1] + 1)
        first = begins[np.concatenate((np.zeros(1, np.int64), breaks + 1))].tolist()
        last = ends[np.append(breaks, len(rows) - 1)].tolist()
        data = self.data
        return [data[begin : end + 1] for begin, end in zip(first, last, strict=True)]


@dataclass(frozen=True, eq=False)
class DictionaryColumn(Sequence[str]):
    """Hold a name for each row, of which few are different."""

    names: Sequence[str]
    numbers: IntArray

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> DictionaryColumn: ...
    def __getitem__(self, row: int | slice) -> str | DictionaryColumn:
        if isinstance(row, slice):
            return DictionaryColumn(self.names, self.numbers[row])
        return self.names[int(self.numbers[row])]

    def __iter__(self) -> Iterator[str]:
        return map(self.names.__getitem__, self.numbers.tolist())


def picked(items: Sequence[T], rows: Sequence[int]) -> list[T]:
    """Return the items of some rows."""
    if not rows:
        return []
    if isinstance(items, LineSpans):
        data, begins, ends = items.data, items.begins[rows].tolist(), items.ends[rows].tolist()
        spans: Any = [data[begin:end] for begin, end in zip(begins, ends, strict=True)]
        return cast(list[T], spans)
    if isinstance(items, DictionaryColumn):
        names: Any = [items.names[number] for number in items.numbers[rows].tolist()]
        return cast(list[T], names)
    return [items[row] for row in rows]


def counts_of(names: Sequence[str]) -> Counter[str]:
    """Return how often each name occurs."""
    if not isinstance(names, DictionaryColumn):
        return Counter(names)
    counts: Counter[str] = Counter()
    for name, count in zip(
        names.names, np.bincount(names.numbers, minlength=len(names.names)).tolist(), strict=True
    ):
        if count:
            counts[name] += count
    return counts
