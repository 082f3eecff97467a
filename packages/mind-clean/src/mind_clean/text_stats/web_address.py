"""Whether a chunk of text is a web address, which the cutting of words leaves whole."""

from __future__ import annotations

import numpy as np

from mind_clean.text_stats.char_classes import ALPHA, DIGIT, LOWER, SIZE, Table
from mind_core.kernels.library import kernel
from mind_core.kernels.utf8 import CodePoints

_AT, _COLON, _SLASH = np.uint32(64), np.uint32(58), np.uint32(47)
_STOP, _HYPHEN, _UNDERSCORE = np.uint32(46), np.uint32(45), np.uint32(95)
_PLUS = np.uint32(43)


@kernel
def _is_host(text: CodePoints, start: int, end: int, table: Table) -> bool:
    """Tell whether a stretch is labels with full stops between them, the last of small letters."""
    # Behind the last full stop; numbers such as 1.2.3.4 are no host here, and "end.Then" is none.
    last = end
    while last > start and text[last - 1] != _STOP:
        last -= 1
    if last == start or not 2 <= end - last <= 63:
        return False
    for place in range(last, end):
        if not table[min(text[place], np.uint32(SIZE))] & LOWER:
            return False
    label = start
    for place in range(start, last):
        if text[place] != _STOP:
            continue
        if place == label or place - label > 64:
            return False
        for edge in (text[label], text[place - 1]):
            if edge in (_HYPHEN, _UNDERSCORE):
                return False
        label = place + 1
    return True


@kernel
def _in_host(point: np.uint32, table: Table) -> bool:
    if point < 128:
        return bool(table[point] & (ALPHA | DIGIT)) or point in (_STOP, _HYPHEN, _UNDERSCORE)
    return bool(0xA1 <= point <= 0xFFFF)


@kernel
def _is_host_and_path(text: CodePoints, start: int, end: int, table: Table) -> bool:
    place = start
    while place < end and _in_host(text[place], table):
        place += 1
    if not _is_host(text, start, place, table):
        return False
    if place < end and text[place] == _COLON:
        digits = place + 1
        while digits < end and table[min(text[digits], np.uint32(SIZE))] & DIGIT:
            digits += 1
        if not 2 <= digits - place - 1 <= 5:
            return False
        place = digits
    return place == end or text[place] == _SLASH or text[place] == 63 or text[place] == 35  # ? #


@kernel
def is_address(text: CodePoints, start: int, end: int, table: Table) -> bool:
    """Tell whether a chunk is an address: scheme and user if any, host, port and path if any."""
    host = start
    for place in range(start, end - 2):
        if text[place] == _COLON and text[place + 1] == _SLASH and text[place + 2] == _SLASH:
            # One letter before :// is a drive rather than a scheme.
            if place - start >= 2:
                host = place + 3
            break
        if not _in_host(text[place], table) and text[place] != _PLUS:
            break
    if _is_host_and_path(text, host, end, table):
        return True
    tried = 0
    for place in range(host + 1, end):
        if text[place] == _AT:
            if _is_host_and_path(text, place + 1, end, table):
                return True
            tried += 1
            if tried == 8:  # a chunk of nothing but @ must not cost its length squared
                break
    return False
