"""Set the text of a block as a reader sees it: one space for white space, lines in code.

White space in HTML becomes one space, which is right between English words and wrong inside a
Chinese sentence: a line break between two wide characters vanishes (CSS Text 3 §4.1.3).
"""

from __future__ import annotations

import numpy as np

from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes, Offsets

TO, START, LENGTH, SEEN, SPACE, BREAKS, LAST, END, END_LENGTH, END_SEEN = range(10)
"""Fields of the state of a block: where its next byte goes and where its first went; its code
points, and those that are not white space; what white space and how many <br> wait; its last code
point; in code, the values of the first three after the last character to be seen."""

FIELDS = 10

_ANY, _FEED, _FIRM = 1, 2, 4
"""Bits of white space that waits: there is some; with a line feed; with other than blanks, tabs,
carriage returns and line feeds."""

_BLANK, _LINE, _AMP, _SMALL_N, _SMALL_A = (np.uint8(ord(c)) for c in " \n&na")
_LESS, _GREATER, _SMALL_L = (np.uint8(ord(c)) for c in "<>l")


@kernel
def begin(state: Offsets) -> None:
    """Begin a block anew."""
    state[TO] = state[END] = state[START]
    state[LENGTH] = state[SEEN] = state[SPACE] = state[BREAKS] = state[LAST] = 0
    state[END_LENGTH] = state[END_SEEN] = 0


@kernel
def put_running(data: Bytes, at: int, end: int, out: Bytes, state: Offsets) -> None:
    """Add a run of the source to a block of running text."""
    to, start = state[TO], state[START]
    length, space, last = state[LENGTH], state[SPACE], state[LAST]
    while at < end:
        byte = data[at]
        if byte in (_BLANK, _LINE):
            space |= _ANY if byte == _BLANK else _ANY | _FEED
            at += 1
            continue
        if is_plain(byte):
            if (space or state[BREAKS]) and to > start:
                before = to
                to = _divide(out, to, state, space, last, int(byte))
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
                to = _divide(out, to, state, space, last, _character(data, at)[2])
                length += to - before
            space, state[BREAKS], before = 0, 0, to
            while at < end and is_triple(data[at]):
                out[to], out[to + 1], out[to + 2] = data[at], data[at + 1], data[at + 2]
                to += 3
                at += 3
            length += (to - before) // 3
            last = _character(data, at - 3)[2]
            continue
        size = white(data, at)
        if size:
            space |= _kind_of_white(byte)
            at += size
            continue
        size, written, point = _character(data, at)
        if (space or state[BREAKS]) and to > start:
            before = to
            to = _divide(out, to, state, space, last, point)
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
def put_code(data: Bytes, at: int, end: int, out: Bytes, state: Offsets) -> None:
    """Add a run of the source to a block of code, which keeps its lines and indentation."""
    while at < end:
        byte = data[at]
        if byte == _LINE:
            end_line(out, state)
            at += 1
            continue
        blank = white(data, at)
        size, written, point = _character(data, at)
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
def put_break(out: Bytes, state: Offsets, code: bool) -> None:
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
        begin(state)
        return
    out[to] = _LINE
    state[TO], state[LENGTH], state[SEEN] = to + 1, state[END_LENGTH] + 1, state[END_SEEN]
    state[END], state[END_LENGTH] = state[TO], state[LENGTH]


@kernel
def finish(out: Bytes, state: Offsets, code: bool) -> None:
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
def _divide(out: Bytes, to: int, state: Offsets, space: int, last: int, point: int) -> int:
    """Write what stands between two characters; return where the second goes."""
    if state[BREAKS]:
        for _ in range(min(state[BREAKS], 2)):
            out[to] = _LINE
            to += 1
    elif not (space & _FEED and not space & _FIRM and is_wide(last) and is_wide(point)):
        out[to] = _BLANK
        to += 1
    return to


@kernel
def _kind_of_white(byte: np.uint8) -> int:
    if byte == _LINE:
        return _ANY | _FEED
    return _ANY if byte == _BLANK or byte == 9 or byte == 13 else _ANY | _FIRM


