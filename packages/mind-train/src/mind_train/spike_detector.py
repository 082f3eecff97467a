"""A step whose loss leaps far above its recent course is skipped, if the recipe asks for it.

As OLMo's SkipStep: the mean and deviation of the last 128 losses say what is usual. The history is
in the checkpoint, so that a resumed run decides as the run that never stopped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

WINDOW = 128
ENOUGH = 16


@dataclass
class SpikeDetector:
    """Judge losses; ``sigmas`` 0 never skips."""

    sigmas: float
    history: list[float] = field(default_factory=list)

    def is_spike(self, loss: float) -> bool:
        """Tell whether a loss lies more than ``sigmas`` deviations above the last ones."""
        # A deviation of a few losses says little, and at the start the loss falls fast anyway.
        if not self.sigmas or len(self.history) < ENOUGH:
            return False
        # fsum rounds once: the decision does not depend on the order of additions.
        mean = math.fsum(self.history) / len(self.history)
        variance = math.fsum((x - mean) ** 2 for x in self.history) / len(self.history)
        # A course without any scatter would make a spike of its next rounding.
        return loss > mean + self.sigmas * max(math.sqrt(variance), 1e-3)

    def note(self, loss: float) -> None:
        """Remember the loss of a step that was done."""
        if self.sigmas:
            self.history = [*self.history, loss][-WINDOW:]
