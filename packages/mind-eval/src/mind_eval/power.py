"""Power of McNemar's exact test: how large a difference must be for so many items to show it.

The test rejects where the two-sided binomial p-value of the discordant items is below the level.
Its power sums that over the number of discordant items (binomial in the items) and over how they
split (binomial in the discordant ones); no normal approximation, which promises differences that
the exact test cannot find: of 67 items it needs 6 that speak for one side.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEVEL = 0.05
POWER = 0.8
SPREAD = 5.5
"""Standard deviations of a binomial that are summed over: what lies beyond is below 1e-7."""

PRECISION = 1e-5
"""To which the smallest difference is found."""


def least_one_sided(level: float = LEVEL) -> int:
    """Return how many discordant items, all for one side, make the exact test significant."""
    # Two-sided p of n on one side is 2 / 2ⁿ, which has to be below the level, not at it: the small
    # number lifts a whole n to the next.
    return math.ceil(1 - math.log2(level) + 1e-12) if level < 1 else 0


def power(difference: float, disagree: float, items: int, level: float = LEVEL) -> float:
    """Return the probability that the exact test finds a difference.

    `disagree` is the share of items that only one side gets right, at least the difference.
    """
    import numpy as np

    disagree = min(1.0, max(disagree, abs(difference)))
    if disagree <= 0:
        return 0.0
    share = (disagree + abs(difference)) / (2 * disagree)  # of discordant items, for the better
    counts = _likely(items, disagree)
    critical = np.array([_critical(int(n), level) for n in counts])
    found = 0.0
    for n, weight, edge in zip(counts, _binomial(items, disagree, counts), critical, strict=True):
        # So few discordant items are never significant, however they split.
        if edge < 0:
            continue
        k = _likely(int(n), share)
        chance = _binomial(int(n), share, k)
        # Both tails count, so a difference found the wrong way round does too; with any power worth
        # having that is next to nothing.
        found += float(weight) * float(chance[(k <= edge) | (k >= n - edge)].sum())
    return min(1.0, found)


def detectable(only_a: int, only_b: int, items: int) -> float | None:
    """Return the smallest difference that the exact test finds with 80 % power, two-sided at 5 %.

    The two sides are taken to disagree as often as observed, or as the difference itself demands.
    None: so few items show no difference at all.
    """
    disagree = (only_a + only_b) / items
    if power(1.0, disagree, items) < POWER:
        return None
    # The normal approximation (Miettinen 1968) is a good place to begin.
    high = min(1.0, 1.5 * 2.8016 * math.sqrt(max(disagree, 1 / items) / items))
    # Ends, as 1.0 has enough power: that was checked.
    while power(high, disagree, items) < POWER:
        high = min(1.0, 2 * high)
    low = 0.0
    while high - low > PRECISION:
        middle = (low + high) / 2
        if power(middle, disagree, items) < POWER:
            low = middle
        else:
            high = middle
    return high


@lru_cache(maxsize=1 << 16)
def _critical(n: int, level: float) -> int:
    """Return the most items for the weaker side at which n discordant ones are significant."""
    import numpy as np

    k = np.arange(0, n // 2 + 1)
    # √n / 2 is the standard deviation of the split, so this is 16 of them below the middle.
    k = k[max(0, len(k) - 40 - 8 * math.isqrt(n + 1)) :]  # what lies below adds nothing
    tails = 2 * np.cumsum(_binomial(n, 0.5, k))
    below = int(np.searchsorted(tails, level, side="left"))
    return int(k[0]) + below - 1


def _likely(n: int, p: float) -> NDArray[np.int64]:
    """List the values of a binomial that are likely enough to count."""
    import numpy as np

    reach = SPREAD * math.sqrt(n * p * (1 - p)) + 8
    return np.arange(max(0, math.floor(n * p - reach)), min(n, math.ceil(n * p + reach)) + 1)


def _binomial(n: int, p: float, k: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the probabilities of k successes in n draws, for an array of k."""
    import numpy as np

    if p in (0.0, 1.0):
        sure: NDArray[np.float64] = np.equal(k, round(n * p)).astype(np.float64)
        return sure
    # Tables are of powers of two, so that few different ones are made and kept.
    table = _log_factorials(1 << max(10, n.bit_length()))
    logs = table[n] - table[k] - table[n - k] + k * math.log(p) + (n - k) * math.log1p(-p)
    found: NDArray[np.float64] = np.exp(logs)
    return found


@lru_cache(maxsize=8)
def _log_factorials(size: int) -> NDArray[np.float64]:
    import numpy as np

    table: NDArray[np.float64] = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, size + 1)))))
    return table