@kernel
def white(data: Bytes, at: int) -> int:
    """Return the bytes of the white space (as `str.isspace` has it) at a place; 0 if none."""
    byte = data[at]
    if byte <= _BLANK:
        return 1 if byte == _BLANK or (byte >= 9 and byte <= 13) or byte >= 28 else 0
    if byte == _AMP:
        return 6 if data[at + 1] == _SMALL_N else 0
    if byte == 0xC2:
        return 2 if data[at + 1] == 0x85 or data[at + 1] == 0xA0 else 0
    if byte == 0xE1:
        return 3 if data[at + 1] == 0x9A and data[at + 2] == 0x80 else 0
    if byte == 0xE2:
        third = data[at + 2]
        if data[at + 1] == 0x80:
            return 3 if third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF else 0
        return 3 if data[at + 1] == 0x81 and third == 0x9F else 0
    return 3 if byte == 0xE3 and data[at + 1] == 0x80 and data[at + 2] == 0x80 else 0


@kernel
def _character(data: Bytes, at: int) -> tuple[int, int, int]:
    """Return the bytes of a character in the source and as text, and its code point."""
    lead = int(data[at])
    if lead < 0x80:
        if lead != _AMP:
            return 1, 1, lead
        second = data[at + 1]
        if second == _SMALL_N:
            return 6, 2, 0xA0
        if second == _SMALL_A:
            return 5, 1, int(_AMP)
        return 4, 1, int(_LESS) if second == _SMALL_L else int(_GREATER)
    if lead < 0xE0:
        return 2, 2, (lead & 0x1F) << 6 | int(data[at + 1]) & 0x3F
    point = (int(data[at + 1]) & 0x3F) << 6 | int(data[at + 2]) & 0x3F
    if lead < 0xF0:
        return 3, 3, (lead & 0x0F) << 12 | point
    return 4, 4, (lead & 7) << 18 | point << 6 | int(data[at + 3]) & 0x3F


@kernel
def is_wide(point: int) -> bool:
    """Tell Han, CJK punctuation, kana and full-width forms (as `line_breaks.WIDE`)."""
    if point < 0x3001:
        return False
    if point <= 0x9FFF:
        return (
            point <= 0x303F
            or (point >= 0x3040 and point <= 0x30FF)
            or (point >= 0x3400 and point <= 0x4DBF)
            or point >= 0x4E00
        )
    return (
        (point >= 0xF900 and point <= 0xFAFF)
        or (point >= 0xFF01 and point <= 0xFF60)
        or (point >= 0x20000 and point <= 0x3134F)
    )


@kernel
def is_plain(byte: np.uint8) -> bool:
    """Tell a character of ASCII that is to be seen and stands for itself everywhere."""
    return byte > _BLANK and byte < 128 and byte != _AMP  # type: ignore[return-value]


@kernel
def is_triple(byte: np.uint8) -> bool:
    """Tell the first byte of three that are Han or a full-width form, and never white space."""
    return byte >= 0xE4 and (byte <= 0xE9 or byte == 0xEF)  # type: ignore[return-value]


@kernel
def visible(data: Bytes, at: int, end: int) -> int:
    """Count the characters of a run of the source that are not white space."""
    seen = 0
    while at < end:
        byte = data[at]
        if is_plain(byte):
            seen += 1
            at += 1
        elif is_triple(byte):
            seen += 1
            at += 3
        elif byte in (_BLANK, _LINE):
            at += 1
        else:
            size = white(data, at)
            if size == 0:
                size = _character(data, at)[0]
                seen += 1
            at += size
    return seen


@kernel
def trimmed_length(data: Bytes, at: int, end: int) -> int:
    """Count the characters of a run of the source, less the white space at both its ends."""
    length, trimmed = 0, 0
    while at < end:
        byte = data[at]
        if is_plain(byte):
            size = 1
            length += 1
            trimmed = length
        elif byte in (_BLANK, _LINE):
            size = 1
            length += trimmed > 0
        else:
            size = white(data, at)
            if size == 0:
                size = _character(data, at)[0]
                length += 1
                trimmed = length
            elif trimmed:
                length += 1
        at += size
    return trimmed
