"""From a return to a class, by given edges or quantiles, and the words for the classes."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

from mind_core.errors import MindError, UsageError

LABELS = {
    2: ("rise", "fall"),
    3: ("rise", "flat", "fall"),
    5: ("surge", "rise", "flat", "fall", "plunge"),
}
WIDE = 3.0
"""With five classes and one threshold, a surge is above three times of it: FinGPT's 2 % and 6 %."""


def edges_of(classes: int, threshold: float, edges: str) -> tuple[float, ...]:
    """Return the edges between classes in ascending order: given as a list, or ± a threshold.

    Two classes have two edges as well, and what lies between them is dropped, or one.
    """
    if not edges:
        if classes == 5:
            return (-WIDE * threshold, -threshold, threshold, WIDE * threshold)
        return (-threshold, threshold)
    values = tuple(_number(part, "edges") for part in edges.split(","))
    _check(values, classes, "edges")
    return values


def quantiles_of(classes: int, quantiles: str) -> tuple[float, ...]:
    """Read quantiles such as "1/3,2/3", ascending, strictly between 0 and 1."""
    values = tuple(_number(part, "quantiles") for part in quantiles.split(","))
    _check(values, classes, "quantiles")
    if not all(0.0 < value < 1.0 for value in values):
        raise UsageError(f"quantiles {quantiles!r}", hint="shares between 0 and 1: 1/3,2/3")
    return values


def fit_edges(changes: Sequence[float], quantiles: Sequence[float]) -> tuple[float, ...]:
    """Return the edges that cut returns at quantiles (linear between two, as numpy's default)."""
    if len(changes) < 2 * (len(quantiles) + 1):
        raise MindError(
            f"{len(changes)} returns of training dates are too few to fit edges",
            hint="give a later --fit-until, or edges with --threshold",
        )
    import numpy as np

    values = tuple(float(value) for value in np.quantile(np.array(changes), quantiles))
    if len(set(values)) < len(values):
        raise MindError(
            f"the quantiles of {len(changes):,} returns fall together at {values[0]:g}",
            hint="give fewer classes, or edges with --threshold",
        )
    return values


def class_of(change: float, edges: Sequence[float], classes: int) -> str | None:
    """Return the class of a return; None between the two edges of two classes.

    An edge itself belongs to the flat side; with one edge, to the lower class.
    """
    labels = LABELS[classes]
    if classes == 2 and len(edges) == 2:
        return "rise" if change > edges[1] else "fall" if change < edges[0] else None
    # The number of edges below a return; labels run from the highest class down.
    below = bisect_left(edges, change)
    if classes != 2 and change < 0.0 and below < len(edges) and change == edges[below]:
        below += 1  # -threshold is as flat as +threshold
    return labels[len(labels) - 1 - below]


def _check(values: Sequence[float], classes: int, what: str) -> None:
    wanted = {2: (1, 2), 3: (2,), 5: (4,)}[classes]
    if len(values) not in wanted or list(values) != sorted(set(values)):
        raise UsageError(
            f"{classes} classes and {what} {', '.join(f'{value:g}' for value in values)}",
            hint=f"give {' or '.join(map(str, wanted))} numbers in ascending order",
        )


def _number(text: str, what: str) -> float:
    above, _, below = text.partition("/")
    try:
        value = float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError):
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"{what}: {text!r} is no number", hint="as -0.005,0.0055 or 1/3,2/3")
    return value


WORDS = {
    "en": {"surge": "surge", "rise": "rise", "flat": "flat", "fall": "fall", "plunge": "plunge"},
    "zh": {"surge": "大涨", "rise": "上涨", "flat": "持平", "fall": "下跌", "plunge": "大跌"},
}
OTHER_WORDS = {
    "surge": ("大漲", "暴涨", "暴漲"),
    "rise": ("上漲", "涨", "漲", "up", "rises", "positive"),
    "flat": ("不变", "不變", "平盘", "平盤", "unchanged", "neutral"),
    "fall": ("跌", "down", "falls", "negative"),
    "plunge": ("暴跌",),
}
"""What models write for the same thing: traditional characters, short forms, other data sets'
words. Each is unambiguous when it stands alone."""


def question_of(text: str, ticker: str, days: int, labels: Sequence[str], language: str) -> str:
    """Ask what a share does in the sessions after a text, with the words to choose from."""
    words = [WORDS[language][name] for name in labels]
    if language == "zh":
        choice = "、".join(words[:-1]) + f"或{words[-1]}"
        return f"这条消息发布后{days}个交易日，{ticker}的股价如何？只回答{choice}。\n\n{text}"
    choice = ", ".join(words[:-1]) + f" or {words[-1]}"
    unit = "trading day" if days == 1 else "trading days"
    return (
        f"What does the share of {ticker} do in the {days} {unit} after this message? "
        f"Answer {choice}.\n\n{text}"
    )
