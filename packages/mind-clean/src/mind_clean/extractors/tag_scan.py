"""Where the tags, comments and raw texts of HTML end, as its standard cuts them (§13.2.5)."""

from __future__ import annotations

import numpy as np

from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes

LESS, GREATER, SLASH, BANG, QUESTION = (np.uint8(ord(sign)) for sign in "<>/!?")
_DASH, _EQUALS, _DOUBLE, _SINGLE = (np.uint8(ord(sign)) for sign in "-=\"'")
_SMALL = np.uint8(32)

_BEFORE_NAME, _NAME, _AFTER_NAME, _BEFORE_VALUE, _IN_DOUBLE, _IN_SINGLE, _UNQUOTED, _CLOSING = (
    range(8)
)
"""Where in a tag one is; `_CLOSING` is behind a slash that may end the element."""


@kernel
def is_letter(byte: np.uint8) -> bool:
    """Tell whether a byte is a letter of ASCII, with which names begin."""
    small = byte | _SMALL
    return small >= 97 and small <= 122  # type: ignore[return-value]


@kernel
def is_blank(byte: np.uint8) -> bool:
    """Tell whether a byte parts attributes: blank, tab, line feed, form feed, carriage return."""
    return byte == 32 or byte == 9 or byte == 10 or byte == 12 or byte == 13  # type: ignore[no-any-return]


@kernel
def same_name(data: Bytes, one: int, other: int, length: int) -> bool:
    """Tell whether two names are the same in letters of any size."""
    for place in range(length):
        first, second = data[one + place], data[other + place]
        # Only letters have two sizes: "@" and "`" differ by the same bit.
        if first != second and not (is_letter(first) and first ^ second == _SMALL):
            return False
    return True


@kernel
def end_of_name(data: Bytes, at: int) -> int:
    """Return the end of the name of a tag that begins here."""
    while at < len(data) and not is_blank(data[at]) and data[at] != SLASH and data[at] != GREATER:
        at += 1
    return at


@kernel
def end_of_tag(data: Bytes, at: int) -> int:
    """Return twice the place behind a tag, from the end of its name; one more if `/>` ends it.

    A quote means something behind an equals sign only, and `>` within quotes ends nothing.
    """
    where = _BEFORE_NAME
    while at < len(data):
        byte = data[at]
        at += 1
        if where in (_IN_DOUBLE, _IN_SINGLE):
            if byte == (_DOUBLE if where == _IN_DOUBLE else _SINGLE):
                where = _BEFORE_NAME
        elif byte == GREATER:
            return 2 * at + (where == _CLOSING)
        elif is_blank(byte):
            if where == _NAME:
                where = _AFTER_NAME
            elif where in (_UNQUOTED, _CLOSING):
                where = _BEFORE_NAME
        elif where == _BEFORE_VALUE:
            where = _IN_DOUBLE if byte == _DOUBLE else _UNQUOTED
            if byte == _SINGLE:
                where = _IN_SINGLE
        elif where != _UNQUOTED:
            if byte == SLASH:
                where = _CLOSING
            elif byte == _EQUALS and where in (_NAME, _AFTER_NAME):
                where = _BEFORE_VALUE
            else:
                where = _NAME
    return 2 * len(data)


@kernel
def end_of_comment(data: Bytes, at: int) -> int:
    """Return the place behind what begins here with `<!`, `<?` or `</` and is no tag."""
    size = len(data)
    is_comment = (
        at + 3 < size and data[at + 1] == BANG and data[at + 2] == _DASH and data[at + 3] == _DASH
    )
    if not is_comment:
        at += 2
        while at < size and data[at] != GREATER:
            at += 1
        return min(at + 1, size)
    at += 4
    # <!--> and <!---> are whole.
    if at < size and data[at] == GREATER:
        return at + 1
    if at + 1 < size and data[at] == _DASH and data[at + 1] == GREATER:
        return at + 2
    while at + 2 < size:
        if data[at] == _DASH and data[at + 1] == _DASH:
            if data[at + 2] == GREATER:
                return at + 3
            if data[at + 2] == BANG and at + 3 < size and data[at + 3] == GREATER:
                return at + 4
        at += 1
    return size


@kernel
def end_of_raw(data: Bytes, at: int, name: int, length: int) -> int:
    """Return where the end tag begins that ends a raw text, or the end of the page."""
    size = len(data)
    while at + 2 + length <= size:
        if data[at] == LESS and data[at + 1] == SLASH and same_name(data, at + 2, name, length):
            behind = at + 2 + length
            if behind < size and end_of_name(data, behind) == behind:
                return at
        at += 1
    return size


@kernel
def end_of_script(data: Bytes, at: int, name: int) -> int:
    """Return where the end tag of a script begins, or the end of the page.

    Between `<!--` and `-->` a <script> may stand within the script, with its own end tag.
    """
    is_escaped = is_double = False
    size, length = len(data), len("script")
    while at + 2 + length <= size:
        if data[at] == LESS:
            is_end = data[at + 1] == SLASH
            begin = at + 1 + is_end
            behind = begin + length
            is_whole = behind < size and end_of_name(data, behind) == behind
            if is_whole and same_name(data, begin, name, length):
                if is_end and not is_double:
                    return at
                is_double = is_escaped and not is_end
            if data[at + 1] == BANG and data[at + 2] == _DASH and data[at + 3] == _DASH:
                is_escaped = True
                at += 1  # its dashes may be those of `-->`
        elif data[at] == _DASH and data[at + 1] == _DASH and data[at + 2] == GREATER:
            is_escaped = is_double = False
        at += 1
    return size
