"""A bounded cache from the bytes of a segment to its ids, in two sizes of places.

Most segments are words of up to 15 bytes with up to four ids: two of them fit into one line of the
processor's cache, the one used last in front. Longer ones, up to 23 bytes and eight ids, have a
table of their own. What is longer still is merged anew each time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mind_core.kernels.library import kernel
from mind_core.kernels.packed import load_word
from mind_tok.bpe import I32, I64, U8

MIX = 0x1E3779B97F4A7C15

SHORT_BYTES = 15
MAX_SHORT_IDS = 4
SHORT_WORDS = 8
"""Words of a line: two places of two words of key, the last byte of which is the length, and two of
ids, two in a word; -1 is none. A place whose ids are all -1 has more than `MAX_SHORT_IDS`."""

LONG_BYTES = 23
MAX_LONG_IDS = 8
LONG_WORDS = 8
"""Words of a place: three of key, one for the number of ids, four of ids."""

_LOW = np.array([(1 << 8 * n) - 1 for n in range(9)], np.uint64).view(np.int64)
"""The masks of the first n bytes of a word."""


@kernel
def part_of_key(data: U8, at: int, end: int) -> int:
    """Return up to eight bytes of a segment as a number, as a processor's load has them."""
    count = min(end - at, 8)
    if count <= 0:
        # Beyond the segment a word of the key is 0; the length tells it from bytes of 0.
        return 0
    # One load of eight bytes, of which those beyond the segment are masked; only at the end of the
    # data are bytes taken one by one.
    if at + 8 <= len(data):
        return load_word(data, at) & _LOW[count]  # type: ignore[no-any-return]
    word = np.int64(0)
    for i in range(count):
        word |= np.int64(data[at + i]) << 8 * i
    return word  # type: ignore[return-value]


@kernel
def find_short(data: U8, start: int, end: int, lines: I64) -> int:
    """Return the line of a segment, which is in front there; a new one gives -1 - line.

    A new one takes the place of the one of two that was used longer ago; its ids are to be kept.
    """
    first = part_of_key(data, start, end)
    # The length stands in the byte that a word of at most 15 bytes leaves free: so "a" and "a\0"
    # differ.
    second: Any = part_of_key(data, start + 8, end) | np.int64(end - start) << 56
    mixed: Any = (first * MIX ^ second) * MIX
    # Multiplication carries upwards only, so the upper bits are mixed best and come down here.
    line: Any = (mixed ^ (mixed >> 32)) & (len(lines) - 1)
    if lines[line, 0] == first and lines[line, 1] == second:
        return line  # type: ignore[no-any-return]
    return bring_to_front(lines, line, first, second)


@kernel
def bring_to_front(lines: I64, line: int, first: int, second: int) -> int:
    """Put a key in front of its line; return the line if it was there, else -1 - line.

    A function of its own, so that the way to a key in front is short enough to be taken in whole.
    """
    found = lines[line, 4] == first and lines[line, 5] == second
    # The place used longer ago: its ids move to the front with its key, or are written over by the
    # caller.
    two, more = lines[line, 6], lines[line, 7]
    for i in range(4):
        lines[line, 4 + i] = lines[line, i]
    lines[line, 0], lines[line, 1], lines[line, 2], lines[line, 3] = first, second, two, more
    return line if found else -1 - line


@kernel
def keep_short(lines: I64, line: int, out: I32, start: int, end: int) -> None:
    """Put the ids of a segment, `out[start:end]`, in front of its line."""
    # With 0 all ids are -1: the key stays, and says that the ids are in the table for longer ones.
    count = end - start if end - start <= MAX_SHORT_IDS else 0
    # Four ids in two words: fewer loads, and a line of 64 bytes holds two segments.
    none = np.int64(-1)
    first = np.int64(out[start]) if count > 0 else none
    second = np.int64(out[start + 1]) if count > 1 else none
    lines[line, 2] = second << 32 | first & 0xFFFFFFFF
    first = np.int64(out[start + 2]) if count > 2 else none
    second = np.int64(out[start + 3]) if count > 3 else none
    lines[line, 3] = second << 32 | first & 0xFFFFFFFF


@kernel
def take_short(lines: I64, line: int, out: I32, filled: int) -> int:
    """Put the ids in front of a line into `out`; return where it is filled up to.

    Writes up to `MAX_SHORT_IDS` places. Nothing is filled if there are more than that.
    """
    two, more = lines[line, 2], lines[line, 3]
    # The cast keeps the sign, so that -1, no id, stays negative.
    first: Any = np.int32(two)
    second: Any = np.int32(two >> 32)
    third: Any = np.int32(more)
    fourth: Any = np.int32(more >> 32)
    out[filled], out[filled + 1] = first, second
    out[filled + 2], out[filled + 3] = third, fourth
    # Reading `out` again would wait for what was just written.
    return filled + (first >= 0) + (second >= 0) + (third >= 0) + (fourth >= 0)  # type: ignore[no-any-return]


@kernel
def find_long(data: U8, start: int, end: int, places: I64) -> int:
    """Return the place of a segment; a new one, without ids yet, gives -1 - place.

    Two places belong together; a new one takes that of the one that was used longer ago.
    """
    head = part_of_key(data, start, end)
    middle = part_of_key(data, start + 8, end)
    tail = part_of_key(data, start + 16, end) | np.int64(end - start) << 56
    mixed: Any = (head * MIX ^ middle) * MIX ^ tail
    mixed = (mixed ^ (mixed >> 31)) * MIX
    at: Any = 2 * ((mixed ^ (mixed >> 29)) & (len(places) // 2 - 1))
    if places[at, 0] == head and places[at, 1] == middle and places[at, 2] == tail:
        return at  # type: ignore[no-any-return]
    if places[at + 1, 0] == head and places[at + 1, 1] == middle and places[at + 1, 2] == tail:
        # Found in the second place: the two change places, so that what falls out is the older one.
        for i in range(LONG_WORDS):
            places[at, i], places[at + 1, i] = places[at + 1, i], places[at, i]
        return at  # type: ignore[no-any-return]
    # The older of two places falls out; its neighbour becomes the older one.
    for i in range(LONG_WORDS):
        places[at + 1, i] = places[at, i]
    places[at, 0], places[at, 1], places[at, 2] = head, middle, tail
    # Without ids yet: nothing is taken from it before `keep_long`.
    places[at, 3] = 0
    return -1 - at  # type: ignore[no-any-return]


@kernel
def keep_long(places: I64, at: int, out: I32, start: int, end: int) -> None:
    """Put the ids of a segment, `out[start:end]`, into its place, unless they are too many."""
    if end - start > MAX_LONG_IDS:
        places[at, 2] = 0  # no segment has a length of 0
        return
    places[at, 3] = end - start
    for i in range(0, end - start, 2):
        # With an odd count half a word is left: any id will do, as it is not counted.
        second = np.int64(out[start + i + 1]) if start + i + 1 < end else np.int64(0)
        places[at, 4 + i // 2] = second << 32 | np.int64(out[start + i])


@kernel
def take_long(places: I64, at: int, out: I32, filled: int) -> int:
    """Put the ids of a place into `out`, and one more maybe; return where it is filled up to."""
    count: Any = places[at, 3]
    # Two ids at a time: with an odd count one more is written than counted, which `out` has room
    # for.
    for i in range(0, count, 2):
        two = places[at, 4 + i // 2]
        out[filled + i], out[filled + i + 1] = two & 0xFFFFFFFF, two >> 32
    return filled + count  # type: ignore[no-any-return]
