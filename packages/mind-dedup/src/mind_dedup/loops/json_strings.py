"""Strings of JSON: checked, and written as UTF-8. See `json_lines`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.library import kernel

Bytes = npt.NDArray[np.uint8]

ESCAPED, COMPOSING = 1, 2
"""Flags of a string: it has a backslash, or a character that may not be in composed form."""

PLAIN, QUOTE, BACKSLASH, ILLEGAL, TWO_BYTES, THREE_BYTES, FOUR_BYTES = range(7)
"""Classes of bytes inside a string."""

UNUSUAL = np.uint64(2**63)
"""Stands for a place where something is that is left to orjson."""

_ONE, _TWO, _THREE = np.uint64(1), np.uint64(2), np.uint64(3)
_SIX, _LOW = np.uint64(6), np.uint64(0x3F)
_ESCAPED = np.uint64(ESCAPED)
_EIGHT, _ONES, _UPPER = np.uint64(8), np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_BLANKS, _QUOTES, _BACKSLASHES = (_ONES * np.uint64(code) for code in (0x20, 0x22, 0x5C))


@kernel
def string(
    data: Bytes,
    at: np.uint64,
    classes: Bytes,
    composing: Bytes,
    out: Bytes,
    place: np.uint64,
) -> tuple[np.uint64, np.uint64, np.uint64]:
    """Read a string from behind its quote and write it as UTF-8 to `out`.

    Returns the place behind the other quote, the place behind what was written, and flags.
    """
    flags = np.uint64(0)
    while True:
        # Eight bytes at a time as long as all are plain ASCII.
        if data[at] < 0x80:
            plain = _plain(data, at, out, place)
            at += plain
            place += plain
            if plain == _EIGHT:
                continue
        lead = data[at]
        kind = classes[lead]
        if kind == THREE_BYTES:
            one, two = np.uint64(data[at + _ONE]), np.uint64(data[at + _TWO])
            code = ((np.uint64(lead) & np.uint64(0x0F)) << _SIX | (one & _LOW)) << _SIX
            code |= two & _LOW
            # U+D800 to U+DFFF share the upper five bits 11011.
            surrogate = (code >> np.uint64(11)) == np.uint64(0x1B)
            # Overlong forms and lone surrogates are no UTF-8 (RFC 3629 §3).
            if (one >> _SIX) != _TWO or (two >> _SIX) != _TWO or code < 0x800 or surrogate:
                return UNUSUAL, place, flags
            flags |= np.uint64(composing[code])
            out[place], out[place + _ONE], out[place + _TWO] = lead, one, two
            at += _THREE
            place += _THREE
        elif kind == QUOTE:
            return at + _ONE, place, flags
        elif kind == TWO_BYTES:
            one = np.uint64(data[at + _ONE])
            code = (np.uint64(lead) & np.uint64(0x1F)) << _SIX | (one & _LOW)
            if (one >> _SIX) != _TWO:
                return UNUSUAL, place, flags
            flags |= np.uint64(composing[code])
            out[place], out[place + _ONE] = lead, one
            at += _TWO
            place += _TWO
        elif kind == FOUR_BYTES:
            code = _four(data, at)
            if code == UNUSUAL:
                return UNUSUAL, place, flags
            # One entry stands for all code points behind the table.
            flags |= np.uint64(composing[min(code, np.uint64(len(composing) - 1))])
            for step in range(np.uint64(4)):
                out[place + step] = data[at + step]
            at += np.uint64(4)
            place += np.uint64(4)
        elif kind == BACKSLASH:
            flags |= _ESCAPED
            at, code = _escape(data, at + _ONE)
            if at == UNUSUAL:
                return UNUSUAL, place, flags
            flags |= np.uint64(composing[min(code, np.uint64(len(composing) - 1))])
            place = _written(code, out, place)
        else:
            return UNUSUAL, place, flags


@kernel
def _plain(data: Bytes, at: np.uint64, out: Bytes, place: np.uint64) -> np.uint64:
    """Copy eight bytes and return how many at the start are plain ASCII: the others do not count.

    A byte is none of it if taking 32 away, or 1 from what differs from a quote or a backslash, sets
    its upper bit, or that is set already; the lowest such bit is never a borrow of another.
    """
    # Eight bytes can be read at any place, as line feeds follow the data (`json_lines.scan`).
    word = np.uint64(0)
    for step in range(_EIGHT):
        word |= np.uint64(data[at + step]) << (step << _THREE)
    for step in range(_EIGHT):
        out[place + step] = np.uint8((word >> (step << _THREE)) & np.uint64(0xFF))
    other = (word - _BLANKS) | ((word ^ _QUOTES) - _ONES) | ((word ^ _BACKSLASHES) - _ONES) | word
    other &= _UPPER
    if other == np.uint64(0):
        return _EIGHT
    lowest = (other & (np.uint64(0) - other)) >> np.uint64(7)
    # `lowest` is 256ⁿ for byte n: the product has byte 7 - n of the constant on top, which is n.
    return (lowest * np.uint64(0x0001020304050607)) >> np.uint64(56)


@kernel
def _four(data: Bytes, at: np.uint64) -> np.uint64:
    """Return the character of four bytes, or `UNUSUAL` if they are none."""
    code = np.uint64(data[at]) & np.uint64(0x07)
    for step in range(_ONE, np.uint64(4)):
        following = np.uint64(data[at + step])
        if (following >> _SIX) != _TWO:
            return UNUSUAL
        code = code << _SIX | (following & _LOW)
    # Below are overlong forms, above is no character (RFC 3629 §3).
    return code if np.uint64(0x10000) <= code < np.uint64(0x110000) else UNUSUAL


@kernel
def _escape(data: Bytes, at: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Read an escape from behind its backslash; return the place behind it and the character."""
    mark = data[at]
    code = np.uint64(0)
    if mark == 0x22 or mark == 0x5C or mark == 0x2F:
        code = np.uint64(mark)
    elif mark == 0x6E:
        code = np.uint64(0x0A)
    elif mark == 0x74:
        code = np.uint64(0x09)
    elif mark == 0x72:
        code = np.uint64(0x0D)
    elif mark == 0x62:
        code = np.uint64(0x08)
    elif mark == 0x66:
        code = np.uint64(0x0C)
    elif mark == 0x75:
        code = _hexadecimal(data, at + _ONE)
        # Four digits; the u itself is stepped over at the end.
        at += np.uint64(4)
        # A low surrogate may only follow a high one.
        if code == UNUSUAL or np.uint64(0xDC00) <= code < np.uint64(0xE000):
            return UNUSUAL, code
        if np.uint64(0xD800) <= code < np.uint64(0xDC00):
            if data[at + _ONE] != 0x5C or data[at + _TWO] != 0x75:
                return UNUSUAL, code
            second = _hexadecimal(data, at + _THREE)
            # `UNUSUAL`, for what are no four digits, lies above that range.
            if second < np.uint64(0xDC00) or second >= np.uint64(0xE000):
                return UNUSUAL, code
            # Two escapes are one character beyond U+FFFF (RFC 8259 §7).
            code = (code - np.uint64(0xD800)) << np.uint64(10) | (second - np.uint64(0xDC00))
            code += np.uint64(0x10000)
            # A backslash, u and four digits more.
            at += _SIX
    else:
        return UNUSUAL, code
    return at + _ONE, code


