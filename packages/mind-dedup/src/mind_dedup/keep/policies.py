"""Which copy stays: the one with the highest number, and of equal ones the first."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from mind_core.errors import UsageError
from mind_core.records import Record


@dataclass(frozen=True)
class First:
    """Keep the copy that comes first; the only policy that needs no second pass."""

    streams: ClassVar[bool] = True

    def __call__(self, record: Record) -> float:  # noqa: ARG002 - a policy takes the record
        """Return 0: all are alike, and of equals the first stays."""
        return 0.0


@dataclass(frozen=True)
class Longest:
    """Keep the copy with the longest text, in characters."""

    def __call__(self, record: Record) -> float:
        """Return the length of the text."""
        text = record.get("text")
        return float(len(text)) if isinstance(text, str) else -math.inf


@dataclass(frozen=True)
class Best:
    """Keep the best copy: in one language, without markup, long; or the highest number in a field.

    A record without a number in the field comes last.
    """

    field: str = ""

    def __call__(self, record: Record) -> float:
        """Return the number of the field, or what the text is worth."""
        if not self.field:
            text = record.get("text")
            return quality_of(text) if isinstance(text, str) else -math.inf
        value = value_at(record, self.field)
        # A truth value is a number to Python, and NaN has no place in an order.
        if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
            return -math.inf
        return float(value)


_LETTERS = re.compile("[A-Za-z\u00c0-\u024f]+")
_CHARACTERS = re.compile("[\u3400-\u9fff\u3040-\u30ff]")
_MARKUP = re.compile(
    r"</?[A-Za-z][^<>\n]{0,200}>|&(?:[A-Za-z]{2,8}|#\d{1,6});|\{\{|\}\}|\[\[|\]\]|!\[|\]\("
)


def quality_of(text: str) -> float:
    """Return what a text is worth beside its copies.

    The share of its words and characters that are of the script that it has more of, less twice the
    share of markup left over, and 0.02 each time it is twice as long: a page that is translated to
    a third is worth less than the whole one in either language, if that is not far shorter.
    """
    words, characters = len(_LETTERS.findall(text)), len(_CHARACTERS.findall(text))
    # A word of letters and a Chinese character count alike.
    pure = max(words, characters) / (words + characters) if words + characters else 0.0
    markup = sum(len(match.group()) for match in _MARKUP.finditer(text)) / max(len(text), 1)
    return pure - 2 * markup + 0.02 * math.log2(1 + len(text))


@dataclass(frozen=True)
class Newest:
    """Keep the copy with the latest time in a field, ISO 8601; without one it is last."""

    field: str = "created"

    def __call__(self, record: Record) -> float:
        """Return the time in seconds; one without a time zone counts as UTC."""
        value = value_at(record, self.field)
        try:
            time = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            return -math.inf
        if time is None:
            return -math.inf
        # Without it the zone of the machine would decide which copy stays.
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


@dataclass(frozen=True)
class Source:
    """Keep the copy of the source that is named first; of sources not named, the first copy."""

    order: Sequence[str] = ()

    def __post_init__(self) -> None:
        names = self.order.split(",") if isinstance(self.order, str) else list(self.order)
        if not names or not all(isinstance(name, str) and name.strip() for name in names):
            raise UsageError(
                "keep policy source wants the sources in their order",
                hint="--keep source:books,wiki or [keep] order = ['books', 'wiki']",
            )
        object.__setattr__(self, "order", tuple(name.strip() for name in names))

    def __call__(self, record: Record) -> float:
        """Return how far to the front the record's source is."""
        source = record.get("source")
        names = list(self.order)
        return float(len(names) - names.index(source)) if source in names else 0.0


def value_at(record: Record, path: str) -> Any:
    """Return the value at a dotted path, or None."""
    value: Any = record
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value
