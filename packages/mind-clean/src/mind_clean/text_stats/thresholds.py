"""What a filter needs before it asks for measures: which texts it judges, and a warm start."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from mind_clean.hans_hant import language_of
from mind_core import Record

if TYPE_CHECKING:
    from mind_clean.text_stats.text_stats import TextStats
    from mind_clean.text_stats.word_table import WordTable

UNSPACED = ("bo", "dz", "ja", "km", "lo", "my", "th")
"""Languages without blanks between words, for which there are no word rules here."""

SAMPLE = "Words, 词语。\n\nWords, 词语。"


def check_languages(languages: Sequence[str]) -> tuple[str, ...]:
    """Return the languages as a tuple; refuse one whose words cannot be told apart."""
    for language in languages:
        if language in UNSPACED:
            raise ValueError(f"there are no rules for the words of {language!r}")
    return tuple(languages)


def judged_as(record: Record, languages: Sequence[str]) -> str | None:
    """Return the language of a record whose text is to be judged, None if it is another."""
    language = language_of(record)
    return language if language in languages else None


def measures_of(text: str) -> TextStats:
    """Return the measures of a text, shared by all filters that ask about it in a row."""
    from mind_clean.text_stats.text_stats import measured

    return measured(text)


def warm_up(languages: Sequence[str]) -> None:
    """Load and compile everything that the languages' rules need, so that forks share it."""
    sample = measures_of(SAMPLE)
    for language in languages:
        sample.repeated(language)
        sample.words(language)
        sample.known(language, word_set(("the",)))
    sample.lines_up_to(10)


@cache
def word_set(words: tuple[str, ...]) -> WordTable:
    """Return the table of some words that kernels look up."""
    from mind_clean.text_stats.word_table import make_table

    return make_table(words)


def above(value: float, max_value: float) -> bool:
    """Tell whether a value breaks an upper bound; a bound of 0 is none."""
    return bool(max_value) and value > max_value


def below(value: float, min_value: float) -> bool:
    """Tell whether a value breaks a lower bound; a bound of 0 is none."""
    return bool(min_value) and value < min_value


def share(part: float, whole: float) -> float:
    """Return a share; of nothing it is 0."""
    return part / whole if whole else 0.0


def check_bounds(component: object, shares: Sequence[str]) -> None:
    """Refuse a negative bound, and a share above 1."""
    for name, value in vars(component).items():
        # Not `value < 0`, which lets NaN pass.
        if isinstance(value, int | float) and not isinstance(value, bool) and not value >= 0:
            raise ValueError(f"{name} is {value}, not 0 (no bound) or more")
    for name in shares:
        if getattr(component, name) > 1:
            raise ValueError(f"{name} is {getattr(component, name)}, not a share, 0 to 1")
