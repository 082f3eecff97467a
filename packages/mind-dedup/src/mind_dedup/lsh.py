"""How many bands: the chance that two texts share a key, and the cut of the slots that errs least.

A signature of bands · rows slots gives a key per band; two texts of similarity s share at least one
with probability 1 - (1 - s^rows)^bands (Leskovec, Rajaraman & Ullman, ch. 3.4).
"""

from __future__ import annotations

from functools import cache

import numpy as np

WEIGHT_OF_MISSES = 0.998
"""A missed duplicate stays for good; a false candidate costs one comparison, and then is none.
With this weight 256 slots at 0.8 are cut into the 32 bands of 8 rows that were measured to miss
nothing."""

_STEPS = 100


def chance_of_candidate(similarity: float, bands: int, rows: int) -> float:
    """Return the probability that two texts of this similarity share a key."""
    return float(1 - (1 - similarity**rows) ** bands)


@cache
def bands_for(threshold: float, slots: int) -> tuple[int, int]:
    """Return the bands and rows with the least weighted integral of false rates.

    The rule of datasketch (`MinHashLSH`): false candidates are the area under the curve below the
    threshold, misses the area over it above; here misses weigh `WEIGHT_OF_MISSES`.
    """
    middles = (np.arange(_STEPS) + 0.5) / _STEPS
    below, above = middles * threshold, threshold + middles * (1 - threshold)
    best = (np.inf, 1, 1)
    # Each number of rows, with all numbers of bands that fit into the slots at once.
    for rows in range(1, slots + 1):
        bands = np.arange(1, slots // rows + 1)
        # One line a number of bands: the share of texts that no band proposes, up to there.
        missed_below = np.multiply.accumulate(np.tile(1 - below**rows, (len(bands), 1)))
        missed_above = np.multiply.accumulate(np.tile(1 - above**rows, (len(bands), 1)))
        false = (1 - missed_below.mean(axis=1)) * threshold
        missed = missed_above.mean(axis=1) * (1 - threshold)
        errors = (1 - WEIGHT_OF_MISSES) * false + WEIGHT_OF_MISSES * missed
        index = int(errors.argmin())
        # Of equal errors fewer bands, which are fewer keys in memory.
        best = min(best, (float(errors[index]), index + 1, rows))
    return best[1], best[2]
