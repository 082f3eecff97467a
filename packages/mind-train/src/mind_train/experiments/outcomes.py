"""From an effect with its error to an outcome: confirmed, contradicted, or what is missing.

An effect is turned so that above 0 is the claimed direction. Its error has two parts: the seeds'
(pooled over arms, with their degrees of freedom) and the documents'. Several claims of a plan share
one level by Holm's procedure (1979): the clearest is held to 1 − 0.05/k, the next to
1 − 0.05/(k−1), and so on.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

LEVEL = 0.05
MAX_SEEDS = 1000
PERMUTATIONS = 20_000

CONFIRMED, CONTRADICTED = "confirmed", "contradicted"
NO_DIFFERENCE = "no difference of that size"
NOT_DECIDED, NOT_TESTABLE = "not decided", "not testable here"


@dataclass(frozen=True)
class Effect:
    """An effect in the claimed direction; `seed_error` and `document_error` are standard errors."""

    value: float
    seed_error: float
    document_error: float
    freedom: int
    seeds: int
    smallest: float
    same: bool = False
    """The claim is that there is no difference of that size."""

    @property
    def error(self) -> float:
        """Return the standard error of both parts together."""
        return math.hypot(self.seed_error, self.document_error)

    def interval(self, level: float) -> tuple[float, float]:
        """Return the two-sided interval at 1 − `level`."""
        half = quantile(level, self.freedom) * self.error
        return self.value - half, self.value + half

    def decided_at(self) -> float:
        """Return the largest confidence that decides it, as a level: the smaller the clearer."""
        # Without any error every bound is decided.
        if self.error == 0:
            return 0.0
        distance = abs(abs(self.value) - self.smallest) / self.error
        return two_sided(distance, self.freedom)


@dataclass(frozen=True)
class Outcome:
    """What became of a claim; `interval` is at Holm's level for it."""

    claim: str
    outcome: str
    effect: float | None = None
    interval: tuple[float, float] | None = None
    level: float | None = None
    note: str = ""
    seeds: int = 0


@functools.lru_cache(maxsize=4096)
def quantile(level: float, freedom: int) -> float:
    """Return the two-sided quantile of Student's t."""
    from scipy.stats import t

    return float(t.ppf(1 - level / 2, freedom))


def two_sided(distance: float, freedom: int) -> float:
    """Return the two-sided level of a distance in standard errors."""
    from scipy.stats import t

    return float(2 * t.sf(distance, freedom))


def judge(claims: Sequence[tuple[str, Effect | str]]) -> list[Outcome]:
    """Return an outcome for each claim; a text instead of an effect says why it is not testable."""
    effects = [(i, e) for i, (_, e) in enumerate(claims) if isinstance(e, Effect)]
    # Holm: the clearest claim has the strictest level, LEVEL over all of them.
    order = sorted(effects, key=lambda pair: pair[1].decided_at())
    found: dict[int, Outcome] = {}
    still = True
    for place, (i, effect) in enumerate(order):
        level = LEVEL / (len(order) - place)
        outcome = _outcome(claims[i][0], effect, level)
        if not still and outcome.outcome != NOT_DECIDED:
            # Holm stops at the first that is not decided: what comes after is less clear.
            outcome = replace(outcome, outcome=NOT_DECIDED, note="")
        still = still and outcome.outcome != NOT_DECIDED
        if outcome.outcome == NOT_DECIDED:
            outcome = replace(outcome, note=_seeds_note(effect, level))
        found[i] = outcome
    return [
        found.get(i, Outcome(claim, NOT_TESTABLE, note=effect if isinstance(effect, str) else ""))
        for i, (claim, effect) in enumerate(claims)
    ]


def _outcome(claim: str, effect: Effect, level: float) -> Outcome:
    low, high = effect.interval(level)
    inside = -effect.smallest < low and high < effect.smallest
    if effect.same:
        beyond = low > effect.smallest or high < -effect.smallest
        outcome = CONFIRMED if inside else CONTRADICTED if beyond else NOT_DECIDED
    elif low > effect.smallest:
        outcome = CONFIRMED
    elif high < -effect.smallest:
        outcome = CONTRADICTED
    else:
        outcome = NO_DIFFERENCE if inside else NOT_DECIDED
    return Outcome(claim, outcome, effect.value, (low, high), level, seeds=effect.seeds)


def _seeds_note(effect: Effect, level: float) -> str:
    """Say how many seeds would decide it, if effect and spread stay what they are."""
    needed = seeds_needed(effect, level)
    if needed is None:
        return "no number of seeds: more held-out documents, or a smaller effect of interest"
    return f"about {needed} seeds would decide it"


def seeds_needed(effect: Effect, level: float) -> int | None:
    """Return the seeds at which the interval would no longer reach the nearest bound."""
    distance = abs(abs(effect.value) - effect.smallest)
    # Degrees of freedom grow with seeds, as each gives so many.
    per_seed = effect.freedom / max(effect.seeds - 1, 1)
    spread = effect.seed_error * math.sqrt(effect.seeds)
    for seeds in range(max(effect.seeds, 2), MAX_SEEDS + 1):
        # More seeds make the one error smaller, documents stay what they are.
        error = math.hypot(spread / math.sqrt(seeds), effect.document_error)
        freedom = max(1, round(per_seed * (seeds - 1)))
        if quantile(level, freedom) * error < distance:
            return seeds
    return None


def spearman(left: Sequence[float], right: Sequence[float]) -> float:
    """Return the rank correlation of two lists, ties by mean ranks."""
    from scipy.stats import rankdata

    a, b = rankdata(left), rankdata(right)
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def permutation_level(left: Sequence[float], right: Sequence[float], seed: int = 0) -> float:
    """Return how often a random order has a rank correlation as high (one-sided)."""
    found = spearman(left, right)
    draw = np.random.default_rng(seed)
    # Only one side is shuffled, which is the same as shuffling both.
    values = np.asarray(left, dtype=float)
    as_high = sum(
        spearman(draw.permutation(values).tolist(), right) >= found - 1e-12
        # A tolerance, since equal ranks in another order may differ in the last digits.
        for _ in range(PERMUTATIONS // 10)
    )
    return (1 + as_high) / (1 + PERMUTATIONS // 10)
