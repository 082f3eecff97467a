"""Whether a figure says anything: beside chance, and beside what another run must differ by.

The rule: a share with a chance line has no signal where chance lies within 1.96 standard errors.
The smallest difference that two runs of so many items would show, were they independent, is 2.80
standard errors of the difference (5 %, two-sided, 80 % power); paired (`compare`) it is less.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mind_eval.significance import Z_LEVEL

Z_POWER = 0.841621
"""Normal quantile of 0.8."""

WITH_CHANCE = ("acc", "acc_norm", "acc_bytes", "acc_mean", "acc_slln", "probability")
NO_SIGNAL = "no signal at this size"


def chance_of(metric: str, about: Mapping[str, Any]) -> float | None:
    """Give what guessing gives for a metric; None where there is no such line."""
    chance = about.get("chance") if metric in WITH_CHANCE else None
    return chance if isinstance(chance, (int, float)) else None


def has_signal(value: float, error: float | None, chance: float | None) -> bool | None:
    """Tell whether a figure differs from chance; None where that cannot be said."""
    if chance is None or error is None:
        return None
    return abs(value - chance) > Z_LEVEL * error


def detectable_between(error: float | None) -> float | None:
    """Return the difference of two independent runs that so many items would show."""
    return None if error is None else (Z_LEVEL + Z_POWER) * math.sqrt(2) * error
