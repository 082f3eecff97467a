"""Learning-rate schedules: pure functions (step, total) → factor on the peak rate.

Steps count from 1 to total. Each warms up linearly over ``warmup`` steps (below 1: that share of
all steps) and ends at ``floor`` of the peak, except ``constant``, which stays. A run of a
single step takes it at the peak, as at a floor of 0 nothing would be learned; with a warm-up of a
number of steps it takes the first of that warm-up.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from mind_core import MindError


@dataclass(frozen=True)
class Schedule(ABC):
    """Warm up linearly to the peak; what follows is the subclass's ``shape``."""

    warmup: float = 0.0
    floor: float = 0.0

    def __post_init__(self) -> None:
        if self.warmup < 0 or not 0.0 <= self.floor <= 1.0:
            raise MindError(
                f"schedule: warmup {self.warmup} and floor {self.floor} make no sense",
                hint="warmup is a number of steps (or a share below 1), floor a share of the peak",
            )

    def __call__(self, step: int, total: int) -> float:
        """Give the factor on the peak rate at a step (1 … total)."""
        # One option for both: nobody warms up over less than a step.
        warmup = self.warmup * total if self.warmup < 1 else self.warmup
        if step < warmup:
            return step / warmup
        # The only step is the first and the last: at the floor it would learn nothing.
        if total == 1:
            return self.shape(0.0)
        # The last step is at the floor exactly; a phase that was made longer stays there.
        # With a warm-up of all steps nothing is left to divide by.
        return self.shape(min((step - warmup) / max(total - warmup, 1.0), 1.0))

    @abstractmethod
    def shape(self, done: float) -> float:
        """Give the factor when a share ``done`` (0 … 1) of what follows the warm-up is over."""


@dataclass(frozen=True)
class Constant(Schedule):
    """Stay at the peak rate after the warm-up."""

    def shape(self, done: float) -> float:  # noqa: ARG002
        """Stay at the peak learning rate: a factor of 1."""
        return 1.0


@dataclass(frozen=True)
class Linear(Schedule):
    """Fall in a straight line from the peak to the floor (MindLLM's second stage and 3B)."""

    floor: float = 0.1

    def shape(self, done: float) -> float:
        """Interpolate between 1 and the floor."""
        return 1.0 - (1.0 - self.floor) * done


@dataclass(frozen=True)
class Cosine(Schedule):
    """Fall along half a cosine from the peak to the floor (Loshchilov & Hutter 2017)."""

    floor: float = 0.1

    def shape(self, done: float) -> float:
        """Follow (1 + cos) / 2 between 1 and the floor."""
        wave = 0.5 * (1.0 + math.cos(math.pi * done))
        return self.floor + (1.0 - self.floor) * wave


@dataclass(frozen=True)
class WarmupStableDecay(Constant):
    """Stay at the peak, then fall linearly over the last ``decay`` share of all steps (WSD)."""

    decay: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.decay <= 1.0:
            raise MindError(
                f"schedule.decay {self.decay} is not in (0, 1]",
                hint="it is the share of all steps over which the rate falls",
            )

    def __call__(self, step: int, total: int) -> float:
        """Give the factor at a step: the warm-up and the decay, whichever is lower.

        A decay that is shorter than a step is none.
        """
        if self.decay * total < 1.0 or total == 1:
            return super().__call__(step, total)
        # 1 where the decay begins, 0 at the last step.
        left = (total - step) / (self.decay * total)
        # The lower of both, as a long decay may begin before the warm-up is over.
        return min(super().__call__(step, total), self.floor + (1.0 - self.floor) * min(left, 1.0))
