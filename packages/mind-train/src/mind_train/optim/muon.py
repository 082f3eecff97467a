"""Muon (Jordan et al. 2024) for the matrices of the blocks, AdamW for everything else.

A matrix moves along its momentum made orthogonal: five Newton-Schulz steps bring all singular
values near 1. The update is scaled by 0.2 · √max(rows, columns) (Liu et al. 2025), so that its size
is that of AdamW's and both share one learning rate. q, k, v (and gate, up) are one parameter here
and are made orthogonal one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mind_core import MindError
from mind_train.optim.adamw import decayed
from mind_train.optim.fused_adamw import OptimizerBase

# Jordan et al. 2024: a quintic that is steepest at 0 among those that keep values within about 0.3
# of 1; it does not converge to 1, and need not.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
STEPS = 5


def orthogonal(matrix: Tensor) -> Tensor:
    """Bring the singular values of a matrix [rows, columns] near 1 (quintic Newton-Schulz)."""
    a, b, c = COEFFICIENTS
    # The Gram matrix of the shorter side is the smaller one.
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.t() if tall else matrix
    if x.device.type == "cuda":
        # The iteration forgives the rounding, and a GPU's matrix units take it; a CPU would gain
        # nothing.
        x = x.bfloat16()
    # By the Frobenius norm all singular values are at most 1, where the iteration holds.
    x = x / (x.norm() + 1e-7)
    for _ in range(STEPS):
        gram = x @ x.t()
        # a x + b x³ + c x⁵ of each singular value, by two products of the small square and one with
        # x.
        x = a * x + (b * gram + c * gram @ gram) @ x
    out: Tensor = (x.t() if tall else x).to(matrix.dtype)
    return out


class MuonAdamW(OptimizerBase):
    """One optimizer of two kinds of groups; a group with ``parts`` is Muon's.

    The state of both is in ``state``: ``momentum`` of a matrix; ``exp_avg``, ``exp_avg_sq`` and
    ``step`` of the rest.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    if group["parts"]:
                        self._orthogonal_step(p, group)
                    else:
                        self._adam_step(p, group)

    def _orthogonal_step(self, p: Tensor, group: dict[str, Any]) -> None:
        state = self.state[p]
        if not state:
            state["momentum"] = torch.zeros_like(p)
        assert p.grad is not None
        # A mean of gradients, as in Adam: its size does not depend on the momentum.
        momentum = state["momentum"].lerp_(p.grad, 1 - group["momentum"])
        wanted = p.grad.lerp(momentum, group["momentum"])  # Nesterov's look ahead
        # Decoupled, as in AdamW: the decay is no part of the gradient, so it is not made
        # orthogonal.
        p.mul_(1 - group["lr"] * group["weight_decay"])
        # q, k and v side by side would share singular values that none of them has.
        rows = p.chunk(group["parts"])
        for part, move in zip(rows, wanted.chunk(group["parts"]), strict=True):
            scale = 0.2 * max(part.shape) ** 0.5
            part.add_(orthogonal(move), alpha=-group["lr"] * scale)

    def _adam_step(self, p: Tensor, group: dict[str, Any]) -> None:
        state = self.state[p]
        if not state:
            state["step"] = torch.zeros((), device="cpu")  # read at each step: no wait for a GPU
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(p), torch.zeros_like(p)
        beta1, beta2 = group["betas"]
        assert p.grad is not None
        state["step"] += 1
        state["exp_avg"].lerp_(p.grad, 1 - beta1)
        state["exp_avg_sq"].lerp_(p.grad.square(), 1 - beta2)
        # The mean begins at zero: 1 - β^t is the share of it that is made of gradients.
        count = float(state["step"])
        root = (state["exp_avg_sq"] / (1 - beta2**count)).sqrt_().add_(group["eps"])
        # Decay goes before the step, as in torch's AdamW.
        p.mul_(1 - group["lr"] * group["weight_decay"])
        p.addcdiv_(state["exp_avg"] / (1 - beta1**count), root, value=-group["lr"])


@dataclass(frozen=True)
class Muon:
    """Make Muon for the blocks' matrices, with AdamW for embeddings, norms and biases."""

    lr: float = 1e-3
    momentum: float = 0.95
    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-8
    weight_decay: float = 0.1

    def __post_init__(self) -> None:
        # A nan compares false, so these conditions refuse it too.
        if not (self.lr > 0 and self.eps > 0):
            raise MindError(f"optimizer: {self} has a value out of range", hint="lr is above 0")
        if not all(0 <= x < 1 for x in (self.momentum, self.beta1, self.beta2)):
            raise MindError(
                f"optimizer: {self} has a value out of range",
                hint="momentum, beta1 and beta2 are in [0, 1)",
            )

    def __call__(self, model: nn.Module) -> torch.optim.Optimizer:
        """Make the optimizer over a model's parameters; refuse a sharded model."""
        matrices, rest = decayed(model)
        # FSDP's parameters are DTensors, of which a process holds some rows.
        if any(hasattr(p, "placements") for p in matrices):
            raise MindError(
                "muon needs whole matrices, FSDP cuts them", hint="--set train.parallel=ddp"
            )
        parts = fused_parts(model)
        groups: list[dict[str, Any]] = []
        # One group for each number of matrices in a parameter, since a group has one ``parts``.
        for count in sorted({parts.get(id(p), 1) for p in matrices}):
            chosen = [p for p in matrices if parts.get(id(p), 1) == count]
            decay = {"weight_decay": self.weight_decay, "momentum": self.momentum}
            groups.append({"params": chosen, "parts": count, **decay})
        adam = {"betas": (self.beta1, self.beta2), "eps": self.eps, "weight_decay": 0.0}
        # 0 parts: this group is AdamW's.
        groups.append({"params": rest, "parts": 0, **adam})
        return MuonAdamW([group for group in groups if group["params"]], {"lr": self.lr})


def fused_parts(model: nn.Module) -> dict[int, int]:
    """Count, by parameter id, the matrices that a parameter holds one above the other.

    Modules tell through ``matrices()``, which names views of their parameters.
    """
    found: dict[int, int] = {}
    for module in model.modules():
        named = getattr(module, "matrices", None)
        if named is None:
            continue
        # A view is of the parameter in whose memory it begins.
        views = [view.data_ptr() for view in named().values()]
        for p in module.parameters():
            end = p.data_ptr() + p.numel() * p.element_size()
            # A matrix that no module names is whole.
            found[id(p)] = max(sum(p.data_ptr() <= at < end for at in views), 1)
    return found
