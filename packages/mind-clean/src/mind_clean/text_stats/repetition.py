"""Repeated n-grams of words: the most frequent of 2 to 4, and all that came before of 5 to 10.

Both as datatrove counts them (`pipeline/filters/gopher_repetition_filter.py`): an n-gram of 2 to 4
words is told by its words and measured with a blank between them; one of 5 to 10 by its characters
without blanks, and after one that came before the scan goes on behind it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_clean.text_stats.line_stats import clear
from mind_clean.text_stats.word_table import Numbers
from mind_core.kernels.library import kernel
from mind_core.kernels.utf8 import CodePoints

Counts = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

TOP = (2, 3, 4)
DUPLICATE = (5, 6, 7, 8, 9, 10)

_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xFF51AFD7ED558CCD)
_ONE = np.uint64(1)


@kernel("void(u8[])")
def fill_powers(powers: Hashes) -> None:
    """Fill in the powers of the hash's base, from 0 on."""
    powers[0] = _ONE
    for exponent in range(1, len(powers)):
        powers[exponent] = powers[exponent - 1] * _BASE


@kernel
def _spread(value: np.uint64) -> np.uint64:
    value ^= value >> np.uint64(33)
    value *= _MIX
    return value ^ (value >> np.uint64(33))


@kernel
def _name_words(
    text: CodePoints, starts: Numbers, stops: Numbers, words: int, names: Numbers,
    up_to: Hashes, powers: Hashes, slots: Numbers,
) -> None:  # fmt: skip
    """Give each word the number of the first that is the same."""
    # Numbers stand for words from here on: equal ones are compared in one step. A slot holds the
    # number of a word plus one, 0 is free; hashes may collide, so texts are compared.
    mask = clear(slots, words)
    for word in range(words):
        start, end = starts[word], stops[word]
        slot = _spread(up_to[word + 1] - up_to[word] * powers[end - start]) & mask
        names[word] = word
        while slots[slot] > 0:
            other = slots[slot] - 1
            if stops[other] - starts[other] == end - start:
                same = 0
                while start + same < end and text[start + same] == text[starts[other] + same]:
                    same += 1
                if start + same == end:
                    names[word] = other
                    break
            slot = (slot + _ONE) & mask
        if names[word] == word:
            slots[slot] = word + 1


@kernel
def _lengthen(
    n: int, words: int, names: Numbers, grams: Numbers, longer: Numbers, often: Numbers,
    slots: Numbers,
) -> int:  # fmt: skip
    """Name the n-grams after the (n-1)-grams; return the first that is most frequent, or -1."""
    # An n-gram is its first n-1 words, which have a number already, and one word more: two numbers
    # are compared however long it is, and no hash decides.
    mask = clear(slots, words)
    best = -1
    for word in range(words - n + 1):
        key = (np.uint64(grams[word]) << np.uint64(32)) | np.uint64(names[word + n - 1])
        slot = _spread(key) & mask
        first = word
        while slots[slot] > 0:
            other = slots[slot] - 1
            if grams[other] == grams[word] and names[other + n - 1] == names[word + n - 1]:
                first = other
                break
            slot = (slot + _ONE) & mask
        if first == word:
            slots[slot] = word + 1
            # The buffer still holds the counts of the n before.
            often[word] = 0
        longer[word] = first
        often[first] += 1
    for word in range(words - n + 1):
        if longer[word] == word and (best < 0 or often[word] > often[best]):
            best = word
    return best


@kernel
def _same(
    text: CodePoints, starts: Numbers, stops: Numbers, one: int, other: int, size: int
) -> bool:
    """Tell whether the next `size` characters of two runs of words are the same."""
    place, there = starts[one], starts[other]
    for _ in range(size):
        # On to the next word: what stands between two of them is not compared.
        while place == stops[one]:
            one += 1
            place = starts[one]
        while there == stops[other]:
            other += 1
            there = starts[other]
        if text[place] != text[there]:
            return False
        place += 1
        there += 1
    return True


@kernel
def _hash_up_to(
    text: CodePoints, starts: Numbers, stops: Numbers, words: int, sizes: Numbers,
    up_to: Hashes,
) -> None:  # fmt: skip
    """Sum up lengths and hashes of the words before each word: any run's are a step away."""
    sizes[0], up_to[0] = 0, np.uint64(0)
    characters = 0  # so far, without what stands between the words
    value = np.uint64(0)  # their rolling hash (Rabin and Karp), modulo 2^64
    for word in range(words):
        for place in range(starts[word], stops[word]):
            # One more than the character, so that U+0000 changes the hash too.
            value = value * _BASE + np.uint64(text[place]) + _ONE
        characters += stops[word] - starts[word]
        sizes[word + 1], up_to[word + 1] = characters, value


@kernel
def _came_before(
    n: int, text: CodePoints, starts: Numbers, stops: Numbers, words: int,
    sizes: Numbers, up_to: Hashes, powers: Hashes, slots: Numbers,
) -> int:  # fmt: skip
    """Return the characters of all n-grams that came before, each read once."""
    mask = clear(slots, words)
    repeated = 0
    word = 0
    while word + n <= words:
        size = sizes[word + n] - sizes[word]
        # What came before is shifted by the length of the run and taken off.
        value = up_to[word + n] - up_to[word] * powers[size]
        slot = _spread(value) & mask
        seen = False
        while slots[slot] > 0 and not seen:
            other = slots[slot] - 1
            same_size = sizes[other + n] - sizes[other] == size
            if same_size and up_to[other + n] - up_to[other] * powers[size] == value:
                # Hashes modulo 2^64 can be made to collide (Thue-Morse sequences do), so the
                # characters decide.
                seen = _same(text, starts, stops, word, other, size)
            slot = (slot + _ONE) & mask
        if seen:
            # Gopher's measure: a repeated n-gram counts once, and the next begins behind it.
            repeated += size
            word += n
        else:
            slots[slot] = word + 1
            word += 1
    return repeated


@kernel("void(u4[], i4[], i4[], i8, i8[], i4[], i4[], i4[], i4[], i4[], u8[], u8[], i4[])")
def count_repeated(
    text: CodePoints, starts: Numbers, stops: Numbers, words: int, counts: Counts,
    names: Numbers, grams: Numbers, longer: Numbers, often: Numbers, sizes: Numbers,
    up_to: Hashes, powers: Hashes, slots: Numbers,
) -> None:  # fmt: skip
    """Fill in the repeated characters of each n from 2 to 10, at its place.

    For 2 to 4 the length of the first most frequent n-gram, blanks included, times its frequency,
    also where each occurs once. `powers` are those of `fill_powers`.
    """
    _hash_up_to(text, starts, stops, words, sizes, up_to)
    _name_words(text, starts, stops, words, names, up_to, powers, slots)
    for word in range(words):
        grams[word] = names[word]
    for n in range(2, 5):
        best = _lengthen(n, words, names, grams, longer, often, slots)
        if best >= 0:
            # n words have n - 1 blanks between them.
            counts[n] = (sizes[best + n] - sizes[best] + n - 1) * often[best]
        for word in range(words):
            grams[word] = longer[word]
    for n in range(5, 11):
        counts[n] = _came_before(n, text, starts, stops, words, sizes, up_to, powers, slots)
