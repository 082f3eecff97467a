"""The filter: bounds on perplexity or bits per byte, for all texts or by language."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from mind_core import Reason, Record
from mind_core.text.languages import language_of
from mind_filter_perplexity.scoring import MEASURES, PERPLEXITY, open_model, surprise
from mind_filter_perplexity.thresholds import read_thresholds

ALL = "all"


@dataclass(frozen=True)
class Perplexity:
    """Drop a text that a `mind-train` checkpoint finds too surprising, or too predictable.

    `max` and `min` are a number, or a table by language (`max = {zh = 60, en = 80}`, `all` for the
    others; a language without a bound passes). `thresholds` is a folder of `mind-filter-perplexity
    tune`, in their place. `measure` is "perplexity" (by token) or "bits_per_byte", which compares
    checkpoints of different tokenizers. The first `max_characters` of a text are read; 0 is all.
    """

    model: str = ""
    max: Any = None
    min: Any = None
    thresholds: str = ""
    measure: str = PERPLEXITY
    max_characters: int = 20_000

    def __post_init__(self) -> None:
        """Refuse what is no bound, and options that are missing or contradict each other."""
        if not self.model:
            raise ValueError("model is not given: a run folder of mind-train, or a checkpoint")
        if self.measure not in MEASURES:
            raise ValueError(f"measure is {self.measure!r}, not one of {', '.join(MEASURES)}")
        if self.max_characters < 0:
            raise ValueError(f"max_characters is {self.max_characters}, and is 0 or more")
        given = self.max is not None or self.min is not None
        # Both or neither: it would not be clear which bound holds, or there is none.
        if given == bool(self.thresholds):
            raise ValueError("bounds are to be given: max or min, or thresholds from `tune`")
        for name in ("max", "min"):
            _bounds(name, getattr(self, name))

    def prepare(self) -> None:
        """Load the model before workers start, which then share its weights."""
        self._bounds()

    def _bounds(self) -> tuple[str, dict[str, float], dict[str, float]]:
        """Return the measure, and the upper and lower bounds by language."""
        checkpoint = open_model(self.model)
        if self.thresholds:
            told = _read_once(self.thresholds, checkpoint.fingerprint)
            return told.measure, told.max, {}
        return self.measure, _bounds("max", self.max), _bounds("min", self.min)

    def __call__(self, record: Record) -> Reason | None:
        """Return "too_surprising" or "too_predictable" with value and bound, or None."""
        measure, most, least = self._bounds()
        language = language_of(record)
        upper = most.get(language, most.get(ALL, math.inf))
        lower = least.get(language, least.get(ALL, 0.0))
        # No bound for this language: the model need not read the text.
        if upper == math.inf and lower == 0:
            return None
        text = record["text"]
        found = surprise(open_model(self.model), text[: self.max_characters or None])
        if found is None:
            return None
        value = found.value(measure)
        if value > upper:
            return Reason("too_surprising", round(value, 4), upper)
        return Reason("too_predictable", round(value, 4), lower) if value < lower else None


def _bounds(name: str, given: Any) -> dict[str, float]:
    """Return a bound by language; raise `ValueError` for what is none."""
    table = {} if given is None else given if isinstance(given, Mapping) else {ALL: given}
    for language, value in table.items():
        # In Python, True is a number.
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value <= 0:
            raise ValueError(f"{name} of {language} is {value!r}, and is a number above 0")
    return {str(language): float(value) for language, value in table.items()}


_read_once = cache(read_thresholds)
