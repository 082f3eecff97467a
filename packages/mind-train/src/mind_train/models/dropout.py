"""Dropout whose choice is arithmetic: a number of each row, a place in the model, a position.

torch's own draws from a generator, so that what is left out depends on how a step is split into
micro-batches and ranks, and on what has drawn before; a recomputed block has to restore its state.
Here a hash of (row, place, position, column) says it: the same on any device, with any split,
compiled, recomputed, and in a run that goes on.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from mind_core import MindError
from mind_train.permutation import splitmix

# WORD cuts a product to its low 32 bits; HALF moves unsigned 32-bit numbers to signed ones.
WORD, HALF = 0xFFFFFFFF, 1 << 31
# Constants of a 32-bit mixer below 2^31 (so that a product of 64 signed bits cannot overflow).
FIRST, SECOND = 0x2C1B3C6D, 0x297A2D39


class Dropout(nn.Module):
    """Set a share of states [B, T, D] to zero in training, and raise the rest to the same mean.

    ``place`` tells those of a model apart. Without a rate, and outside of training, it does
    nothing; ``set_dropout`` gives the rate, ``take`` the keys of each micro-batch.
    """

    def __init__(self, place: int) -> None:
        super().__init__()
        self.place, self.rate = place, 0.0
        self.keys: Tensor | None = None

    def take(self, keys: Tensor | None) -> None:
        """Take a key for each row that comes next: [B]."""
        # Here and not in ``forward``: a compiled block with a number of its own would be compiled
        # once for each layer.
        # An odd factor, so that no two places of a model move the keys alike.
        self.keys = None if keys is None else _mixed((keys + self.place * 0x9E3779B1) & WORD)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, T, D] → [B, T, D]."""
        if not self.training or not self.rate:
            return x
        assert self.keys is not None
        # Signed hashes are even from -2^31 on: a share of ``rate`` lies below this bound.
        kept = _hash(self.keys, x) >= int(self.rate * (WORD + 1)) - HALF
        return torch.where(kept, x * (1.0 / (1.0 - self.rate)), 0.0)


def _hash(keys: Tensor, x: Tensor) -> Tensor:
    """Hash (key of the row, position, column) to signed 32 bits for each element of x [B, T, D]."""
    _, T, D = x.shape
    # Rows with positions, and columns, are mixed well while they are few; each element of [B, T, D]
    # gets only what is left to do.
    steps = _narrow(_mixed(keys[:, None] ^ torch.arange(T, device=x.device)))  # (B, T)
    # With an offset, since 0 is mixed to 0.
    columns = _narrow(_mixed(torch.arange(D, device=x.device) + 0x51ED270B))  # (D)
    # In 32 bits, where products wrap: a fifth of the time that 64 take on a CPU.
    mixed = (steps[:, :, None] ^ columns) * FIRST
    # No shift behind the product: the comparison reads the high bits, which depend on all lower
    # ones.
    return (mixed ^ (mixed >> 15)) * SECOND


def _narrow(x: Tensor) -> Tensor:
    """Give 32 bits as a signed number of as many."""
    return (x - HALF).to(torch.int32)


def _mixed(x: Tensor) -> Tensor:
    """Mix 32 bits in 64 one to one: every bit of the result depends on every bit given."""
    x = ((x ^ (x >> 15)) * FIRST) & WORD
    x = ((x ^ (x >> 12)) * SECOND) & WORD
    return x ^ (x >> 15)


def set_dropout(model: nn.Module, rate: float) -> list[Dropout]:
    """Give a model's dropouts their rate, and list them; none for a rate of 0.

    Raises MindError for a model that has none.
    """
    found = [module for module in model.modules() if isinstance(module, Dropout)]
    if rate and not found:
        raise MindError(
            "train.dropout: this model has no dropout",
            hint="--set train.dropout=0; or let the architecture apply "
            "mind_train.models.dropout.Dropout(place) to what its layers add",
        )
    for module in found:
        module.rate = rate
    return found if rate else []


def row_keys(seed: int, step: int, rows: Iterable[int]) -> Tensor:
    """Give a key of 32 bits for each row of a step, by its number in the whole batch: [B]."""
    # Mixed before the next number is joined: else seed 1 at step 2 would be seed 2 at step 1.
    start = splitmix(splitmix(seed) ^ step)
    return torch.tensor([splitmix(start ^ row) & WORD for row in rows], dtype=torch.int64)
