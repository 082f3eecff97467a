"""The records kept so far: their sets, to compare with exactly, and their ids."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mind_dedup.prints import Prints


class _Block(NamedTuple):
    """The kept records of one batch, laid end to end."""

    sets: npt.NDArray[np.unsignedinteger]
    set_ends: npt.NDArray[np.uint32]
    ids: bytes
    id_ends: npt.NDArray[np.uint32]


class Kept:
    """Hold sets and ids of kept records by their number, in the order of keeping."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._firsts: list[int] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def bytes_held(self) -> int:
        """Return the memory that sets and ids hold."""
        return sum(
            b.sets.nbytes + b.set_ends.nbytes + len(b.ids) + b.id_ends.nbytes for b in self._blocks
        )

    def set_of(self, number: int) -> npt.NDArray[np.unsignedinteger]:
        """Return the set of a kept record."""
        block, row = self._place(number)
        return block.sets[block.set_ends[row - 1] if row else 0 : block.set_ends[row]]

    def id_of(self, number: int) -> bytes:
        """Return the id of a kept record, as JSON."""
        block, row = self._place(number)
        return block.ids[block.id_ends[row - 1] if row else 0 : block.id_ends[row]]

    def add(self, prints: Prints, keep: npt.NDArray[np.bool_]) -> None:
        """Keep the marked rows of a batch."""
        rows = np.flatnonzero(keep)
        if not len(rows):
            return
        sizes = np.diff(prints.set_ends, prepend=0)
        sets = prints.sets[np.repeat(keep, sizes)]
        ids = [prints.ids[row] for row in rows]
        self._blocks.append(
            _Block(
                sets,
                np.cumsum(sizes[keep], dtype=np.uint32),
                b"".join(ids),
                np.cumsum([len(i) for i in ids], dtype=np.uint32),
            )
        )
        self._firsts.append(self._count)
        self._count += len(rows)

    def _place(self, number: int) -> tuple[_Block, int]:
        block = bisect_right(self._firsts, number) - 1
        return self._blocks[block], number - self._firsts[block]
