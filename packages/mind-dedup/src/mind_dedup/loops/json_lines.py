"""JSON lines to the places of what is compared in them, and their texts end to end.

Only what is plain is read here: anything else, a mistake or a rarity, is left to orjson, and the
answer is that there was something unusual. What is accepted here orjson accepts, with the same
values (RFC 8259). A line feed ends everything, so it stands for all looks at the end of the data.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.library import kernel
from mind_dedup.loops.json_strings import COMPOSING, ESCAPED, UNUSUAL, string
from mind_dedup.loops.json_values import after_blanks, after_value

Bytes = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.int64]

_ONE, _ESCAPED, _COMPOSING = np.uint64(1), np.uint64(ESCAPED), np.uint64(COMPOSING)
_QUOTE, _COLON, _COMMA, _FEED = np.uint8(0x22), np.uint8(0x3A), np.uint8(0x2C), np.uint8(0x0A)
_OPEN, _CLOSE, _MINUS = np.uint8(0x7B), np.uint8(0x7D), np.uint8(0x2D)
_NO_KEY, _ID, _TEXT, _SOURCE = 0, 1, 2, 3
_MAX_ID_DIGITS = np.uint64(18)
"""Digits of a number that is surely written as it was read."""


@kernel("i8(u1[], i8, u1[], u1[], u1[], i8[], i8[], b1[])")
def scan(
    data: Bytes,
    size: int,
    classes: Bytes,
    composing: Bytes,
    out: Bytes,
    text_ends: IntArray,
    spans: IntArray,
    composes: npt.NDArray[np.bool_],
) -> int:
    """Read all lines; return how many records there are, or -1 if anything is unusual.

    `data[:size]` ends in a line feed, and more of them follow. Of each record six numbers go to
    `spans`: begin and end of its line, its id, and its source; the last two are 0 and 0 if it has
    none. Texts go to `out`, and `composes` says which have characters that may not be in composed
    form.
    """
    # State: where the next line is read from, where the next text is written to, records so far.
    at, place, records = np.uint64(0), np.uint64(0), 0
    stop = np.uint64(size)
    while at < stop:
        begin = at
        at = after_blanks(data, at)
        # A blank line is no record.
        if data[at] == _FEED:
            at += _ONE
            continue
        row = np.uint64(records)
        # A view of the record's six numbers; 0 and 0 stand for what it does not have.
        own = spans[row * np.uint64(6) : row * np.uint64(6) + np.uint64(6)]
        own[:] = 0
        at, place, flags = _record(data, at, classes, composing, out, place, own)
        if at == UNUSUAL:
            return -1
        at = after_blanks(data, at)
        # Blanks may follow an object, and nothing else.
        if data[at] != _FEED:
            return -1
        own[0], own[1] = begin, at
        text_ends[row] = place
        composes[row] = (flags & _COMPOSING) != 0
        records += 1
        at += _ONE
    return records


@kernel
def _record(
    data: Bytes,
    at: np.uint64,
    classes: Bytes,
    composing: Bytes,
    out: Bytes,
    place: np.uint64,
    own: IntArray,
) -> tuple[np.uint64, np.uint64, np.uint64]:
    """Read one object; return where it ends, where its text ends in `out`, and the text's flags."""
    # Kernels have no exceptions: a place that no file can have says it.
    failed = (UNUSUAL, place, np.uint64(0))
    if data[at] != _OPEN:
        return failed
    at += _ONE
    text_end, text_flags, has_text, has_id, has_source = place, np.uint64(0), False, False, False
    while True:
        at = after_blanks(data, at)
        if data[at] != _QUOTE:
            return failed
        begin = at + _ONE
        # A key is written where the next text may go, and written over: nothing reads it there.
        at, _, flags = string(data, begin, classes, composing, out, text_end)
        # "\u0069d" is the key id, too: whoever writes keys so is left to orjson.
        if at == UNUSUAL or flags & _ESCAPED:
            return failed
        key = _key(data, begin, at - _ONE)
        at = after_blanks(data, at)
        if data[at] != _COLON:
            return failed
        at = after_blanks(data, at + _ONE)
        begin = at
        if key == _TEXT:
            # Of equal keys orjson takes the last one; such lines are left to it.
            if has_text or data[at] != _QUOTE:
                return failed
            at, text_end, text_flags = string(data, at + _ONE, classes, composing, out, place)
            has_text = True
        else:
            at, flags = after_value(data, at, classes, composing, out, text_end)
            if at == UNUSUAL:
                return failed
            if key != _NO_KEY:
                seen = has_id if key == _ID else has_source
                # Ids and sources are kept as they stand in the line, so they must mean what they
                # look like.
                if seen or flags & _ESCAPED:
                    return failed
                if key == _ID:
                    has_id = True
                    if not _noted_id(data, begin, at, own):
                        return failed
                else:
                    has_source = True
                    # A source that is no string counts as none.
                    if data[begin] == _QUOTE:
                        own[4], own[5] = begin + _ONE, at - _ONE
        if at == UNUSUAL:
            return failed
        at = after_blanks(data, at)
        if data[at] == _CLOSE:
            break
        if data[at] != _COMMA:
            return failed
        at += _ONE
    # A record without a text is a bad one, which orjson's reader tells with its position.
    if not has_text:
        return failed
    return at + _ONE, text_end, text_flags


