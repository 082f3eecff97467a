"""The loop that looks for the flags of a text."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from mind_clean.transforms import char_classes
from mind_clean.transforms.char_classes import (
    HAS_CJK_SPACES,
    HAS_CONTROL,
    HAS_EMOJI,
    HAS_LATIN_1,
    HAS_OTHER_BLANKS,
    HAS_WHITESPACE,
)
from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes, encode

Classes = npt.NDArray[np.uint8]

_WIDE_CLASS = np.uint8(64)
_SIZE = 0x10000
_FEED, _SPACE, _TAB = 10, 32, 9
_IDEOGRAPHIC = 0x3000
_START, _INDENT, _INSIDE = range(3)


def search(text: str) -> int:
    """Return the flags of a text, added up."""
    return _flags(np.frombuffer(encode(text), np.uint8), _classes())


@cache
def _classes() -> Classes:
    """Return the flags that a code point below U+10000 is by itself, and `_WIDE_CLASS`."""
    classes = np.zeros(_SIZE, np.uint8)
    everything = "".join(map(chr, range(_SIZE)))
    for pattern, flag in (
        (char_classes.EMOJI_PRESENT, HAS_EMOJI),
        (char_classes.OTHER_BLANKS, HAS_OTHER_BLANKS),
        (char_classes.UNWANTED, HAS_CONTROL),
        (char_classes.WIDE, int(_WIDE_CLASS)),
    ):
        classes[[found.start() for found in pattern.finditer(everything)]] |= flag
    classes[0x80:0x100] |= HAS_LATIN_1
    return classes


@kernel("i8(u1[], u1[])")
def _flags(data: Bytes, classes: Classes) -> int:
    flags, at, size = 0, 0, len(data)
    where = _START  # at the start of a line, in its indent, or inside
    indent = 0  # the blank that the line is indented with; 0 if with none
    feeds = 0  # line feeds in a row
    blanks = 0  # blanks in a row
    wide = False  # whether the character before them is wide
    # The step takes line feeds off the beginning.
    if size and data[0] == _FEED:
        flags |= HAS_WHITESPACE
    while at < size:
        byte = data[at]
        point = int(byte)
        if byte < 0x80:
            at += 1
        elif byte < 0xE0:
            point = (point & 0x1F) << 6 | int(data[at + 1]) & 0x3F
            at += 2
        elif byte < 0xF0:
            point = (point & 15) << 12 | (int(data[at + 1]) & 63) << 6 | int(data[at + 2]) & 63
            at += 3
        else:
            point = _SIZE  # beyond the table: its second byte tells what it is
            at += 4
        if point == _FEED:
            feeds += 1
            if blanks or feeds > 2:
                flags |= HAS_WHITESPACE
            where, blanks, wide = _START, 0, False
            continue
        feeds = 0
        if point in (_SPACE, _TAB, _IDEOGRAPHIC):
            if where == _START:
                where, indent = _INDENT, point
            if where == _INDENT:
                if point != indent or point == _IDEOGRAPHIC:
                    flags |= HAS_WHITESPACE
            elif blanks and not indent:
                flags |= HAS_WHITESPACE
            blanks += 1
            continue
        if where == _START:
            indent = 0
        if point < _SIZE:
            kind = classes[point]
            # The six flags; the bit above them is `_WIDE_CLASS`.
            flags |= kind & 63
            is_wide = kind & _WIDE_CLASS > 0
        else:
            four = data[at - 3]
            # F0 9F is U+1F000 to 1FFFF, F3 what is above U+C0000 with the tag characters, and F0 A0
            # to F0 B1 the Han of U+20000 to 31FFF.
            flags |= HAS_EMOJI if byte == 0xF0 and four == 0x9F else 0
            flags |= HAS_CONTROL if byte == 0xF3 else 0
            is_wide = byte == 0xF0 and (four >= 0xA0 and four <= 0xB1)
        # One blank alone: a run of them is white space to be tidied already.
        if blanks == 1 and wide and is_wide and where == _INSIDE:
            flags |= HAS_CJK_SPACES
        where, blanks, wide = _INSIDE, 0, is_wide
    if blanks or feeds:  # at the end of the text
        flags |= HAS_WHITESPACE
    return flags
