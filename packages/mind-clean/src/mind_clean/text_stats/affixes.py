"""What comes off the ends of a chunk of English text, and what cuts its middle (spaCy's rules)."""

from __future__ import annotations

import numpy as np

from mind_clean.text_stats.char_classes import (
    ALPHA,
    BEFORE_STOP,
    CURRENCY,
    DIGIT,
    LOWER,
    PICTURE,
    QUOTE,
    SIZE,
    SPLITS,
    SPLITS_FRONT,
    UPPER,
    Table,
)
from mind_clean.text_stats.word_table import Numbers, number_of
from mind_core.kernels.library import kernel
from mind_core.kernels.utf8 import CodePoints

_STOP, _PLUS, _APOSTROPHE, _CURLY = np.uint32(46), np.uint32(43), np.uint32(39), np.uint32(0x2019)
_DASHES = (np.uint32(0x2013), np.uint32(0x2014))
_ELLIPSIS, _DEGREE, _COMMA = np.uint32(0x2026), np.uint32(0xB0), np.uint32(44)
_HYPHEN, _TILDE = np.uint32(45), np.uint32(126)


@kernel
def bits_of(table: Table, point: np.uint32) -> np.uint32:
    """Return what the table says of a code point."""
    return table[min(point, np.uint32(SIZE))]  # type: ignore[no-any-return]


@kernel
def _stops(text: CodePoints, start: int, end: int) -> int:
    """Count the full stops from `start` on."""
    place = start
    while place < end and text[place] == _STOP:
        place += 1
    return place - start


@kernel
def prefix_length(text: CodePoints, start: int, end: int, table: Table) -> int:
    """Return how many characters come off the front of a chunk."""
    if start >= end:
        return 0
    point = text[start]
    if bits_of(table, point) & (SPLITS | SPLITS_FRONT | PICTURE | CURRENCY):
        return 1
    if point == _STOP:
        stops = _stops(text, start, end)
        return stops if stops > 1 else 0
    after = text[start + 1] if start + 1 < end else np.uint32(0)
    if point == _PLUS:
        return 0 if bits_of(table, after) & DIGIT else 1
    if point == 85 and after == 83 and start + 2 < end and text[start + 2] == 36:  # US$
        return 3
    return 2 if point in (65, 67) and after == 36 else 0  # A$ C$


@kernel
def _unit(
    text: CodePoints, start: int, end: int, table: Table,
    letters: CodePoints, ends: Numbers, slots: Numbers, pieces: Numbers,
) -> int:  # fmt: skip
    """Return the length of a unit of measurement that ends a chunk after a digit."""
    # The longest first, as m ends km; the longest of all are four letters (km/h).
    for length in range(4, 0, -1):
        first = end - length
        if first > start and bits_of(table, text[first - 1]) & DIGIT:
            number = number_of(text, first, end, letters, ends, slots)
            if number >= 0 and pieces[number, 0] < 0:
                return length
    return 0


@kernel
def suffix_length(
    text: CodePoints, start: int, end: int, table: Table,
    letters: CodePoints, ends: Numbers, slots: Numbers, pieces: Numbers,
) -> int:  # fmt: skip
    """Return how many characters come off the end of a chunk."""
    if start >= end:
        return 0
    point = text[end - 1]
    before = text[end - 2] if end - 2 >= start else np.uint32(0)
    bits, bits_before = bits_of(table, point), bits_of(table, before)
    # U+0000 stands for what is not there, and has bits of its own.
    if end - 2 < start:
        bits_before = np.uint32(0)
    if point == _STOP:
        stops = 1
        while end - stops - 1 >= start and text[end - stops - 1] == _STOP:
            stops += 1
        if stops > 1:
            return stops
        # °C. °F. °K.
        if end - 3 >= start and text[end - 3] == _DEGREE and (before | 32) in (99, 102, 107):
            return 1
        # The stop after "NASA" ends a sentence, the one after "J" is that of an initial.
        two_capitals = end - 3 >= start and bits_before & UPPER > 0
        two_capitals = two_capitals and bits_of(table, text[end - 3]) & UPPER > 0
        return 1 if bits_before & BEFORE_STOP or two_capitals else 0
    if point == _ELLIPSIS:
        return 2 if before == _ELLIPSIS else 1
    if (point | 32) == 115 and before in (_APOSTROPHE, _CURLY):  # 's
        return 2
    if bits & CURRENCY:  # after a digit, perhaps as A$, C$, US$
        length = 2 if before in (65, 67) else 1
        if before == 83 and end - 3 >= start and text[end - 3] == 85:
            length = 3
        first = end - length
        return length if first > start and bits_of(table, text[first - 1]) & DIGIT else 0
    if bits & (SPLITS | PICTURE) or point in _DASHES:
        return 1
    if bits_before & DIGIT and point == _PLUS:
        return 1
    return _unit(text, start, end, table, letters, ends, slots, pieces)


@kernel
def _hyphens(text: CodePoints, place: int, end: int, table: Table) -> int:
    """Return the length of a dash between two letters, 0 if there is none at `place`."""
    point = text[place]
    if point == _TILDE or point == _DASHES[0]:
        length = 1
    elif point == _DASHES[1]:
        length = 2 if place + 1 < end and text[place + 1] == point else 1
    elif point == _HYPHEN:
        length = 1
        while length < 3 and place + length < end and text[place + length] == point:
            length += 1
    else:
        return 0
    # The letter before was seen by the caller.
    follows = place + length < end and bits_of(table, text[place + length]) & ALPHA > 0
    return length if follows else 0


@kernel
def infix_length(text: CodePoints, start: int, place: int, end: int, table: Table) -> int:
    """Return the length of what cuts a chunk at `place`, 0 if nothing does."""
    point = text[place]
    bits = bits_of(table, point)
    if bits & ALPHA or bits & DIGIT:
        return 0
    if point == _STOP and place + 1 < end and text[place + 1] == _STOP:
        return _stops(text, place, end)
    if point == _ELLIPSIS or bits & PICTURE:
        return 1
    # The cases below look at both neighbours.
    if place == start or place + 1 >= end:
        return 0
    left = bits_of(table, text[place - 1])
    right = bits_of(table, text[place + 1])
    arithmetic = point in (42, 43, 45, 94)  # * + - ^
    if left & DIGIT and arithmetic and (right & DIGIT or text[place + 1] == _HYPHEN):
        return 1
    if point == _STOP:
        # "end.Then" was written without a blank; "v1.2" and "e.g" were not.
        return 1 if left & (LOWER | QUOTE) and right & (UPPER | QUOTE) else 0
    if point == _COMMA:
        # "red,green" are two words, "1,000" is one number.
        return 1 if left & ALPHA and right & ALPHA else 0
    if left & (ALPHA | DIGIT):
        length = _hyphens(text, place, end, table)
        if length:
            return length
    if point in (47, 58, 60, 61, 62):  # / : < = >
        return 1 if left & (ALPHA | DIGIT) and right & ALPHA else 0
    return 0
