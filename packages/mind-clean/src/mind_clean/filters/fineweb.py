"""The quality rules that FineWeb adds to those of Gopher and C4 (Penedo et al. 2024)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mind_clean.text_stats.thresholds import (
    above,
    below,
    check_bounds,
    check_languages,
    judged_as,
    measures_of,
    share,
    warm_up,
)
from mind_core import Reason, Record

SHARES = ("min_ended_lines", "max_short_lines", "max_repeated_characters")
# Lines of up to 254 characters have a count for each length; all longer ones share the last field.
LONGEST_SHORT = 254


@dataclass(frozen=True)
class Fineweb:
    """Drop a list, a menu or a text of broken lines (FineWeb, Penedo et al. 2024, §3.6).

    `min_ended_lines` is the share of lines that end like a sentence, `max_short_lines` that of
    lines of up to `short_line` characters, `max_repeated_characters` that of the characters of
    repeated lines, `max_feeds_per_word` line feeds to words. Defaults and formulas as datatrove
    0.10 has them; a bound of 0 is none. Only texts in `languages` are judged.
    """

    languages: tuple[str, ...] = ("en",)
    min_ended_lines: float = 0.12
    max_short_lines: float = 0.67
    short_line: int = 30
    max_repeated_characters: float = 0.01
    max_feeds_per_word: float = 0.3

    def __post_init__(self) -> None:
        """Refuse bounds that mean nothing."""
        object.__setattr__(self, "languages", check_languages(self.languages))
        check_bounds(self, SHARES)
        if self.short_line > LONGEST_SHORT:
            raise ValueError(f"short_line is {self.short_line}, more than {LONGEST_SHORT}")

    def prepare(self) -> None:
        """Load what the rules need before workers start."""
        warm_up(self.languages)

    def __call__(self, record: Record) -> Reason | None:
        """Return the first rule that the text breaks, or None."""
        language = judged_as(record, self.languages)
        return next(self._broken(record["text"], language), None) if language else None

    def _broken(self, text: str, language: str) -> Iterator[Reason]:
        measures = measures_of(text)
        line_stats = measures.line_stats
        if not line_stats.full_lines:
            yield Reason("no_text")
            return
        rate = line_stats.ended_lines / line_stats.full_lines
        if below(rate, self.min_ended_lines):
            yield Reason("few_ended_lines", round(rate, 4), self.min_ended_lines)
        rate = measures.lines_up_to(self.short_line) / line_stats.full_lines
        if above(rate, self.max_short_lines):
            yield Reason("many_short_lines", round(rate, 4), self.max_short_lines)
        # There is a line that is not blank, so that characters are more than line feeds.
        rate = line_stats.repeated_line_characters / (line_stats.characters - line_stats.feeds)
        if above(rate, self.max_repeated_characters):
            yield Reason("repeated_lines", round(rate, 4), self.max_repeated_characters)
        rate = share(line_stats.feeds, measures.words(language).words)
        if above(rate, self.max_feeds_per_word):
            yield Reason("many_line_feeds", round(rate, 4), self.max_feeds_per_word)
