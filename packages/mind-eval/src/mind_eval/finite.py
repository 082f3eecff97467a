"""Numbers that are none: NaN and infinity never count as an answer, a metric or a bound kept.

JSON has no NaN: orjson writes `null` in its place, so in files that are read, `null` where a number
belongs is the same fault.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mind_core import MindError, Record

WEIGHTS_HINT = "look for NaN or Inf in the weights; float16 overflows where bfloat16 does not"


class NotFiniteError(MindError):
    """Report the prompt (by its index) at which a model gave a score that is not finite."""

    def __init__(self, index: int, value: float, model: str) -> None:
        super().__init__(
            f"prompt {index}: the model {model} gave {value} as the score of its next token",
            hint=WEIGHTS_HINT,
        )
        self.index, self.value, self.model = index, value, model

    def named(self, item: str) -> MindError:
        """Return the same error under the name of the item."""
        return MindError(
            f"{item}: the model {self.model} gave {self.value} as the score of its next token",
            hint=self.hint,
        )


def is_finite(value: object) -> bool:
    """Tell whether a value is a number, and neither NaN nor infinite."""
    return isinstance(value, (int, float)) and math.isfinite(value)


def check_finite(value: float, item: str, model: str) -> None:
    """Raise `MindError` that names the item and the model for a number that is not finite."""
    if not math.isfinite(value):
        raise MindError(
            f"{item}: the model {model} gave {value}, which is no log-probability",
            hint=WEIGHTS_HINT,
        )


def without_bad_errors(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of results in which a standard error that is not finite is None."""
    return {
        name: None
        if "_stderr" in name and isinstance(value, float) and not math.isfinite(value)
        else value
        for name, value in values.items()
    }


def check_scores(scores: Mapping[str, Any]) -> None:
    """Raise `MindError` that names every figure of scores that is NaN or infinite."""
    bad = [f"{where} is {value}" for where, value in _numbers(scores, "") if not is_finite(value)]
    if bad:
        raise MindError(
            f"{len(bad)} figures are not finite: {', '.join(bad[:5])}",
            hint=WEIGHTS_HINT,
        )


def check_read_scores(scores: Mapping[str, Any], where: Path) -> None:
    """Raise `MindError` for scores read from a file whose figures are missing or not finite."""
    bad = []
    for task, row in scores.get("results", {}).items():
        for name, value in row.items():
            # Keys are lm-eval's `metric,filter`; others, such as an alias, are no figures. An error
            # of None is sound: it cannot be estimated from one item.
            counts = "," in name and "_stderr" not in name
            if counts and (value is None or (isinstance(value, float) and not is_finite(value))):
                bad.append(f"{task}.{name.partition(',')[0]}")
    held = scores.get("heldout") or {}
    for language, figures in {"all": held.get("all", {}), **held.get("languages", {})}.items():
        for name, size in (("nats_per_token", "tokens"), ("bits_per_byte", "bytes")):
            # A ratio over no bytes or tokens is None on purpose; only one over something is a
            # fault.
            if figures.get(size) and name in figures and not is_finite(figures[name]):
                bad.append(f"heldout.{language}.{name}")
    _refuse(bad, where)


def check_read_items(items: list[Record], where: Path) -> None:
    """Raise `MindError` for items whose answers or metrics are missing or not finite."""
    bad = []
    for item in items:
        metrics = item.get("metrics", {}).items()
        lacking = [name for name, value in metrics if value is None or _not_finite(value)]
        # A written answer is a string here, a choice is [log-probability, is greedy].
        nats = [a[0] for a in item.get("answers", ()) if isinstance(a, list) and len(a) == 2]
        if any(value is None or _not_finite(value) for value in nats):
            lacking.append("log-probability")
        if lacking:
            bad.append(f"item {item.get('id')}: {', '.join(lacking)}")
    _refuse(bad, where)


def _not_finite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _refuse(bad: list[str], where: Path) -> None:
    if bad:
        raise MindError(
            f"{where}: {len(bad)} figures are no finite numbers: {'; '.join(bad[:5])}",
            cause="a model gave NaN or infinity, which JSON holds as null",
            hint="run mind-eval again: it names the item, and logs no such answer",
        )


def _numbers(value: Any, where: str) -> Iterator[tuple[str, float]]:
    """Yield every float of nested values with the path to it."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _numbers(inner, f"{where}.{name}" if where else str(name))
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _numbers(inner, f"{where}[{number}]")
    elif isinstance(value, float):
        yield where, value
