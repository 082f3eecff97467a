"""Blanks and values of JSON, to be passed over. See `json_lines`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.library import kernel
from mind_dedup.loops.json_strings import UNUSUAL, string

Bytes = npt.NDArray[np.uint8]

_ONE, _TWO, _THREE = np.uint64(1), np.uint64(2), np.uint64(3)
_MAX_DEPTH = 60
_MAX_DIGITS, _MAX_EXPONENT = 100, 2
"""Of a number that surely is finite."""


@kernel
def after_blanks(data: Bytes, at: np.uint64) -> np.uint64:
    """Return the first place that is no blank; a line feed is none here."""
    while data[at] == 0x20 or data[at] == 0x09 or data[at] == 0x0D:
        at += _ONE
    return at


@kernel
def after_value(
    data: Bytes,
    at: np.uint64,
    classes: Bytes,
    composing: Bytes,
    out: Bytes,
    place: np.uint64,
) -> tuple[np.uint64, np.uint64]:
    """Pass over a value, whatever it is; return the place behind it, and the flags of a string.

    What strings hold is written to `out` from `place` on, to be written over.
    """
    depth, objects = 0, np.uint64(0)  # a bit for each open bracket: whether it is of an object
    flags = np.uint64(0)
    while True:
        first = data[at]
        opened = first == 0x7B or first == 0x5B
        if opened:
            depth += 1
            if depth > _MAX_DEPTH:
                return UNUSUAL, flags
            # One bit a level, so 60 levels fit into a word; deeper ones are left to orjson.
            objects = objects << _ONE | np.uint64(first == 0x7B)
            at = after_blanks(data, at + _ONE)
            opened = data[at] != first + 2  # the bracket that closes it comes two characters later
        elif first == 0x22:
            at, _, flags = string(data, at + _ONE, classes, composing, out, place)
        else:
            at = _after_plain(data, at)
        if at == UNUSUAL:
            return UNUSUAL, flags
        # A value is over, or an empty bracket closes at once.
        if not opened:
            at, depth, objects = _closed(data, at, depth, objects)
            if at == UNUSUAL or depth == 0:
                return at, flags
        # In an object a key and its colon come before the next value.
        if objects & _ONE:
            if data[at] != 0x22:
                return UNUSUAL, flags
            at, _, flags = string(data, at + _ONE, classes, composing, out, place)
            if at == UNUSUAL:
                return UNUSUAL, flags
            at = after_blanks(data, at)
            if data[at] != 0x3A:
                return UNUSUAL, flags
            at = after_blanks(data, at + _ONE)


@kernel
def _closed(
    data: Bytes, at: np.uint64, depth: int, objects: np.uint64
) -> tuple[np.uint64, int, np.uint64]:
    """Pass over the brackets that close behind a value, and a comma if any bracket is open still.

    An empty bracket comes here with `at` at its end.
    """
    while depth > 0:
        at = after_blanks(data, at)
        close = 0x7D if objects & _ONE else 0x5D
        if data[at] == close:
            at += _ONE
            depth -= 1
            objects >>= _ONE
        elif data[at] == 0x2C:
            return after_blanks(data, at + _ONE), depth, objects
        else:
            return UNUSUAL, depth, objects
    return at, depth, objects


@kernel
def _after_plain(data: Bytes, at: np.uint64) -> np.uint64:
    """Pass over true, false, null or a number."""
    first = data[at]
    if first == 0x74:
        return _after_word(data, at, 0x72, 0x75, 0x65)
    # false has five letters: its a is looked at here, the rest as in the words of four.
    if first == 0x66:
        return (
            _after_word(data, at + _ONE, 0x6C, 0x73, 0x65) if data[at + _ONE] == 0x61 else UNUSUAL
        )
    if first == 0x6E:
        return _after_word(data, at, 0x75, 0x6C, 0x6C)
    begin = at
    if first == 0x2D:
        at += _ONE
    # RFC 8259 §6: no leading zeros.
    if data[at] == 0x30:
        at += _ONE
    elif not (0x31 <= data[at] <= 0x39):
        return UNUSUAL
    else:
        at = _after_digits(data, at)
    if data[at] == 0x2E:
        if not (0x30 <= data[at + _ONE] <= 0x39):
            return UNUSUAL
        at = _after_digits(data, at + _ONE)
    # A number like 1e999 is infinite, which orjson refuses.
    if at - begin > np.uint64(_MAX_DIGITS):
        return UNUSUAL
    if data[at] == 0x65 or data[at] == 0x45:
        at += _ONE
        if data[at] == 0x2B or data[at] == 0x2D:
            at += _ONE
        digits = at
        at = _after_digits(data, at)
        # 100 digits and e99 stay below 10¹⁹⁹, so that what passes is finite for sure.
        if at == digits or at - digits > np.uint64(_MAX_EXPONENT):
            return UNUSUAL
    return at


@kernel
def _after_word(data: Bytes, at: np.uint64, one: int, two: int, three: int) -> np.uint64:
    """Pass over a word whose first letter is at `at` already known."""
    if data[at + _ONE] != one or data[at + _TWO] != two or data[at + _THREE] != three:
        return UNUSUAL
    return at + np.uint64(4)


@kernel
def _after_digits(data: Bytes, at: np.uint64) -> np.uint64:
    while 0x30 <= data[at] <= 0x39:
        at += _ONE
    return at
