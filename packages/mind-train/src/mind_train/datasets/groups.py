"""Rows of some of the groups of a split: their documents as one stream, cut into windows of T+1.

Documents stay mapped: what is kept in memory is the tokens of each group in each block of documents
(8 bytes a block and group). A row finds its block there, and its documents in the block.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from mind_core import MindError
from mind_tok.shards import Shard
from mind_train.data import Example, Flags, Ids

# Larger blocks take less memory, and more documents to be looked through for each row.
BLOCK = 4096  # documents


class GroupIndex:
    """Count the tokens of each group in each block of documents; a block is of one shard."""

    def __init__(self, shards: Sequence[Shard], groups: int) -> None:
        self.shards = shards
        self.blocks: list[tuple[int, int]] = []  # shard, first document in it
        counts: list[Ids] = []
        for number, shard in enumerate(shards):
            for first in range(0, len(shard.ends), BLOCK):
                self.blocks.append((number, first))
                begins, ends, of = self.documents(len(self.blocks) - 1)
                sums = np.zeros(groups, dtype=np.int64)
                # add.at, because a group occurs many times in a block: `sums[of] +=` would count
                # the last alone.
                np.add.at(sums, of, ends - begins)
                counts.append(sums)
        # Also where there is no block at all, so that the columns are there.
        self.counts: Ids = np.array(counts, dtype=np.int64).reshape(-1, groups)  # (blocks, groups)

    def documents(self, block: int) -> tuple[Ids, Ids, Ids]:
        """Give where the documents of a block begin and end in their shard, and their groups."""
        number, first = self.blocks[block]
        shard = self.shards[number]
        ends = np.asarray(shard.ends[first : first + BLOCK], dtype=np.int64)
        # Ends are cumulative in a shard: a block's first document begins where the one before it
        # ends.
        before = int(shard.ends[first - 1]) if first else 0
        begins = np.concatenate(([before], ends[:-1]))
        return begins, ends, np.asarray(shard.groups[first : first + BLOCK], dtype=np.int64)

    def tokens(self, group: int) -> int:
        """Count the tokens of a group."""
        return int(self.counts[:, group].sum())


class GroupDataset:
    """Windows over the documents of chosen groups, in the order they have in the shards.

    Each token is predicted once; the last, partial window is dropped and reported.
    """

    def __init__(
        self, index: GroupIndex, groups: Collection[int], sequence: int, name: str
    ) -> None:
        self.sequence, self.index = sequence, index
        self.chosen: Flags = np.isin(np.arange(index.counts.shape[1]), list(groups))
        # Where each block ends in the stream of the chosen groups: a row is found by bisection.
        self.ends: Ids = np.cumsum(index.counts[:, self.chosen].sum(axis=1))  # (blocks,)
        self.tokens = int(self.ends[-1]) if len(self.ends) else 0
        # Windows share a token at their borders, so n rows take n · T + 1.
        self.count = max(self.tokens - 1, 0) // sequence
        if self.count < 1:
            raise MindError(
                f"{name} has {self.tokens:,} training tokens: not one row of {sequence + 1}",
                hint="leave it out, encode more of it, or make train.sequence smaller",
            )

    def __len__(self) -> int:
        return self.count

    def row(self, number: int, epoch: int = 0) -> Example:  # noqa: ARG002
        """Read window ``number``: T+1 tokens from number · T on."""
        begin = number * self.sequence
        ids, documents, wanted = [], [], self.sequence + 1
        for place, part in enumerate(self._parts(begin)):
            ids.append(part[:wanted].astype(np.int64))
            # Counted from the row's first document: attention asks only whether two tokens are of
            # the same.
            documents.append(np.full(len(ids[-1]), place, dtype=np.int64))
            wanted -= len(ids[-1])
            if not wanted:
                break
        return Example(np.concatenate(ids), np.concatenate(documents))

    def _parts(self, begin: int) -> Iterator[Ids]:
        """Yield what documents hold from a place in the stream on, mapped."""
        # side="right" passes blocks that hold nothing of these groups: they end where they begin.
        first = int(np.searchsorted(self.ends, begin, side="right"))
        for block in range(first, len(self.ends)):
            # Only the first block is entered in its middle.
            skip = begin - (int(self.ends[block - 1]) if block else 0) if block == first else 0
            shard = self.index.shards[self.index.blocks[block][0]]
            begins, ends, of = self.index.documents(block)
            mine = self.chosen[of]
            begins, ends = begins[mine], ends[mine]
            inside = np.cumsum(ends - begins)
            for i in range(int(np.searchsorted(inside, skip, side="right")), len(ends)):
                # Only the first document is entered in its middle.
                into = max(skip - (int(inside[i - 1]) if i else 0), 0)
                # An empty document has nothing to read, and would use up a number.
                if begins[i] + into < ends[i]:
                    yield shard.ids[int(begins[i]) + into : int(ends[i])]

    def notes(self) -> list[str]:
        """Say nothing: what is left over is at most a row of each source."""
        return []
