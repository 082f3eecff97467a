"""Counts of characters, lines and paragraphs, which need no words."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mind_clean.text_stats.char_classes import HAN, LINE_END, SIZE, SPACE, TERMINAL, Table
from mind_clean.text_stats.word_table import Numbers, hash_of
from mind_core.kernels.library import kernel
from mind_core.kernels.utf8 import CodePoints

Counts = npt.NDArray[np.int64]

LENGTHS = 256
"""Lines are counted by length up to this; longer ones are in the last field."""

_FEED, _STOP, _ELLIPSIS = np.uint32(10), np.uint32(46), np.uint32(0x2026)
_BULLET, _HYPHEN, _HASH = np.uint32(0x2022), np.uint32(45), np.uint32(35)


class LineStats(NamedTuple):
    """Hold the counts of a text; the field's place is the kernel's."""

    characters: int
    han: int
    hashes: int
    ellipses: int
    """`…`, and `...` counted without overlap."""
    feeds: int
    lines: int
    """As str.splitlines cuts."""
    bullet_lines: int
    ellipsis_lines: int
    pieces: int
    """What one or more line feeds separate, with an empty one at either end if a feed is there."""
    repeated_pieces: int
    repeated_piece_characters: int
    paragraphs: int
    """What two or more line feeds separate, white space at both ends of the text aside."""
    repeated_paragraphs: int
    repeated_paragraph_characters: int
    full_lines: int
    """Lines between line feeds that are not blank."""
    ended_lines: int
    """Full lines whose last character ends a sentence."""
    repeated_line_characters: int


@kernel
def _is(text: CodePoints, place: int, table: Table, bit: np.uint32) -> bool:
    return table[min(text[place], np.uint32(SIZE))] & bit > 0  # type: ignore[no-any-return]


@kernel
def _ends_in_ellipsis(text: CodePoints, start: int, end: int) -> bool:
    if end > start and text[end - 1] == _ELLIPSIS:
        return True
    stops = 0
    while stops < 3 and end - stops > start and text[end - stops - 1] == _STOP:
        stops += 1
    return stops == 3


@kernel("void(u4[], i8, u4[], i8[])")
def count_characters(text: CodePoints, length: int, table: Table, counts: Counts) -> None:
    """Fill in what single characters and the lines of str.splitlines give."""
    # By the places of `LineStats`: 1 Han, 2 hashes, 3 ellipses, 4 line feeds, 5 lines, 6 and 7
    # those with a bullet and with an ellipsis.
    counts[0] = length
    start = 0
    stops = 0
    for place in range(length + 1):
        # The end of the text ends its last line.
        point = text[place] if place < length else _FEED
        bits = table[min(point, np.uint32(SIZE))]
        stops = stops + 1 if point == _STOP else 0
        # Six full stops are two ellipses.
        if stops == 3:
            counts[3] += 1
            stops = 0
        if bits & HAN:
            counts[1] += 1
        elif point == _HASH:
            counts[2] += 1
        elif point == _ELLIPSIS:
            counts[3] += 1
        # No empty line follows a line end that is the last character, as str.splitlines has it.
        elif bits & LINE_END and not (place == length and start == length):
            counts[4] += point == _FEED and place < length
            if point == _FEED and place > 0 and text[place - 1] == 13 and place < length:
                start = place + 1
                continue  # the line ended at the carriage return
            counts[5] += 1
            first, end = start, place
            while first < end and _is(text, first, table, SPACE):
                first += 1
            while end > first and _is(text, end - 1, table, SPACE):
                end -= 1
            if first < end and (text[first] == _BULLET or text[first] == _HYPHEN):
                counts[6] += 1
            counts[7] += _ends_in_ellipsis(text, first, end)
            start = place + 1


@kernel
def _seen(
    text: CodePoints, starts: Numbers, stops: Numbers, number: int, slots: Numbers, mask: np.uint64
) -> bool:
    """Tell whether a stretch of text came before, and remember it if not."""
    start, end = starts[number], stops[number]
    # Slots hold a number plus one, so that cleared ones are free.
    slot = hash_of(text, start, end) & mask
    while slots[slot] > 0:
        other = slots[slot] - 1
        if stops[other] - starts[other] == end - start:
            same = 0
            while start + same < end and text[start + same] == text[starts[other] + same]:
                same += 1
            if start + same == end:
                return True
        slot = (slot + np.uint64(1)) & mask
    slots[slot] = number + 1
    return False


@kernel
def clear(slots: Numbers, count: int) -> np.uint64:
    """Free slots for `count` entries, four for each if there are so many; return their mask."""
    size = 16
    # Few of the slots are used for a short text, since clearing them all would cost more than it.
    while size < 2 * count or (size < 4 * count and 2 * size <= len(slots)):
        size *= 2
    slots[:size] = 0
    return np.uint64(size - 1)


@kernel
def _split(
    text: CodePoints, start: int, end: int, feeds: int, starts: Numbers, stops: Numbers
) -> int:
    """Cut a text where `feeds` or more line feeds stand; return the number of pieces."""
    count = 0
    first = start
    place = start
    while place < end:
        if text[place] != _FEED:
            place += 1
            continue
        after = place
        while after < end and text[after] == _FEED:
            after += 1
        if after - place >= feeds:
            starts[count], stops[count] = first, place
            count += 1
            first = after
        place = after
    starts[count], stops[count] = first, end
    return count + 1


@kernel("void(u4[], i8, u4[], i8[], i8[], i4[], i4[], i4[])")
def count_pieces(
    text: CodePoints, length: int, table: Table, counts: Counts, lengths: Counts,
    starts: Numbers, stops: Numbers, slots: Numbers,
) -> None:  # fmt: skip
    """Fill in what lines and paragraphs give, and how many full lines have which length."""
    pieces = _split(text, 0, length, 1, starts, stops)
    # 8 to 10 are the pieces, the repeated ones and their characters; 14 to 16 full lines, those
    # with an end mark, and characters of repeated ones; 11 to 13 the same of paragraphs as 8 to 10.
    counts[8] = pieces
    mask = clear(slots, pieces)
    for piece in range(pieces):
        start, end = starts[piece], stops[piece]
        size = end - start
        repeated = _seen(text, starts, stops, piece, slots, mask)
        if repeated:
            counts[9] += 1
            counts[10] += size
        place = start
        while place < end and _is(text, place, table, SPACE):
            place += 1
        if place < end:
            counts[14] += 1
            counts[15] += _is(text, end - 1, table, TERMINAL)
            counts[16] += size if repeated else 0
            lengths[min(size, LENGTHS - 1)] += 1
    start, end = 0, length
    while start < end and _is(text, start, table, SPACE):
        start += 1
    while end > start and _is(text, end - 1, table, SPACE):
        end -= 1
    paragraphs = _split(text, start, end, 2, starts, stops)
    counts[11] = paragraphs
    mask = clear(slots, paragraphs)
    for paragraph in range(paragraphs):
        if _seen(text, starts, stops, paragraph, slots, mask):
            counts[12] += 1
            counts[13] += stops[paragraph] - starts[paragraph]
