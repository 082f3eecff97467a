"""Loss scaling for float16, whose smallest number is 6e-8: gradients are made larger by a factor.

The rule of torch's ``GradScaler`` (Micikevicius et al. 2018): begin high, halve where a gradient
overflows and pass over that step, double after 2,000 good ones. ``GradScaler`` itself multiplies
the loss behind the head, whose gradients are made in its forward pass here (``loss.py``) and would
have underflowed by then; so the factor goes into the loss. It is a power of two, which changes no
digit of a gradient, and it is in the counters, so a run that goes on has it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mind_train.tensor_file import whole


@dataclass
class Counters:
    """What a run carries from step to step besides weights and the optimizer's state."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    skipped: int = 0
    in_vain: int = 0
    """Steps without an update, one after the other, as their numbers were not finite."""
    averaged: int = 0
    """Updates in the moving average of the weights."""
    loss_scale: float = 0.0
    """The factor on the loss in float16 (see ``loss_scale.py``); 0 in other types."""
    scaled_well: int = 0
    """Updates since the factor was changed."""
    overflows: int = 0
    """Steps passed over, as their gradient overflowed with the factor of then."""
    losses: list[float] = field(default_factory=list)


FIRST = 65_536.0
MIN_FACTOR = 1.0  # below it the numbers themselves overflow, and no factor helps
STEPS = 2_000  # good ones, after which it is doubled


class LossScale:
    """The factor of a run; 1 in any type but float16."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.counters = Counters()
        self.active = dtype == torch.float16

    def take(self, counters: Counters) -> None:
        """Keep the factor in these counters from now on; a new run begins high."""
        self.counters = counters
        if self.active and not counters.loss_scale:
            counters.loss_scale = FIRST

    @property
    def factor(self) -> float:
        """Give what losses are multiplied by."""
        return self.counters.loss_scale if self.active else 1.0

    def clip(self, parameters: Iterable[Tensor], norm: float) -> float:
        """Take the factor out of the gradients and scale them down to a norm; give theirs."""
        parameters = list(parameters)
        # The bound is scaled as the gradients are, so both can stay large until they are clipped.
        found = torch.nn.utils.clip_grad_norm_(parameters, norm * self.factor)
        if self.active:
            for parameter in parameters:
                # Only now, in fp32, where small numbers are not lost.
                if parameter.grad is not None:
                    parameter.grad.mul_(1.0 / self.factor)
        return float(whole(found)) / self.factor

    def overflows(self, loss: float, norm: float) -> bool:
        """Tell whether a gradient overflowed though the loss did not; then halve the factor."""
        # A loss that is not finite itself is no matter of the factor.
        if not self.active or math.isfinite(norm) or not math.isfinite(loss):
            return False
        if self.factor <= MIN_FACTOR:
            return False
        counters = self.counters
        counters.loss_scale, counters.scaled_well = self.factor / 2, 0
        counters.overflows += 1
        return True

    def note_update(self) -> None:
        """Count a step whose gradient was fine; double the factor after enough of them."""
        if self.active:
            counters = self.counters
            counters.scaled_well += 1
            if counters.scaled_well >= STEPS:
                counters.loss_scale, counters.scaled_well = self.factor * 2, 0
