"""Token shards and what training reads from them: rows, documents, batches.

Shards are memory-mapped. A row is T+1 tokens; which row is read at which index is a pure function
(``permutation.py``), and what a row holds is another (``datasets/text.py``, ``datasets/chat.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mind_core import MindError
from mind_tok.shards import ShardSet

Ids = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Example:
    """T+1 tokens; ``mask`` says which of the T targets count, None is all of them."""

    ids: Ids
    documents: Ids
    mask: Flags | None = None


@dataclass(frozen=True)
class Batch:
    """Rows as tensors: ids [B, T+1], documents [B, T] of the inputs, mask [B, T] of the targets.

    ``keys`` [B] are numbers that what dropout leaves out of each row follows from.
    """

    ids: Tensor
    documents: Tensor | None
    mask: Tensor | None
    keys: Tensor | None = None

    @property
    def valid(self) -> int:
        """Count the targets that are trained on."""
        return self.inputs if self.mask is None else int(self.mask.sum())

    @property
    def inputs(self) -> int:
        """Count the tokens that go in."""
        return self.ids.shape[0] * (self.ids.shape[1] - 1)

    def trimmed(self) -> Batch:
        """Leave out what stands behind the last target of all rows: no document goes on there."""
        if self.mask is None:
            return self
        # Columns that count in some row; padding behind them costs as much as text.
        used = self.mask.any(0).nonzero()
        last = int(used[-1]) + 1 if len(used) else 1
        documents = None if self.documents is None else self.documents[:, :last]
        return Batch(self.ids[:, : last + 1], documents, self.mask[:, :last], self.keys)

    def part(self, start: int, stop: int, device: torch.device) -> Batch:
        """Give some of the rows, on a device."""

        def cut(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor[start:stop].to(device)

        return Batch(
            self.ids[start:stop].to(device), cut(self.documents), cut(self.mask), cut(self.keys)
        )


class Dataset(Protocol):
    """Rows of one split, found by number."""

    sequence: int

    def __len__(self) -> int: ...

    def row(self, number: int, epoch: int = 0) -> Example:
        """Read a row; what it holds may depend on how often all rows were read before."""
        ...

    def notes(self) -> list[str]:
        """Say what was left out."""
        ...


class DocumentIndex:
    """Find documents by number through all shards of a set; 24 bytes of memory for each."""

    def __init__(self, shards: ShardSet) -> None:
        self.shards = shards.shards
        counts = [len(s.ends) for s in self.shards]
        self.first = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        ends = [np.asarray(s.ends, dtype=np.int64) for s in self.shards]
        self.lengths: Ids = np.concatenate([np.diff(e, prepend=0) for e in ends])
        self.sizes: Ids = np.concatenate([np.asarray(s.sizes, np.int64) for s in self.shards])
        self.groups: Ids = np.concatenate([np.asarray(s.groups, np.int64) for s in self.shards])

    def __len__(self) -> int:
        return len(self.lengths)

    def read(self, number: int) -> tuple[Ids, Flags | None]:
        """Read one document's ids and, in chat shards, its mask."""
        # The shard whose first document is not after it.
        place = int(np.searchsorted(self.first, number, side="right")) - 1
        shard = self.shards[place]
        inside = number - int(self.first[place])
        stop = int(shard.ends[inside])
        start = stop - int(self.lengths[number])
        mask = None if shard.mask is None else np.asarray(shard.mask[start:stop], dtype=np.bool_)
        return np.asarray(shard.ids[start:stop], dtype=np.int64), mask


def stack(rows: list[Example], *, documents: bool, vocab: int) -> Batch:
    """Make tensors of rows; the documents too if attention is to stay inside them.

    Raises MindError for an id that is not below ``vocab``.
    """
    ids = np.stack([row.ids for row in rows])
    # On a GPU an id beyond the table is an assertion of the driver, after which the process is
    # lost.
    if (largest := int(ids.max())) >= vocab:
        raise MindError(
            f"the shards hold token {largest:,}, beyond the model's vocabulary of {vocab:,}",
            hint="they were not made with the tokenizer that their manifest names: encode again",
        )
    masks = [row.mask for row in rows if row.mask is not None]
    numbers = np.stack([row.documents[:-1] for row in rows]) if documents else None
    return Batch(
        torch.from_numpy(ids),
        None if numbers is None else torch.from_numpy(numbers),
        torch.from_numpy(np.stack(masks)) if masks else None,
    )
