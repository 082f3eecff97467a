"""The quality rules of Gopher (Rae et al. 2021, arXiv 2112.11446, A1.1)."""

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
    word_set,
)
from mind_core import Reason, Record

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
SHARES = ("max_bullet_lines", "max_ellipsis_lines", "min_alphabetic_words")


@dataclass(frozen=True)
class GopherQuality:
    """Drop a text that is no prose by the quality rules of Gopher (Rae et al. 2021, A1.1).

    Words, formulas and defaults as datatrove 0.10 has them. A bound of 0 is none. Only texts in
    `languages` are judged: the defaults were found on English. Chinese is never cut at blanks, its
    words are jieba's; the Chinese thresholds of FineWeb-2 are `fineweb2_zh`. In datatrove a comma
    is a word without a letter: `marks_are_words = false` counts words proper, as the paper does.
    """

    languages: tuple[str, ...] = ("en",)
    min_words: int = 50
    max_words: int = 100_000
    min_mean_word_length: float = 3.0
    max_mean_word_length: float = 10.0
    max_hashes_per_word: float = 0.1
    max_ellipses_per_word: float = 0.1
    max_bullet_lines: float = 0.9
    max_ellipsis_lines: float = 0.3
    min_alphabetic_words: float = 0.8
    marks_are_words: bool = True
    min_stop_words: int = 2
    stop_words: tuple[str, ...] = STOP_WORDS

    def __post_init__(self) -> None:
        """Refuse bounds that mean nothing."""
        object.__setattr__(self, "languages", check_languages(self.languages))
        object.__setattr__(self, "stop_words", tuple(self.stop_words))
        check_bounds(self, SHARES)
        # Such a bound would drop every text.
        if self.min_stop_words > len(set(self.stop_words)):
            raise ValueError(f"min_stop_words is {self.min_stop_words}, more than there are")

    def prepare(self) -> None:
        """Load what the rules need before workers start."""
        warm_up(self.languages)

    def __call__(self, record: Record) -> Reason | None:
        """Return the first rule that the text breaks, or None."""
        language = judged_as(record, self.languages)
        return next(self._broken(record["text"], language), None) if language else None

    def _broken(self, text: str, language: str) -> Iterator[Reason]:
        measures = measures_of(text)
        # All words, and those that are not all symbols: datatrove bounds the number and length of
        # the latter, and takes marks as a share of the former.
        words, real, characters, with_letter = measures.words(language)
        if below(real, self.min_words):
            yield Reason("few_words", real, self.min_words)
        if above(real, self.max_words):
            yield Reason("many_words", real, self.max_words)
        mean = share(characters, real)
        if below(mean, self.min_mean_word_length):
            yield Reason("short_words", round(mean, 4), self.min_mean_word_length)
        if above(mean, self.max_mean_word_length):
            yield Reason("long_words", round(mean, 4), self.max_mean_word_length)
        line_stats = measures.line_stats
        rate = share(line_stats.hashes, words)
        if above(rate, self.max_hashes_per_word):
            yield Reason("many_hashes", round(rate, 4), self.max_hashes_per_word)
        rate = share(line_stats.ellipses, words)
        if above(rate, self.max_ellipses_per_word):
            yield Reason("many_ellipses", round(rate, 4), self.max_ellipses_per_word)
        rate = share(line_stats.bullet_lines, line_stats.lines)
        if above(rate, self.max_bullet_lines):
            yield Reason("many_bullet_lines", round(rate, 4), self.max_bullet_lines)
        rate = share(line_stats.ellipsis_lines, line_stats.lines)
        if above(rate, self.max_ellipsis_lines):
            yield Reason("many_ellipsis_lines", round(rate, 4), self.max_ellipsis_lines)
        rate = share(with_letter, words if self.marks_are_words else real)
        if below(rate, self.min_alphabetic_words):
            yield Reason("few_alphabetic_words", round(rate, 4), self.min_alphabetic_words)
        if self.min_stop_words:
            found = measures.known(language, word_set(self.stop_words))
            if found < self.min_stop_words:
                yield Reason("few_stop_words", found, self.min_stop_words)
