"""The band against the baselines on items that the fit has not seen: paired, and held to chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CONFIRMED, CONTRADICTED, UNDECIDED = "confirmed", "contradicted", "not decided at this size"
EMPTY = "not tested: the band holds no record"
UNEQUAL = "not tested: the band and its baselines were not tuned on as many answer tokens"
AGAINST = ("random", "random-length")
NO_LANGUAGE = "not tested: the band holds no record of {}"
EQUAL_TOKENS = 0.9
"""The least share of the larger number of tokens at which two arms count as equally long."""
LEVEL = 0.05
POWER = 1.96 + 0.84
"""Standard errors of a difference that is found in 80 of 100 times at the level of 5 %."""


@dataclass(frozen=True)
class Difference:
    """Loss of the band less that of a baseline in one language; below 0 the band is better."""

    baseline: str
    language: str
    difference: float
    error: float
    chance: float
    held: float
    """The chance after Holm's correction over all comparisons."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "baseline": self.baseline, "language": self.language,
            "difference": round(self.difference, 6), "standard_error": round(self.error, 6),
            "p": self.chance, "p_holm": self.held,
            "detectable": round(POWER * self.error, 6),
        }  # fmt: skip


def paired(band: Floats, other: Floats, weights: Floats) -> tuple[float, float, float]:
    """Compare losses [S, I] and [R, I] on the same items: weighted mean difference, its standard
    error over items and seeds, and the two-sided chance of it.

    Items are paired; seeds are not the same draw in both, so their variances add.
    """
    share = weights / weights.sum()
    items = band.mean(axis=0) - other.mean(axis=0)  # (I,)
    mean = float(share @ items)
    # Of a weighted mean over items; with equal weights this is the usual s² / n.
    variance = float((share**2) @ (items - mean) ** 2) * len(items) / max(len(items) - 1, 1)
    degrees = []
    for losses in (band, other):
        if len(losses) > 1:
            means = losses @ share
            variance += float(means.var(ddof=1)) / len(losses)
            degrees.append(len(losses) - 1)
    # Two equal arms have no variance; a difference of 0 over it is then still 0.
    error = math.sqrt(max(variance, 1e-300))
    # Degrees of the arm with the fewest seeds, which is on the safe side.
    return mean, error, _two_sided(mean / error, min(degrees, default=len(items) - 1))


def _two_sided(t: float, degrees: int) -> float:
    """Return the two-sided chance of a t value: few seeds leave few degrees of freedom."""
    from scipy.stats import t as student

    return float(2 * student.sf(abs(t), max(degrees, 1)))


def holm(chances: Sequence[float]) -> list[float]:
    """Return chances corrected for their number (Holm 1979), in the order given."""
    order = sorted(range(len(chances)), key=lambda i: chances[i])
    held, highest = [0.0] * len(chances), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(chances) - rank) * chances[index]))
        held[index] = highest
    return held


def compare(
    losses: Mapping[str, Floats], languages: Sequence[str], weights: Floats, band: str = "band"
) -> list[Difference]:
    """Compare the band with every other arm in every language."""
    rows: list[tuple[str, str, float, float, float]] = []
    for language in sorted(set(languages)):
        inside = np.array([own == language for own in languages])
        for name in losses:
            if name != band:
                found = paired(losses[band][:, inside], losses[name][:, inside], weights[inside])
                rows.append((name, language, *found))
    held = holm([row[4] for row in rows])
    return [Difference(*row, h) for row, h in zip(rows, held, strict=True)]


def rule_verdict(
    found: Sequence[Difference],
    tokens: Mapping[str, Sequence[int]] | None = None,
    band: Mapping[str, int] | None = None,
) -> tuple[str, float]:
    """Return whether the rule is confirmed, contradicted or not decided, and the difference that
    this size would have shown.

    It is confirmed if the band beats `random` and `random-length` in every language. `tokens` are
    those of each arm by seed: a band too small for the budget would lose by its size alone. `band`
    are the band's by language: one that it lacks was not tuned on by any arm.
    """
    rows = [row for row in found if row.baseline in AGAINST]
    if not found:
        return EMPTY, math.inf
    if lacking := sorted(language for language, spent in (band or {}).items() if not spent):
        return NO_LANGUAGE.format(", ".join(lacking)), math.inf
    # Before the differences: at unequal sizes they would say nothing about the rule.
    arms = (
        [np.mean(tokens[name]) for name in ("band", *AGAINST) if name in tokens] if tokens else []
    )
    # Records are taken whole, so budgets are never met to the token.
    if arms and min(arms) < EQUAL_TOKENS * max(arms):
        return UNEQUAL, math.inf
    detectable = max((POWER * row.error for row in rows), default=math.inf)
    # Both of them: to beat one says nothing about the other.
    whole = {row.baseline for row in rows} == set(AGAINST)
    if whole and all(row.difference < 0 and row.held < LEVEL for row in rows):
        return CONFIRMED, detectable
    if any(row.difference > 0 and row.held < LEVEL for row in rows):
        return CONTRADICTED, detectable
    return UNDECIDED, detectable
