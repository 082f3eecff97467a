"""What a run carries from step to step, and a checkpoint keeps, beside tensors."""

from __future__ import annotations

from dataclasses import dataclass, field


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
