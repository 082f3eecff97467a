"""The learning rate and the weight decay of each step of a whole run, phases with their own too."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mind_core.errors import MindError, UsageError

if TYPE_CHECKING:
    import torch

    from mind_train.config import Settings

PEAK, DECAY, WHOLE_DECAY = "peak_lr", "weight_decay", "whole_weight_decay"


class Rates:
    """Ask the schedule of the run, or that of the phase that a step lies in.

    A phase's own schedule counts its own steps (1 … its length); ``lr`` of a phase is its peak.
    """

    def __init__(self, settings: Settings, total: int) -> None:
        self.schedule, self.total = settings.schedule, total
        self.decay_schedule = settings.decay_schedule
        self.phases = list(zip(settings.phases, settings.phase_schedules, strict=True))
        # A plugin's optimizer may name its rate otherwise.
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
                # The optimizer was made with the run's peak: a phase's own is a factor on it.
                scale = phase.lr / self.peak if phase.lr and self.peak else 1.0
                if schedule is not None:
                    return scale * schedule(step - first, phase.steps)
                return scale * self.schedule(step, self.total)
            first += phase.steps
        return self.schedule(step, self.total)

    def begin(self, optimizer: torch.optim.Optimizer) -> None:
        """Note the peak rate and the weight decay of each group.

        Raises UsageError for a schedule of the decay and an optimizer without.
        """
        for group in optimizer.param_groups:
            # Only once: behind the first step `lr` is the rate of that step.
            group.setdefault(PEAK, group["lr"])
            group.setdefault(WHOLE_DECAY, group.get(DECAY, 0.0))
        if self.decay_schedule and not any(g[WHOLE_DECAY] for g in optimizer.param_groups):
            raise UsageError(
                "train.weight_decay_schedule: the optimizer decays no weights",
                hint="--set optimizer.weight_decay=0.1, or leave the schedule out",
            )

    def apply(self, optimizer: torch.optim.Optimizer, step: int) -> dict[str, float]:
        """Set rate and decay of a step (1 … total); give what the metrics say of them.

        Raises MindError for a factor that is not finite.
        """
        factor = _finite(self(step), step, "[schedule]")
        decay = self.decay_schedule
        part = 1.0 if decay is None else decay(step, self.total)
        part = _finite(part, step, "train.weight_decay_schedule")
        # The whole factor at each step, and never a change to the last one: no rounding adds up.
        for group in optimizer.param_groups:
            group["lr"] = group[PEAK] * factor
            if decay is not None:
                group[DECAY] = group[WHOLE_DECAY] * part
        said = {"lr": float(optimizer.param_groups[0]["lr"])}
        if decay is not None:
            said[DECAY] = max(float(group[DECAY]) for group in optimizer.param_groups)
        return said


def _finite(factor: float, step: int, where: str) -> float:
    if math.isfinite(factor):
        return factor
    raise MindError(
        f"step {step}: the schedule gives {factor}; nothing was updated",
        hint=f"correct {where}: its factor is a finite number",
    )
