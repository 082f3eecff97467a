"""Is a model better than the trivial, on the same rows: paired differences over the same blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mind_domain.metrics import draw_weights

DETECTABLE = 2.8
"""Standard errors that a difference must be long to be found in 80 of 100 tests at 5 %:
1.96 + 0.84."""


def compare(
    right: Sequence[bool],
    others: Mapping[str, Sequence[bool]],
    clusters: Sequence[str],
    draws: int,
    seed: int,
    block: int,
) -> dict[str, dict[str, Any]]:
    """Return the difference in accuracy to each other, over the same draws of the same blocks.

    `p` is two-sided, from the share of draws on the other side of 0; `p_holm` is it by Holm's rule
    over all others. A difference that is not `resolved` comes with what would be `detectable`.
    """
    names = {name: n for n, name in enumerate(sorted(set(clusters)))}
    place = np.array([names[cluster] for cluster in clusters])
    size = np.bincount(place, minlength=len(names)).astype(float)
    chooser = np.random.Generator(np.random.PCG64(seed))
    weights = draw_weights(chooser, len(names), draws, block)
    total = weights @ size
    found: dict[str, dict[str, Any]] = {}
    mine = np.array(right, dtype=float)
    for name, theirs in others.items():
        gap = mine - np.array(theirs, dtype=float)
        # By cluster: a draw is then one product of weights and sums.
        sums = np.bincount(place, weights=gap, minlength=len(names))
        drawn = (weights @ sums) / total
        low, high = np.quantile(drawn, [0.025, 0.975]) if draws else (np.nan, np.nan)
        # The observed difference counts as one of the draws, so that no p is 0.
        below = (1 + (drawn <= 0).sum()) / (draws + 1)
        above = (1 + (drawn >= 0).sum()) / (draws + 1)
        found[name] = {
            "accuracy": round(float(np.mean(np.array(theirs, dtype=float))), 6),
            "difference": round(float(gap.mean()), 6),
            "low": round(float(low), 6) if draws else None,
            "high": round(float(high), 6) if draws else None,
            "p": round(min(1.0, 2.0 * float(min(below, above))), 6),
            "detectable": round(DETECTABLE * float(drawn.std()), 6) if draws else None,
        }
    for name, value in holm({name: one["p"] for name, one in found.items()}).items():
        found[name]["p_holm"] = value
        found[name]["resolved"] = value < 0.05
    return found


def holm(values: Mapping[str, float]) -> dict[str, float]:
    """Return p-values that hold for all of them together (Holm 1979)."""
    adjusted: dict[str, float] = {}
    highest = 0.0
    for n, name in enumerate(sorted(values, key=lambda name: (values[name], name))):
        highest = max(highest, min(1.0, (len(values) - n) * values[name]))
        adjusted[name] = round(highest, 6)
    return adjusted
