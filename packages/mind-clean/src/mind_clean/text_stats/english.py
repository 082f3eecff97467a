"""Words of English text, as spaCy's rules cut it (3.8, `lang/en`): the words that datatrove counts.

A chunk between white space loses marks at both ends, one at a time, until a known contraction or
nothing more comes off; what is left is cut at dashes, slashes and the like unless it is an address.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from mind_clean.text_stats.affixes import infix_length, prefix_length, suffix_length
from mind_clean.text_stats.char_classes import (
    ALPHA,
    BEFORE_STOP,
    SIZE,
    SPACE,
    Table,
)  # fmt: skip
from mind_clean.text_stats.contractions import exceptions, listed
from mind_clean.text_stats.web_address import is_address
from mind_clean.text_stats.word_table import (
    FNV,
    START,
    Numbers,
    WordTable,
    make_table,
    number_of,
    spread,
)  # fmt: skip
from mind_core.kernels.library import kernel
from mind_core.kernels.utf8 import CodePoints

UNITS = listed(
    "km km² km³ m m² m³ dm dm² dm³ cm cm² cm³ mm mm² mm³ ha µm nm yd in ft kg g mg µg t lb oz m/s "
    "km/h kmh mph hPa Pa mbar mb MB kb KB gb GB tb TB T G M K %"
)
_STOP, _COMMA = np.uint32(46), np.uint32(44)


@cache
def cut_table() -> tuple[WordTable, Numbers]:
    """Return the contractions, and the lengths of the up to three words of each.

    The units that come off after a number are in the table too, with a length of -1.
    """
    known = exceptions()
    # Lengths are enough, as the words of a contraction are its letters in their order.
    pieces = np.zeros((len(known) + len(UNITS), 3), np.int32)
    for number, words in enumerate(known.values()):
        pieces[number, : len(words)] = [len(word) for word in words]
    pieces[len(known) :, 0] = -1
    return make_table([*known, *UNITS], room=32), pieces


@kernel
def _cut_middle(
    text: CodePoints, start: int, end: int, table: Table,
    starts: Numbers, stops: Numbers, count: int,
) -> int:  # fmt: skip
    """Write the words of a chunk without its ends; return how many words there are now."""
    first = start  # of the word that is being read
    place = start
    is_checked = False  # an address is only looked for once something would be cut out of it
    while place < end:
        length = infix_length(text, start, place, end, table)
        if length == 0:
            place += 1
            continue
        if not is_checked:
            is_checked = True
            if is_address(text, start, end, table):
                break
        if place > first:
            starts[count], stops[count] = first, place
            starts[count + 1], stops[count + 1] = place, place + length
            count += 2
            first = place + length
        place += length
    if first < end:
        starts[count], stops[count] = first, end
        count += 1
    return count


@kernel
def _cut_known(
    start: int, number: int, pieces: Numbers, starts: Numbers, stops: Numbers, count: int
) -> int:
    """Write the words of a known contraction; return how many words there are now."""
    for piece in range(3):
        length = pieces[number, piece]
        if length > 0:
            starts[count], stops[count] = start, start + length
            start += length
            count += 1
    return count


@kernel
def _known(
    text: CodePoints, start: int, end: int, longest: int,
    letters: CodePoints, ends: Numbers, slots: Numbers, pieces: Numbers,
) -> int:  # fmt: skip
    if start >= end or end - start > longest:
        return -1
    number = number_of(text, start, end, letters, ends, slots)
    return number if number >= 0 and pieces[number, 0] > 0 else -1


@kernel
def _chunk(
    text: CodePoints, start: int, end: int, table: Table, longest: int,
    letters: CodePoints, ends: Numbers, slots: Numbers, pieces: Numbers,
    starts: Numbers, stops: Numbers, count: int, taken: Numbers,
) -> int:  # fmt: skip
    """Write the words of a chunk between white space; return how many words there are now."""
    number = _known(text, start, end, longest, letters, ends, slots, pieces)
    suffixes = 0  # taken off the end so far: they are written last, in the order of the text
    while number < 0 and start < end:
        front = prefix_length(text, start, end, table)
        if front:
            number = _known(text, start + front, end, longest, letters, ends, slots, pieces)
        if number >= 0:
            starts[count], stops[count] = start, start + front
            count += 1
            start += front
            break
        back = suffix_length(text, start + front, end, table, letters, ends, slots, pieces)
        if back:
            number = _known(text, start, end - back, longest, letters, ends, slots, pieces)
        if number >= 0:
            taken[suffixes] = back
            suffixes += 1
            end -= back
            break
        if front == 0 and back == 0:
            break
        if front:
            starts[count], stops[count] = start, start + front
            count += 1
            start += front
        if back:
            taken[suffixes] = back
            suffixes += 1
            end -= back
        if front and back:  # with one of them alone the rest has been looked up
            number = _known(text, start, end, longest, letters, ends, slots, pieces)
    if number >= 0:
        count = _cut_known(start, number, pieces, starts, stops, count)
    elif start < end:
        count = _cut_middle(text, start, end, table, starts, stops, count)
    # The one that came off last stands first.
    for suffix in range(suffixes - 1, -1, -1):
        starts[count], stops[count] = end, end + taken[suffix]
        end += taken[suffix]
        count += 1
    return count


@kernel
def _join_known(
    text: CodePoints, first: int, count: int, longest: int,
    letters: CodePoints, ends: Numbers, slots: Numbers, pieces: Numbers,
    starts: Numbers, stops: Numbers,
) -> int:  # fmt: skip
    """Join words of a chunk that are a known word together; return how many words there are now.

    "(see" and ":" and ")" come off one by one; the last two are a face all the same.
    """
    write = first
    read = first
    while read < count:
        stop = stops[read]
        taken = 1
        # The longest first; the longest faces have five signs.
        for more in range(min(4, count - read - 1), 0, -1):
            end = stops[read + more]
            number = _known(text, starts[read], end, longest, letters, ends, slots, pieces)
            # Only a known word that is kept whole; a contraction was cut on purpose.
            if number >= 0 and pieces[number, 0] == end - starts[read]:
                stop = end
                taken = more + 1
                break
        starts[write], stops[write] = starts[read], stop
        write += 1
        read += taken
    return write


@kernel("i8(u4[], i8, u4[], i8, u4[], i4[], i4[], i4[,], i4[], i4[], i4[])")
def english_words(
    text: CodePoints, length: int, table: Table, longest: int,
    letters: CodePoints, ends: Numbers, slots: Numbers, pieces: Numbers,
    starts: Numbers, stops: Numbers, taken: Numbers,
) -> int:  # fmt: skip
    """Write where each word of a text starts and stops; return how many words there are.

    All buffers must hold as many values as the text has characters.
    """
    count = 0
    place = 0
    mask = np.uint64(len(slots) - 1)
    while place < length:
        start = place
        value = before = START
        odd = odd_before = np.uint32(0)
        while place < length:
            point = text[place]
            bits = table[min(point, np.uint32(SIZE))]
            if bits & SPACE:
                break
            # The same without the last character, which may be a comma or a full stop.
            before, odd_before = value, odd
            # As `hash_of` does it, while the chunk is read anyway.
            value = (value ^ np.uint64(point)) * FNV
            # Not 0 once a character is no letter.
            odd |= ~bits & ALPHA
            place += 1
        end = place
        place += 1
        if start == end:
            continue
        # Nine chunks in ten are letters, perhaps with a comma or a full stop: no need to look hard.
        # A free first slot says that the chunk is not in the table, without a look at its letters.
        if not odd_before and slots[spread(value) & mask] == 0:
            plain = not odd
            mark = text[end - 1]
            if not plain and end - start > 1 and slots[spread(before) & mask] == 0:
                last = table[min(text[end - 2], np.uint32(SIZE))]
                plain = mark == _COMMA or (mark == _STOP and last & BEFORE_STOP > 0)
            if plain:
                starts[count], stops[count] = start, end if not odd else end - 1
                count += 1
                if odd:
                    starts[count], stops[count] = end - 1, end
                    count += 1
                continue
        first = count
        count = _chunk(
            text, start, end, table, longest, letters, ends, slots, pieces,
            starts, stops, count, taken,
        )  # fmt: skip
        if count - first > 1:
            count = _join_known(
                text, first, count, longest, letters, ends, slots, pieces, starts, stops
            )
    return count
