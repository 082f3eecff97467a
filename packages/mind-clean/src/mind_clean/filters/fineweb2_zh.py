"""The quality rules of FineWeb-2 for Mandarin (Penedo et al. 2025, `configs/cmn_Hani.yml`)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from mind_clean.filters.fineweb import Fineweb
from mind_clean.filters.gopher_quality import GopherQuality
from mind_clean.filters.gopher_repetition import GopherRepetition
from mind_clean.text_stats.thresholds import warm_up
from mind_core import Reason, Record

STOP_WORDS = tuple("的年在月是和日了於·為有被人中为他與後也而由")
LANGUAGES = ("zh",)


@dataclass(frozen=True)
class Fineweb2Zh:
    """Drop a Chinese text by FineWeb-2's rules and thresholds for Mandarin (`cmn_Hani.yml`).

    The only published set for Chinese that was chosen by training models. Its numbers belong to the
    words of jieba 0.42 and to datatrove's formulas, which are used here: n-grams of 2 to 4 words
    are measured with blanks between the words, over a text that has none. A bound of 0 is none.
    """

    repeated_lines: float = 0.287
    top_2_gram: float = 0.256
    top_3_gram: float = 0.201
    top_4_gram: float = 0.171
    repeated_5_grams: float = 0.198
    repeated_6_grams: float = 0.182
    repeated_7_grams: float = 0.167
    repeated_8_grams: float = 0.154
    repeated_9_grams: float = 0.14
    repeated_10_grams: float = 0.127
    min_ended_lines: float = 0.106
    max_repeated_characters: float = 0.1
    max_feeds_per_word: float = 0.178
    min_words: int = 50
    max_words: int = 100_000
    min_mean_word_length: float = 1.0
    max_mean_word_length: float = 5.0
    max_hashes_per_word: float = 0.1
    max_ellipses_per_word: float = 0.1
    max_bullet_lines: float = 0.9
    max_ellipsis_lines: float = 0.3
    min_alphabetic_words: float = 0.735
    min_stop_words: int = 2
    stop_words: tuple[str, ...] = STOP_WORDS

    def __post_init__(self) -> None:
        """Refuse bounds that mean nothing."""
        object.__setattr__(self, "stop_words", tuple(self.stop_words))
        assert self._rules

    def prepare(self) -> None:
        """Load what the rules need before workers start."""
        warm_up(LANGUAGES)

    def __call__(self, record: Record) -> Reason | None:
        """Return the first rule that the text breaks, the cheapest to ask first, or None."""
        for rules in self._rules:
            reason = rules(record)
            if reason is not None:
                return reason
        return None

    @cached_property
    def _rules(self) -> tuple[GopherQuality, Fineweb, GopherRepetition]:
        grams = {
            name: value for name, value in vars(self).items() if name.endswith(("_gram", "_grams"))
        }
        # FineWeb-2 asks in the reverse order, which drops the same texts; but a text of ten words
        # is short rather than repetitive, although its most frequent pair is a third of it.
        return (
            GopherQuality(
                LANGUAGES, self.min_words, self.max_words, self.min_mean_word_length,
                self.max_mean_word_length, self.max_hashes_per_word, self.max_ellipses_per_word,
                self.max_bullet_lines, self.max_ellipsis_lines, self.min_alphabetic_words,
                min_stop_words=self.min_stop_words, stop_words=self.stop_words,
            ),
            Fineweb(
                LANGUAGES, self.min_ended_lines, max_short_lines=0,
                max_repeated_characters=self.max_repeated_characters,
                max_feeds_per_word=self.max_feeds_per_word,
            ),
            GopherRepetition(
                LANGUAGES, self.repeated_lines, repeated_line_characters=0, repeated_paragraphs=0,
                repeated_paragraph_characters=0, **grams,
            ),
        )  # fmt: skip
