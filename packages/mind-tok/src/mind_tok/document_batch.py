"""Documents as ids, many in one array: what workers hand over and shards take in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Group(NamedTuple):
    """Where documents come from, and in which language they are."""

    source: str
    language: str


@dataclass(frozen=True)
class DocumentBatch:
    """Hold n documents end to end.

    Shapes: `ids` and `mask` (tokens,), `ends` (cumulative, in tokens), `sizes` (UTF-8 bytes) and
    `groups` (index into `names`) all (n,).
    """

    ids: NDArray[Any]
    ends: NDArray[np.int64]
    sizes: NDArray[np.int64]
    groups: NDArray[np.int64]
    names: tuple[Group, ...]
    mask: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Return the number of ids of each document, (n,)."""
        return np.diff(self.ends, prepend=np.int64(0))

    def document(self, number: int) -> tuple[NDArray[Any], NDArray[np.uint8] | None]:
        """Return the ids and the mask of one document."""
        start = int(self.ends[number - 1]) if number else 0
        at = slice(start, int(self.ends[number]))
        return self.ids[at], None if self.mask is None else self.mask[at]

    def take(self, numbers: Sequence[int] | NDArray[np.int64]) -> DocumentBatch:
        """Return some documents, by their numbers in ascending order, as a block of their own."""
        # All of them: the block itself, and nothing is copied.
        if len(numbers) == len(self):
            return self
        chosen = np.zeros(len(self), np.bool_)
        chosen[np.asarray(numbers, np.int64)] = True
        lengths = self.lengths
        tokens = np.repeat(chosen, lengths)
        return DocumentBatch(
            self.ids[tokens],
            np.cumsum(lengths[chosen]),
            self.sizes[chosen],
            self.groups[chosen],
            self.names,
            None if self.mask is None else self.mask[tokens],
        )


class GroupNames:
    """Number groups in the order of their first documents."""

    def __init__(self) -> None:
        self.numbers: dict[Group, int] = {}

    def number(self, group: Group) -> int:
        """Return the number of a group, a new one if it is new."""
        return self.numbers.setdefault(group, len(self.numbers))

    def all(self) -> tuple[Group, ...]:
        """Return all groups in the order of their numbers."""
        return tuple(self.numbers)
