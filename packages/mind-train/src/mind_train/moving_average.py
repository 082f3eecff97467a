"""An exponential moving average of the weights, kept beside training (Polyak & Juditsky 1992).

After update n the average moves by 1 - d towards the weights, with d = min(decay, (1 + n) /
(10 + n)), so that it forgets the first random weights. It costs 4 bytes a parameter and changes
nothing of the run itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from mind_train.checkpoint import EMA
from mind_train.state import like
from mind_train.tensor_file import open_tensors


class MovingAverage:
    """Average weights over updates; sharded ones stay in their parts."""

    def __init__(self, weights: Mapping[str, Tensor], decay: float) -> None:
        self.decay = decay
        self.source = weights
        self.weights = {name: w.detach().clone() for name, w in weights.items()}

    @torch.no_grad()
    def update(self, number: int) -> None:
        """Move towards the weights after their update ``number``, counted from 1."""
        # TensorFlow's ExponentialMovingAverage has the same warm-up by the number of updates.
        weight = 1.0 - min(self.decay, (1.0 + number) / (10.0 + number))
        for name, average in self.weights.items():
            average.lerp_(self.source[name].detach(), weight)

    @contextmanager
    @torch.no_grad()
    def in_place(self) -> Iterator[None]:
        """Have the averages in the weights' place while the block runs."""
        # Copied rather than exchanged: optimizers and compiled blocks hold on to the tensors
        # themselves.
        own = {name: w.detach().clone() for name, w in self.source.items()}
        self._copy(self.weights)
        try:
            yield
        finally:
            self._copy(own)

    @torch.no_grad()
    def load(self, folder: Path) -> None:
        """Take the average that a checkpoint holds, or begin at the weights where it has none."""
        # A run that goes on from one without an average begins it at the weights it takes over.
        if not (folder / EMA).exists():
            for name, average in self.weights.items():
                average.copy_(self.source[name].detach())
            return
        with open_tensors(folder / EMA) as file:
            for name, average in self.weights.items():
                average.copy_(like(file.get_tensor(name), average))

    def _copy(self, values: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for name, w in self.source.items():
                w.detach().copy_(values[name])
