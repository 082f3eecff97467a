"""Groups of records that keys connect: what is decided in one has no bearing on another.

A forest in a file on disk holds for each record how far before it its parent lies. Records of no
group, most of them, take no disk: the file has holes. What was written lies in the system's cache
of files, which it takes back when memory is short.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mind_core.kernels.hashing import finalize
from mind_dedup.tasks.key_runs import parts_of
from mind_dedup.tasks.sections import IntArray

_AT_ONCE = 1 << 22
"""Records that are looked at in one step of a pass over all."""

_ROOT = -1
"""Stands for the root of a group, once all are united."""


class Forest:
    """Unite records by their numbers, which may be any below 2⁶², and tell the root of each."""

    def __init__(self, path: Path, records: int) -> None:
        with path.open("wb") as file:
            # A hole of zeros; an empty file cannot be mapped.
            file.truncate(8 * max(records, 1))
        self._back: IntArray = np.asarray(np.memmap(path, np.int64, "r+"))
        self.records = records

    def unite(self, pairs: npt.NDArray[np.int64]) -> None:
        """Take pairs that belong together, (pairs, 2)."""
        left, right = pairs[:, 0], pairs[:, 1]
        while len(left):
            one, other = self.roots(left), self.roots(right)
            apart = one != other
            low = np.minimum(one, other)[apart]
            high = np.maximum(one, other)[apart]
            # The root of a group is its first record: parents lie before, so there is no circle.
            # maximum.at, as one root may be met with several others in one go; the farthest is
            # taken, and the next round unites the rest.
            np.maximum.at(self._back, high, high - low)
            left, right = low, high

    def roots(self, records: IntArray) -> IntArray:
        """Return the root of each record; ways become shorter on the way."""
        found = self._above(records)
        while True:
            above = self._above(found)
            if (above == found).all():
                return found
            # Each record now points as far up as was seen: the next walk from it is shorter.
            self._back[records] = records - above
            found = above

    def groups(self) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield the records that are in a group, ascending, each with the root of its group.

        Nothing can be united any more then.
        """
        for records in self._not_alone():
            # A root is 0 as a record without a group is: marked, it is told from those.
            self._back[np.unique(self.roots(records))] = _ROOT
        for records in self._not_alone():
            yield records, self.roots(records)

    def _above(self, records: IntArray) -> IntArray:
        return records - np.maximum(self._back[records], 0)

    def _not_alone(self) -> Iterator[IntArray]:
        for begin in range(0, self.records, _AT_ONCE):
            found = np.flatnonzero(self._back[begin : min(begin + _AT_ONCE, self.records)])
            if len(found):
                yield found + begin


def parts_of_groups(roots: IntArray, parts: int) -> npt.NDArray[np.uint16]:
    """Return which part of the next stage each group belongs to, spread evenly."""
    return parts_of(finalize(roots.astype(np.uint64)), parts)
