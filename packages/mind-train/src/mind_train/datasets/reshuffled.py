"""Text shards as rows whose documents stand in another order in each epoch.

Windows that are only shuffled show a document beside the same neighbours, cut at the same places,
each time it is read. Where text is read many times, another order of the documents gives other
windows: the order is a pure function of the seed, the source and the epoch, so a row is found by
epoch and number alone, and nothing has to be kept for a run that goes on. It costs 36 bytes of
memory a document, and 16 more from the second epoch on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mind_core import MindError
from mind_tok.shards import Shard
from mind_train.data import Example, Flags, Ids
from mind_train.permutation import splitmix

EPOCHS = 2
"""Orders that are kept: a step may read the end of one epoch and the beginning of the next."""


class ReshuffledDataset:
    """Windows over the documents of some groups, in an order of their own in each epoch.

    ``groups`` None is every group. Each epoch predicts each of its tokens once, but for those of
    the last, partial window, which are others in each epoch.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        sequence: int,
        seed: int,
        name: str = "the training split",
        groups: Collection[int] | None = None,
    ) -> None:
        self.sequence, self.shards, self.seed = sequence, shards, seed
        kept, begins, lengths = [], [], []
        for number, shard in enumerate(shards):
            ends = np.asarray(shard.ends, dtype=np.int64)
            sizes = np.diff(ends, prepend=0)
            chosen: Flags = sizes > 0  # an empty document is nowhere
            if groups is not None:
                chosen &= np.isin(np.asarray(shard.groups[:]), list(groups))
            # 20 bytes a document here: 4 for its shard, 8 each for its place and length. An order
            # takes 16.
            kept.append(np.full(int(chosen.sum()), number, dtype=np.int32))
            begins.append((ends - sizes)[chosen])
            lengths.append(sizes[chosen])
        self.shard_of = np.concatenate(kept)
        self.begins: Ids = np.concatenate(begins)
        self.lengths: Ids = np.concatenate(lengths)
        self.tokens = int(self.lengths.sum())
        # Windows share a token at their borders, so n rows take n · T + 1.
        self.count = max(self.tokens - 1, 0) // sequence
        if self.count < 1:
            raise MindError(
                f"{name} has {self.tokens:,} tokens: not one row of {sequence + 1}",
                hint="encode more text, or make train.sequence smaller",
            )
        # On the object and not on the class, where the cache would keep each dataset alive.
        self._order = lru_cache(EPOCHS)(self._make_order)

    def __len__(self) -> int:
        return self.count

    def _make_order(self, epoch: int) -> tuple[Ids, Ids]:
        """Give the documents of an epoch in their order, and where each ends in the stream."""
        # Another key than that of the rows (`permutation.row_of`), which are shuffled as well.
        key = splitmix(splitmix(splitmix(self.seed)) ^ epoch)
        # A hash of each number, sorted: the same on any machine, in any version of NumPy.
        scrambled = _scrambled(np.arange(len(self.lengths), dtype=np.uint64) ^ np.uint64(key))
        order: Ids = np.argsort(scrambled, kind="stable")
        return order, np.cumsum(self.lengths[order])

    def row(self, number: int, epoch: int = 0) -> Example:
        """Read window ``number`` of an epoch: T+1 tokens from number · T on."""
        order, ends = self._order(epoch)
        begin = number * self.sequence
        wanted, ids, documents = self.sequence + 1, [], []
        # A row that begins where a document ends begins with the next one.
        first = int(np.searchsorted(ends, begin, side="right"))
        for place in range(first, len(order)):
            document = int(order[place])
            length = int(self.lengths[document])
            # Only the first document is entered in its middle.
            into = begin - (int(ends[place]) - length) if place == first else 0
            start = int(self.begins[document]) + into
            stop = min(start + wanted, int(self.begins[document]) + length)
            shard = self.shards[int(self.shard_of[document])]
            ids.append(np.asarray(shard.ids[start:stop], dtype=np.int64))
            documents.append(np.full(stop - start, place - first, dtype=np.int64))
            wanted -= stop - start
            if not wanted:
                break
        return Example(np.concatenate(ids), np.concatenate(documents))

    def notes(self) -> list[str]:
        """Say what an epoch leaves out."""
        rest = self.tokens - 1 - self.count * self.sequence
        said = f"{len(self.lengths):,} documents in another order in each epoch"
        return [said + (f", {rest:,} tokens of each not used" if rest else "")]


def _scrambled(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Scramble 64 bits one to one, as ``permutation.splitmix`` does, for a whole array."""
    # Arrays of uint64 wrap around without a warning, which this arithmetic relies on.
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    last: npt.NDArray[np.uint64] = x ^ (x >> np.uint64(31))
    return last
