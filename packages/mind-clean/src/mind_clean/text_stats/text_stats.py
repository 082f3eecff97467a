"""Measure a text once for all filters that ask.

The last text that was measured is remembered with its results: filters that follow each other in a
recipe ask about the same text, so three of them cost one pass. Nothing here is imported before a
component that needs it is made: numba takes half a second.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mind_clean.segmentation.chinese import chinese_words
from mind_clean.segmentation.dictionary import load_dictionary
from mind_clean.text_stats.buffers import Buffers, room_for
from mind_clean.text_stats.char_classes import table
from mind_clean.text_stats.english import cut_table, english_words
from mind_clean.text_stats.line_stats import LENGTHS, LineStats, count_characters, count_pieces
from mind_clean.text_stats.repetition import count_repeated
from mind_clean.text_stats.word_table import WordTable
from mind_clean.text_stats.words import count_known, count_words
from mind_core.kernels.packed import encode
from mind_core.kernels.utf8 import decode

CHINESE = "zh"


class WordCounts(NamedTuple):
    """Hold the counts over a text's words."""

    words: int
    real: int
    """Words that are not all symbols."""
    real_characters: int
    with_letter: int


class TextStats:
    """Hold what was measured of one text so far; what more is asked for is measured then."""

    def __init__(self, text: str, buffers: Buffers, length: int) -> None:
        self.text = text
        self._buffers = buffers
        self._length = length
        self._cut_as: str | None = None
        self._line_stats: tuple[LineStats, np.ndarray] | None = None
        self._words: dict[str, WordCounts] = {}
        self._repeated: dict[str, list[int]] = {}

    @property
    def line_stats(self) -> LineStats:
        """Return the counts of characters, lines and paragraphs."""
        return self._take_line_stats()[0]

    def lines_up_to(self, characters: int) -> int:
        """Count the lines that are not blank and have at most so many characters (below 255)."""
        return int(self._take_line_stats()[1][: characters + 1].sum())

    def words(self, language: str) -> WordCounts:
        """Return the counts over the words, cut as the language's are: "zh", or else English."""
        if language not in self._words:
            b, count = self._buffers, self._cut(language)
            counts = np.zeros(3, np.int64)
            count_words(b.text, table(), b.starts, b.stops, count, counts)
            self._words[language] = WordCounts(count, *counts.tolist())
        return self._words[language]

    def word_list(self, language: str) -> list[str]:
        """Return the words themselves, which no rule needs: for tests and for the curious."""
        count = self._cut(language)
        spans = zip(
            self._buffers.starts[:count].tolist(), self._buffers.stops[:count].tolist(), strict=True
        )
        return [self.text[start:stop] for start, stop in spans]

    def known(self, language: str, words: WordTable) -> int:
        """Count the different words of a table that are among the text's."""
        b, count = self._buffers, self._cut(language)
        found = np.zeros(len(words.ends) - 1, np.bool_)
        return count_known(
            b.text, b.starts, b.stops, count,
            words.letters, words.ends, words.slots, words.longest, found,
        )  # fmt: skip

    def repeated(self, language: str) -> list[int]:
        """Return the repeated characters of n-grams; those of n are at place n, 2 to 10."""
        if language not in self._repeated:
            b, count = self._buffers, self._cut(language)
            counts = np.zeros(11, np.int64)
            count_repeated(
                b.text, b.starts, b.stops, count, counts, b.names, b.grams, b.longer, b.often,
                b.sizes, b.up_to, b.powers, b.slots,
            )  # fmt: skip
            self._repeated[language] = counts.tolist()
        return self._repeated[language]

    def _take_line_stats(self) -> tuple[LineStats, np.ndarray]:
        if self._line_stats is None:
            b = self._buffers
            counts = np.zeros(len(LineStats._fields), np.int64)
            lengths = np.zeros(LENGTHS, np.int64)
            count_characters(b.text, self._length, table(), counts)
            # Into other buffers than the words, so that these need not be cut again.
            count_pieces(b.text, self._length, table(), counts, lengths, b.longer, b.often, b.slots)
            self._line_stats = LineStats(*counts.tolist()), lengths
        return self._line_stats

    def _cut(self, language: str) -> int:
        """Cut the text into words, unless it was the last thing that was done; count them."""
        if self._cut_as != language:
            b, d = self._buffers, load_dictionary() if language == CHINESE else None
            if d is not None:
                self._count = chinese_words(
                    b.text, self._length, table(), d.roots, d.steps, d.logs, d.emissions, d.chain,
                    d.unknown, b.scores, b.names, b.states, b.starts, b.stops,
                )  # fmt: skip
            else:
                known, pieces = cut_table()
                self._count = english_words(
                    b.text, self._length, table(), known.longest, known.letters, known.ends,
                    known.slots, pieces, b.starts, b.stops, b.names,
                )  # fmt: skip
            self._cut_as = language
        return self._count


_last: TextStats | None = None
_buffers: Buffers | None = None


def measured(text: str) -> TextStats:
    """Return the measures of a text: those of the last call if it asked about the same."""
    global _last, _buffers  # one process measures one text at a time
    if _last is None or (_last.text is not text and _last.text != text):
        data = encode(text)
        # A text has at most as many characters as bytes.
        _buffers = room_for(_buffers, len(data))
        # The measures of the last text look into the buffers that are filled now.
        _last = None
        length = decode(np.frombuffer(data, np.uint8), _buffers.text)
        _last = TextStats(text, _buffers, length)
    return _last
