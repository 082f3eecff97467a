"""The 95 % interval of a run's one figure on a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mind_eval.significance import Z_LEVEL, wilson

SHARES = (
    "acc", "acc_norm", "acc_bytes", "acc_mean", "acc_slln", "exact_match", "exact_match_flexible",
    "accuracy_from_text", "regex",
)  # fmt: skip
"""Metrics that are shares of items, right or wrong."""


def interval(run: Mapping[str, Any], task: str) -> tuple[float, float, float] | None:
    """Give a run's headline on a task with its 95 % interval; None if it has none.

    Wilson's interval for a share of items, a normal one for averages of subjects and for BLEU.
    """
    headline = run.get("headlines", {}).get(task)
    if headline is None or headline["value"] is None:
        return None
    value, items = headline["value"], run["n-samples"][task]["effective"]
    if headline["average"] == "items" and headline["metric"] in SHARES:
        return value, *wilson(value, items)
    error = headline["stderr"] or 0.0
    return value, max(0.0, value - Z_LEVEL * error), value + Z_LEVEL * error