@kernel
def _key(data: Bytes, begin: np.uint64, end: np.uint64) -> int:
    """Say whether a key is one of those that are looked for."""
    if end - begin == np.uint64(2):
        if data[begin] == 0x69 and data[begin + _ONE] == 0x64:
            return _ID
    elif end - begin == np.uint64(4):
        if (
            data[begin] == 0x74
            and data[begin + _ONE] == 0x65
            and data[begin + np.uint64(2)] == 0x78
            and data[begin + np.uint64(3)] == 0x74
        ):
            return _TEXT
    elif end - begin == np.uint64(6) and (
        data[begin] == 0x73
        and data[begin + _ONE] == 0x6F
        and data[begin + np.uint64(2)] == 0x75
        and data[begin + np.uint64(3)] == 0x72
        and data[begin + np.uint64(4)] == 0x63
        and data[begin + np.uint64(5)] == 0x65
    ):
        return _SOURCE
    return _NO_KEY


@kernel
def _noted_id(data: Bytes, begin: np.uint64, end: np.uint64, own: IntArray) -> bool:
    """Note an id that is a string, a whole number or a truth value; false for an odd number."""
    first = data[begin]
    # t and f begin true and false; null is left as no id.
    if first == _QUOTE or first == 0x74 or first == 0x66:
        own[2], own[3] = begin, end
    # -0 is read as 0: numbers whose text may change are left to orjson.
    elif first == _MINUS:
        return False
    elif first >= 0x30 and first <= 0x39:
        # Beyond 64 bits orjson reads a float, which it writes otherwise.
        if end - begin > _MAX_ID_DIGITS:
            return False
        for at in range(begin, end):
            if data[at] < 0x30 or data[at] > 0x39:
                return False
        own[2], own[3] = begin, end
    return True


@kernel("i8(u1[], i8[], i8, i8[], i8[])")
def group(data: Bytes, spans: IntArray, rows: int, table: IntArray, first: IntArray) -> int:
    """Find for each record the first one with the same source, or -1 for one without a source.

    `table` has a power of two of zeros, more than there are records.
    """
    mask = np.uint64(len(table) - 1)
    for row in range(np.uint64(rows)):
        begin = np.uint64(spans[row * np.uint64(6) + np.uint64(4)])
        end = np.uint64(spans[row * np.uint64(6) + np.uint64(5)])
        # Only a source that is not there ends at 0: even an empty one lies behind a bracket.
        if end == np.uint64(0):
            first[row] = -1
            continue
        # FNV-1a over the bytes of the source.
        mixed = np.uint64(0xCBF29CE484222325)
        for at in range(begin, end):
            mixed = (mixed ^ np.uint64(data[at])) * np.uint64(0x100000001B3)
        # The lowest bits of FNV-1a come from the lowest bits of the bytes alone: higher
        # ones choose.
        slot = (mixed >> np.uint64(24)) & mask
        while table[slot] != 0 and not _same(data, spans, np.uint64(table[slot] - 1), begin, end):
            slot = (slot + _ONE) & mask
        if table[slot] == 0:
            table[slot] = row + _ONE
        first[row] = table[slot] - 1
    return 0


@kernel
def _same(data: Bytes, spans: IntArray, row: np.uint64, begin: np.uint64, end: np.uint64) -> bool:
    """Say whether the source of a record is `data[begin:end]`."""
    other = np.uint64(spans[row * np.uint64(6) + np.uint64(4)])
    if np.uint64(spans[row * np.uint64(6) + np.uint64(5)]) - other != end - begin:
        return False
    for step in range(end - begin):
        if data[other + np.uint64(step)] != data[begin + np.uint64(step)]:
            return False
    return True
