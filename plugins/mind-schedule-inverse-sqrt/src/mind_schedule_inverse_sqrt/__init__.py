"""A schedule for mind-train: warm up, then fall with the square root of the step."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mind_core import Offers
from mind_train import Schedule, hookimpl


@dataclass(frozen=True)
class InverseSqrt:
    """Rise for `warmup` steps, fall as 1/√step, and to zero in the last `cooldown` share."""

    warmup: int = 100
    cooldown: float = 0.1

    def __post_init__(self) -> None:
        if self.warmup < 1 or not 0.0 <= self.cooldown < 1.0:
            raise ValueError("warmup is 1 or more, cooldown in [0, 1)")

    def __call__(self, step: int, total: int) -> float:
        """Return the factor on the peak rate at a step, 1 … total."""
        # Both are 1 at the last step of the warm-up; before it the first is smaller, behind it the
        # second.
        factor = min(step / self.warmup, math.sqrt(self.warmup / step))
        last = self.cooldown * total
        return factor * min(1.0, (total - step) / last) if last else factor


@hookimpl
def register_schedules() -> Offers[Schedule]:
    """Offer the schedule."""
    return {"inverse_sqrt": InverseSqrt}
