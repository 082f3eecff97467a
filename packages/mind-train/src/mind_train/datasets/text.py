"""Text shards as rows: the shards of a split are one stream, cut into windows of T+1 tokens.

Windows overlap by one token, so that each token is predicted once; the last, partial window is
dropped and reported. Every source and language is met in proportion to its tokens.
"""

from __future__ import annotations

import numpy as np

from mind_core import MindError
from mind_tok.shards import ShardSet
from mind_train.data import Example


class TextDataset:
    """Windows over the stream of all shards of a split."""

    def __init__(self, shards: ShardSet, sequence: int) -> None:
        self.sequence = sequence
        self.shards = shards.shards
        sizes = [len(s.ids) for s in self.shards]
        self.starts = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
        self.tokens = int(self.starts[-1])
        # Windows share a token at their borders, so n rows take n · T + 1.
        self.count = (self.tokens - 1) // sequence
        if self.count < 1:
            raise MindError(
                f"the training split has {self.tokens:,} tokens: not one row of {sequence + 1}",
                hint="encode more text, or make train.sequence smaller",
            )

    def __len__(self) -> int:
        return self.count

    def row(self, number: int, epoch: int = 0) -> Example:  # noqa: ARG002
        """Read window ``number``: T+1 tokens from number · T on, across shard borders."""
        begin = number * self.sequence
        end = begin + self.sequence + 1
        # The shard that holds a token; empty shards start where the next one does, and are passed
        # here and below.
        place = int(np.searchsorted(self.starts, begin, side="right")) - 1
        ids, documents, seen = [], [], 0
        while begin < end:
            shard, offset = self.shards[place], int(self.starts[place])
            stop = min(end, int(self.starts[place + 1]))
            place += 1
            if stop == begin:
                continue
            ids.append(np.asarray(shard.ids[begin - offset : stop - offset], dtype=np.int64))
            # As wide and unsigned as the ends themselves: else numpy would copy all of them.
            at = np.arange(begin - offset, stop - offset, dtype=np.uint64)
            # A token at an end is the first one of the next document.
            numbers = np.searchsorted(shard.ends, at, side="right")
            # Counted from the row's first document on, and over shards: attention asks only whether
            # two tokens are of the same one.
            documents.append(numbers - numbers[:1] + seen)
            seen = int(documents[-1][-1]) + 1
            begin = stop
        return Example(np.concatenate(ids), np.concatenate(documents))

    def notes(self) -> list[str]:
        """Say how many tokens the last window would have held."""
        rest = self.tokens - 1 - self.count * self.sequence
        return [f"{rest:,} tokens after the last whole row are not used"] if rest else []
