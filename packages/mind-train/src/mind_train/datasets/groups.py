"""Rows of some of the groups of a split: their documents as one stream, cut into windows of T+1."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from mind_core import MindError
from mind_train.data import Documents, Example, Ids


class GroupDataset:
    """Windows over the documents of chosen groups, in the order they have in the shards.

    Each token is predicted once; the last, partial window is dropped and reported.
    """

    def __init__(
        self, documents: Documents, groups: Collection[int], sequence: int, name: str
    ) -> None:
        self.sequence, self.documents = sequence, documents
        self.numbers: Ids = np.flatnonzero(np.isin(documents.groups, list(groups)))
        self.ends: Ids = np.cumsum(documents.lengths[self.numbers])
        self.tokens = int(self.ends[-1]) if len(self.ends) else 0
        self.count = max(self.tokens - 1, 0) // sequence
        if self.count < 1:
            raise MindError(
                f"{name} has {self.tokens:,} training tokens: not one row of {sequence + 1}",
                hint="leave it out, encode more of it, or make train.sequence smaller",
            )

    def __len__(self) -> int:
        return self.count

    def row(self, number: int) -> Example:
        """Read window ``number``: T+1 tokens from number · T on."""
        begin = number * self.sequence
        end = begin + self.sequence + 1
        place = int(np.searchsorted(self.ends, begin, side="right"))
        ids, documents, first = [], [], place
        while begin < end:
            whole, _ = self.documents.read(int(self.numbers[place]))
            start = int(self.ends[place]) - len(whole)
            part = whole[begin - start : end - start]
            ids.append(part)
            documents.append(np.full(len(part), place - first, dtype=np.int64))
            begin, place = begin + len(part), place + 1
        return Example(np.concatenate(ids), np.concatenate(documents))

    def notes(self) -> list[str]:
        """Say nothing: what is left over is at most a row of each source."""
        return []
