"""Statistics of paired answers: the same items, two models.

McNemar's exact test asks whether the items that only one side gets right are split evenly
(McNemar 1947; two-sided binomial). The bootstrap draws items again, both answers together
(Efron 1979). Holm 1979 corrects for the number of comparisons. What difference the exact test would
find is in `power`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from math import comb
from typing import Any

DRAWS = 10_000
LEVEL = 0.95
Z_LEVEL = 1.959964
"""Normal quantile of 0.975."""


def mcnemar(only_a: int, only_b: int) -> float:
    """Return the exact two-sided p-value of McNemar's test from the two discordant counts."""
    n, k = only_a + only_b, min(only_a, only_b)
    # Whole numbers up to the division: with a thousand discordant items 0.5 ** n would be 0.
    tail = sum(comb(n, i) for i in range(k + 1))
    # Of an even split both tails hold the middle, so twice one of them is above 1.
    return min(1.0, 2 * tail / (1 << n))


def holm(values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values, in the order given."""
    adjusted = [0.0] * len(values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        # Never below that of a smaller p-value: Holm stops at the first that is not significant.
        highest = max(highest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = highest
    return adjusted


def paired_bootstrap(only_a: int, only_b: int, items: int, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of B - A for right-or-wrong answers.

    An item adds +1, -1 or 0, so a draw of items is a draw of three counts: no item is visited.
    """
    import numpy as np

    chance = np.random.default_rng(seed)
    shares = np.array([only_a, only_b, items - only_a - only_b]) / items
    draws = chance.multinomial(items, shares, size=DRAWS)
    # Columns are only A right, only B right, and both or neither.
    differences = np.sort((draws[:, 1] - draws[:, 0]) / items)
    cut = (1 - LEVEL) / 2
    low, high = np.quantile(differences, [cut, 1 - cut])
    return float(low), float(high)


def paired_means(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean of B - A over pairs, its standard error, and the two-sided p-value.

    Normal, for graded scores of items (Student's t with few items is a little wider). Two pairs at
    least; differences that are all one number have p = 0, or 1 where that is 0.
    """
    differences = [y - x for x, y in zip(a, b, strict=True)]
    n = len(differences)
    mean = math.fsum(differences) / n
    squares = math.fsum((one - mean) ** 2 for one in differences)
    error = math.sqrt(squares / (n - 1) / n) if n > 1 else 0.0
    if error == 0.0:
        return mean, error, float(mean == 0.0 or n < 2)
    return mean, error, math.erfc(abs(mean) / error / math.sqrt(2))


MIN_BLOCKS = 8
"""Fewer blocks with text give no error."""


def ratio_over_blocks(blocks: Sequence[tuple[float, float]]) -> tuple[float, float | None]:
    """Return the ratio of two sums over blocks, and its standard error by a jackknife over them.

    `blocks` holds numerators and denominators, of which one at least is above 0; those of 0 have no
    text. The error is None where fewer than `MIN_BLOCKS` have any.
    """
    # An empty block is not a draw of size 0: it would count as one without deviation.
    there = [(top, size) for top, size in blocks if size]
    total, sizes = (math.fsum(column) for column in zip(*there, strict=True))
    count = len(there)
    if count < MIN_BLOCKS:
        return total / sizes, None
    without = [(total - top) / (sizes - size) for top, size in there]
    mean = math.fsum(without) / count
    squares = math.fsum((one - mean) ** 2 for one in without)
    # The jackknife's factor: leaving one out moves the ratio by about 1 / count only.
    return total / sizes, math.sqrt((count - 1) / count * squares)


def wilson(value: float, items: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of `items` (Wilson 1927), good near 0 and 1 too."""
    z2 = Z_LEVEL**2
    middle = (value + z2 / (2 * items)) / (1 + z2 / items)
    half = Z_LEVEL * math.sqrt(value * (1 - value) / items + z2 / (4 * items**2)) / (1 + z2 / items)
    return max(0.0, middle - half), min(1.0, middle + half)


SHARES = (
    "acc", "acc_norm", "acc_bytes", "acc_mean", "acc_slln", "exact_match", "exact_match_flexible",
    "accuracy_from_text", "regex",
)  # fmt: skip
"""Metrics that are shares of items, right or wrong."""


def interval(run: Mapping[str, Any], task: str) -> tuple[float, float, float] | None:
    """Give a run's headline on a task with its 95 % interval; None if either is unknown.

    Wilson's interval for a share of items, a normal one for averages of subjects and for BLEU.
    """
    headline = run.get("headlines", {}).get(task)
    if headline is None or headline["value"] is None:
        return None
    value, items = headline["value"], run["n-samples"][task]["effective"]
    if headline["average"] == "items" and headline["metric"] in SHARES:
        return value, *wilson(value, items)
    error = headline["stderr"]
    if error is None:
        return None
    return value, max(0.0, value - Z_LEVEL * error), value + Z_LEVEL * error


Z_POWER = 0.841621
"""Normal quantile of 0.8."""

WITH_CHANCE = ("acc", "acc_norm", "acc_bytes", "acc_mean", "acc_slln", "probability")
NO_SIGNAL = "no signal at this size"


def chance_of(metric: str, about: Mapping[str, Any]) -> float | None:
    """Give what guessing gives for a metric; None where there is no such line."""
    chance = about.get("chance") if metric in WITH_CHANCE else None
    return chance if isinstance(chance, (int, float)) else None


def has_signal(
    value: float, error: float | None, chance: float | None, items: int | None = None
) -> bool | None:
    """Tell whether a figure differs from chance; None where that cannot be said."""
    if chance is None or error is None:
        return None
    # Items that are all alike have no spread, and 0 of 4 would be surer than 1 of 4: then by how
    # much guessing itself scatters over so many.
    if error == 0:
        if not items:
            return None
        error = math.sqrt(chance * (1 - chance) / items)
    return abs(value - chance) > Z_LEVEL * error


def detectable_between(error: float | None) -> float | None:
    """Return the difference of two independent runs that so many items would show."""
    return None if error is None else (Z_LEVEL + Z_POWER) * math.sqrt(2) * error
