"""The factor on the peak learning rate at each step of a whole run, phases with their own too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mind_core.errors import UsageError

if TYPE_CHECKING:
    from mind_train.config import Settings


class Rates:
    """Ask the schedule of the run, or that of the phase that a step lies in.

    A phase's own schedule counts its own steps (1 … its length); ``lr`` of a phase is its peak.
    """

    def __init__(self, settings: Settings, total: int) -> None:
        self.schedule, self.total = settings.schedule, total
        self.phases = list(zip(settings.phases, settings.phase_schedules, strict=True))
        self.peak = settings.recipe.values["optimizer"].get("lr")
        if self.peak is None and any(phase.lr for phase in settings.phases):
            raise UsageError(
                "a phase has a rate, and this optimizer has no lr to set it against",
                hint="leave the phase's lr out, or choose an optimizer with lr",
            )

    def __call__(self, step: int) -> float:
        """Give the factor at a step (1 … total)."""
        first = 0
        for phase, schedule in self.phases:
            if step <= first + phase.steps:
                scale = phase.lr / self.peak if phase.lr and self.peak else 1.0
                if schedule is not None:
                    return scale * schedule(step - first, phase.steps)
                return scale * self.schedule(step, self.total)
            first += phase.steps
        return self.schedule(step, self.total)
