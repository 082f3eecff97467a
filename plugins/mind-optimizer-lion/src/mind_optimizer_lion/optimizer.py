"""The update, and what makes it over a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from mind_core import MindError


class LionOptimizer(torch.optim.Optimizer):
    """Move each weight by ``lr`` against the sign of ``β₁ m + (1 - β₁) g``; m follows g by β₂."""

    def __init__(self, groups: Iterable[dict[str, Any]], lr: float, betas: tuple[float, float]):
        super().__init__(groups, {"lr": lr, "betas": betas, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            first, second = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                # Decoupled: the sign below would hide a decay that is part of the gradient.
                p.mul_(1 - group["lr"] * group["weight_decay"])
                # The step looks further ahead (β₁) than the momentum that is kept (β₂), which is
                # why both are here.
                move = state["momentum"].lerp(p.grad, 1 - first).sign_()
                p.add_(move, alpha=-group["lr"])
                state["momentum"].lerp_(p.grad, 1 - second)


@dataclass(frozen=True)
class Lion:
    """Make Lion with decay on matrices alone; lr is a third to a tenth of AdamW's."""

    lr: float = 1e-4
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.3

    def __post_init__(self) -> None:
        if not (self.lr > 0 and 0 <= self.beta1 < 1 and 0 <= self.beta2 < 1):
            raise MindError(f"{self} has a value out of range", hint="lr > 0, betas in [0, 1)")

    def __call__(self, model: nn.Module) -> torch.optim.Optimizer:
        """Make the optimizer; norms, biases and embeddings do not decay."""
        # A head that is tied to the embedding is the same parameter, so it does not decay either.
        tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
        matrices: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for p in model.parameters():
            if p.requires_grad:
                (matrices if p.ndim > 1 and id(p) not in tables else rest).append(p)
        groups: list[dict[str, Any]] = [
            {"params": matrices, "weight_decay": self.weight_decay},
            {"params": rest},
        ]
        found = [group for group in groups if group["params"]]
        return LionOptimizer(found, self.lr, (self.beta1, self.beta2))
