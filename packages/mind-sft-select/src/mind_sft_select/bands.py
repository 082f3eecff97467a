"""The band that is kept: bounds on the gap between a record's score and the reference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mind_core import Reason
from mind_core.errors import UsageError

ALL = "all"


@dataclass(frozen=True)
class Band:
    """Keep low ≤ gap ≤ high; `by_language` has bounds of their own for some languages."""

    low: float
    high: float
    by_language: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def verdict(self, gap: float, language: str) -> Reason | None:
        """Return why a gap is not kept, or None."""
        low, high = self.by_language.get(language, (self.low, self.high))
        if gap < low:
            return Reason("below_band", gap, low)
        if gap > high:
            return Reason("above_band", gap, high)
        return None


def parse_pair(text: str, option: str) -> tuple[float, float]:
    """Read `low,high` with low ≤ high; raise `UsageError` that names the option."""
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        # Refused below, with the same message as two numbers in the wrong order.
        low, high = 1.0, 0.0
    if not (low <= high and math.isfinite(low) and math.isfinite(high)):
        raise UsageError(
            f"{option} {text!r} is not two finite numbers, the lower one first",
            hint=f"for example {option} 1.0,1.5" if option == "--band" else f"{option} 0.25,0.75",
        )
    return low, high


def check_shares(low: float, high: float) -> None:
    """Refuse quantiles outside 0 … 1."""
    if not 0.0 <= low <= high <= 1.0:
        raise UsageError(f"--quantile {low:g},{high:g} is not within 0 … 1")


def quantile_band(
    gaps: Mapping[str, Sequence[float]], low: float, high: float, per_language: bool
) -> Band:
    """Return the band between two quantiles of the gaps, in each language or over all.

    A quantile lies between its two neighbours in proportion (type 7 of Hyndman and Fan 1996).
    Raises `UsageError` for quantiles outside 0 … 1.
    """
    check_shares(low, high)
    everything = sorted(gap for values in gaps.values() for gap in values)
    bounds = {
        language: (quantile(ordered, low), quantile(ordered, high))
        for language, ordered in ((name, sorted(values)) for name, values in gaps.items())
        if ordered
    }
    overall = (quantile(everything, low), quantile(everything, high)) if everything else (0.0, 0.0)
    return Band(*overall, by_language=bounds if per_language else {})


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return a quantile of ordered values."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def refuse_options(why: str, given: Mapping[str, object]) -> None:
    """Raise `UsageError` for options that were given and have no meaning here."""
    for name, value in given.items():
        if value:
            hint = "`mind-sft-select select --help` says what goes together"
            raise UsageError(f"{name} {why}", hint=hint)
