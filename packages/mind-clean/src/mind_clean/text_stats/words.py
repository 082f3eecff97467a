"""Counts over the words of a text, whichever rules cut them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_clean.text_stats.char_classes import ALPHA, SIZE, SYMBOL, Table
from mind_clean.text_stats.word_table import Numbers, number_of
from mind_core.kernels.library import kernel
from mind_core.kernels.utf8 import CodePoints

Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@kernel("void(u4[], u4[], i4[], i4[], i8, i8[])")
def count_words(
    text: CodePoints, table: Table, starts: Numbers, stops: Numbers, words: int, counts: Counts
) -> None:
    """Count words that are not all symbols, their characters, and words with a letter."""
    for word in range(words):
        symbols = True
        letters = False
        for place in range(starts[word], stops[word]):
            bits = table[min(text[place], np.uint32(SIZE))]
            symbols = symbols and bits & SYMBOL > 0
            letters = letters or bits & ALPHA > 0
        counts[2] += letters
        if not symbols:
            counts[0] += 1
            counts[1] += stops[word] - starts[word]


@kernel("i8(u4[], i4[], i4[], i8, u4[], i4[], i4[], i8, b1[])")
def count_known(
    text: CodePoints, starts: Numbers, stops: Numbers, words: int,
    letters: CodePoints, ends: Numbers, slots: Numbers, longest: int, found: Flags,
) -> int:  # fmt: skip
    """Count the different words of a table that are among the words of a text."""
    different = 0
    for word in range(words):
        start, end = starts[word], stops[word]
        # A longer word than any of the table need not be hashed.
        if end - start <= longest:
            number = number_of(text, start, end, letters, ends, slots)
            # Each word of the table counts once, however often it stands in the text.
            if number >= 0 and not found[number]:
                found[number] = True
                different += 1
    return different
