"""Set the text of a block as a reader sees it: one space for white space, lines in code.

White space in HTML becomes one space, which is right between English words and wrong inside a
Chinese sentence: a line break between two wide characters vanishes (CSS Text 3 §4.1.3).
"""

from __future__ import annotations

import numpy as np

from mind_clean.character_counts import (
    decode_character,
    is_plain,
    is_triple,
    is_wide,
    white_space_size,
)
from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes, Offsets

# Fields of the state of the block that is being put together:
TO = 0  # where its next byte goes
START = 1  # where its first byte went
LENGTH = 2  # its code points
SEEN = 3  # those that are not white space
SPACE = 4  # which white space waits to be written before the next character, see `_ANY`
BREAKS = 5  # how many <br> wait
LAST = 6  # its last code point: two wide ones have no space between them
# In code, the first, third and fourth of these after the last character to be seen: white space at
# the end of a line is only known to be there once the line has ended.
END = 7
END_LENGTH = 8
END_SEEN = 9
TEXT_FIELDS = 10

_ANY, _FEED, _FIRM = 1, 2, 4
"""Bits of white space that waits: there is some; with a line feed; with other than blanks, tabs,
carriage returns and line feeds."""

_BLANK, _LINE, _AMP = (np.uint8(ord(c)) for c in " \n&")


@kernel
def begin_block(state: Offsets) -> None:
    """Begin a block anew."""
    state[TO] = state[END] = state[START]
    state[LENGTH] = state[SEEN] = state[SPACE] = state[BREAKS] = state[LAST] = 0
    state[END_LENGTH] = state[END_SEEN] = 0


@kernel
def add_text(data: Bytes, at: int, end: int, out: Bytes, state: Offsets) -> None:
    """Add a run of the source to a block of running text."""
    # Kept in locals while the run lasts and written back at its end.
    to, start = state[TO], state[START]
    length, space, last = state[LENGTH], state[SPACE], state[LAST]
    while at < end:
        byte = data[at]
        if byte in (_BLANK, _LINE):
            space |= _ANY if byte == _BLANK else _ANY | _FEED
            at += 1
            continue
        # ASCII and Han are copied run by run: they are nearly all of a page, and white space and
        # entities are looked for between the runs only.
        if is_plain(byte):
            if (space or state[BREAKS]) and to > start:
                before = to
                to = _write_separator(out, to, state, space, last, int(byte))
                length += to - before
            space, state[BREAKS], before = 0, 0, to
            while at < end and is_plain(data[at]):
                out[to] = data[at]
                to += 1
                at += 1
            length += to - before
            last = np.int64(out[to - 1])
            continue
        if is_triple(byte):
            if (space or state[BREAKS]) and to > start:
                before = to
                to = _write_separator(out, to, state, space, last, decode_character(data, at)[2])
                length += to - before
            space, state[BREAKS], before = 0, 0, to
            while at < end and is_triple(data[at]):
                out[to], out[to + 1], out[to + 2] = data[at], data[at + 1], data[at + 2]
                to += 3
                at += 3
            length += (to - before) // 3
            last = decode_character(data, at - 3)[2]  # of the run only the last may meet a space
            continue
        size = white_space_size(data, at)
        if size:
            space |= _white_space_bits(byte)
            at += size
            continue
        size, written, point = decode_character(data, at)
        if (space or state[BREAKS]) and to > start:
            before = to
            to = _write_separator(out, to, state, space, last, point)
            length += to - before
        space, state[BREAKS] = 0, 0
        last = point
        if written == 1:
            out[to] = np.uint8(point)
        else:
            for place in range(written):
                out[to + place] = data[at + place]
        to += written
        at += size
        length += 1
    state[TO], state[LENGTH], state[SPACE], state[LAST] = to, length, space, last


@kernel
def add_code(data: Bytes, at: int, end: int, out: Bytes, state: Offsets) -> None:
    """Add a run of the source to a block of code, which keeps its lines and indentation."""
    while at < end:
        byte = data[at]
        if byte == _LINE:
            end_line(out, state)
            at += 1
            continue
        blank = white_space_size(data, at)
        size, written, point = decode_character(data, at)
        to = state[TO]
        if written == 1:
            out[to] = np.uint8(point)
        elif byte == _AMP:  # a no-break space
            out[to], out[to + 1] = np.uint8(0xC2), np.uint8(0xA0)
        else:
            for place in range(written):
                out[to + place] = data[at + place]
        state[TO] = to + written
        state[LENGTH] += 1
        state[SEEN] += byte != _BLANK
        at += size
        if not blank:
            state[END], state[END_LENGTH], state[END_SEEN] = state[TO], state[LENGTH], state[SEEN]


@kernel
def add_break(out: Bytes, state: Offsets, code: bool) -> None:
    """Add a <br>."""
    if code:
        end_line(out, state)
    else:
        state[BREAKS] += 1


@kernel
def end_line(out: Bytes, state: Offsets) -> None:
    """End a line of code, without the white space at its end; a blank one first is left out."""
    to = state[END]
    if to == state[START]:
        begin_block(state)
        return
    out[to] = _LINE
    state[TO], state[LENGTH], state[SEEN] = to + 1, state[END_LENGTH] + 1, state[END_SEEN]
    state[END], state[END_LENGTH] = state[TO], state[LENGTH]


@kernel
def finish_block(out: Bytes, state: Offsets, code: bool) -> None:
    """End a block: without white space at its end, with its visible characters counted."""
    if code:
        to, length = state[END], state[END_LENGTH]
        while to > state[START] and out[to - 1] == _LINE:
            to, length = to - 1, length - 1
        state[TO], state[LENGTH], state[SEEN] = to, length, state[END_SEEN]
        return
    seen = state[LENGTH]
    for place in range(state[START], state[TO]):
        seen -= out[place] == _BLANK or out[place] == _LINE
    state[SEEN] = seen


@kernel
def _write_separator(out: Bytes, to: int, state: Offsets, space: int, last: int, point: int) -> int:
    """Write what stands between two characters; return where the second goes."""
    # A line break between wide characters is how an editor wrapped the source, and no space; one
    # that the author chose (no-break, ideographic) is firm and stays.
    if state[BREAKS]:
        for _ in range(min(state[BREAKS], 2)):  # more would be more than a blank line
            out[to] = _LINE
            to += 1
    elif not (space & _FEED and not space & _FIRM and is_wide(last) and is_wide(point)):
        out[to] = _BLANK
        to += 1
    return to


@kernel
def _white_space_bits(byte: np.uint8) -> int:
    if byte == _LINE:
        return _ANY | _FEED
    return _ANY if byte == _BLANK or byte == 9 or byte == 13 else _ANY | _FIRM


@kernel
def has_line_feed(text: Bytes, start: int, end: int) -> bool:
    """Tell whether a text has more than one line."""
    while start < end and text[start] != _LINE:
        start += 1
    return start < end
