"""AdamW (Loshchilov & Hutter 2019): decoupled weight decay, on matrices alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from mind_core import MindError
from mind_train.optim.fused_adamw import FusedAdamW


def decayed(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Split parameters into those that decay and those that do not.

    Norm gains, biases and embeddings (so also a tied head) do not decay; frozen ones are in
    neither.
    """
    # By identity, so that a head tied to the embedding is found once and does not decay either.
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    decay: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for p in model.parameters():
        if not p.requires_grad:
            continue
        # Vectors are gains and biases: pulling them to zero is not what decay is meant for.
        (decay if p.ndim >= 2 and id(p) not in embeddings else rest).append(p)
    return decay, rest


@dataclass(frozen=True)
class AdamW:
    """Make torch's fused AdamW with decoupled decay on matrices; lr is the peak rate."""

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-8
    weight_decay: float = 0.1

    def __post_init__(self) -> None:
        # Not "refuse if below": a nan compares false with everything, and is refused like this too.
        if not (self.lr > 0 and 0 <= self.beta1 < 1 and 0 <= self.beta2 < 1 and self.eps > 0):
            raise MindError(
                f"optimizer: {self} has a value out of range",
                hint="lr and eps are above 0, beta1 and beta2 in [0, 1)",
            )

    def __call__(self, model: nn.Module) -> torch.optim.Optimizer:
        """Make the optimizer over a model's parameters."""
        decay, rest = decayed(model)
        groups = [
            {"params": decay, "weight_decay": self.weight_decay},
            {"params": rest, "weight_decay": 0.0},
        ]
        adam = {"lr": self.lr, "betas": (self.beta1, self.beta2), "eps": self.eps}
        # A model of vectors alone has no matrices.
        return FusedAdamW([group for group in groups if group["params"]], adam)
