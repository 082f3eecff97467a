"""The model's own score, by language: given, or measured on held-out texts by the same scorer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.stream import read_records

ALL = "all"


@dataclass(frozen=True)
class Reference:
    """Own scores by language; "all" stands for every language without one of its own."""

    values: Mapping[str, float]
    per_language: bool = True

    def of(self, language: str) -> float | None:
        """Return the reference for a language, or None if there is none."""
        if self.per_language and language in self.values:
            return self.values[language]
        return self.values.get(ALL)


def parse_reference(text: str, per_language: bool = True) -> Reference:
    """Read `3.2`, or `zh=3.9,en=3.1`, where `all=…` may stand for the rest."""
    values: dict[str, float] = {}
    for part in text.split(","):
        language, equals, number = part.partition("=")
        try:
            values[language.strip() if equals else ALL] = float(number if equals else part)
        except ValueError:
            raise UsageError(
                f"--reference-entropy {text!r}: {part!r} is no number",
                hint="for example 3.2, or zh=3.9,en=3.1",
            ) from None
    return _checked(Reference(values, per_language))


def measured_reference(scorer: Any, file: str, per_language: bool, limit: int | None) -> Reference:
    """Measure a scorer's own score on held-out texts; raise `UsageError` if it has none."""
    own = getattr(scorer, "own", None)
    if own is None:
        raise UsageError(
            f"the scorer {type(scorer).__name__} measures no reference",
            hint="give a number with --reference-entropy",
        )
    values = {language: round(value, 6) for language, value in own(
        read_records([file], limit=limit)
    ).items()}  # fmt: skip
    if not values:
        raise MindError(f"{file} has no text to measure", hint="check --reference")
    return _checked(Reference(values, per_language))


def _checked(reference: Reference) -> Reference:
    if not reference.per_language and ALL not in reference.values:
        raise UsageError(
            "--no-per-language needs one number for all languages",
            hint="for example --reference-entropy 3.2",
        )
    return reference