@kernel
def _hexadecimal(data: Bytes, at: np.uint64) -> np.uint64:
    """Return the number that four digits are, or `UNUSUAL` if they are none."""
    code = np.uint64(0)
    for step in range(np.uint64(4)):
        digit = np.uint64(data[at + step])
        if np.uint64(0x30) <= digit <= np.uint64(0x39):
            digit -= np.uint64(0x30)
        else:
            # Lower case: a to f and A to F are one range.
            digit |= np.uint64(0x20)
            if digit < np.uint64(0x61) or digit > np.uint64(0x66):
                return UNUSUAL
            digit -= np.uint64(0x57)
        code = code << np.uint64(4) | digit
    return code


@kernel
def _written(code: np.uint64, out: Bytes, place: np.uint64) -> np.uint64:
    """Write a character as UTF-8; return the place behind it."""
    if code < np.uint64(0x80):
        out[place] = code
        return place + _ONE
    if code < np.uint64(0x800):
        out[place] = np.uint64(0xC0) | code >> _SIX
        out[place + _ONE] = np.uint64(0x80) | code & _LOW
        return place + _TWO
    if code < np.uint64(0x10000):
        out[place] = np.uint64(0xE0) | code >> np.uint64(12)
        out[place + _ONE] = np.uint64(0x80) | code >> _SIX & _LOW
        out[place + _TWO] = np.uint64(0x80) | code & _LOW
        return place + _THREE
    out[place] = np.uint64(0xF0) | code >> np.uint64(18)
    out[place + _ONE] = np.uint64(0x80) | code >> np.uint64(12) & _LOW
    out[place + _TWO] = np.uint64(0x80) | code >> _SIX & _LOW
    out[place + _THREE] = np.uint64(0x80) | code & _LOW
    return place + np.uint64(4)
