"""The characters of a text, or of the source of a page, in loops over its UTF-8."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes, Offsets, encode

_BLANK, _LINE, _AMP, _SMALL_N, _SMALL_A = (np.uint8(ord(c)) for c in " \n&na")
_LESS, _GREATER, _SMALL_L = (np.uint8(ord(c)) for c in "<>l")


def count_visible(text: str) -> int:
    """Count the characters that are not white space."""
    return _count_visible(np.frombuffer(encode(text), np.uint8))


def count_classes(text: str, classes: npt.NDArray[np.uint8], number: int) -> Offsets:
    """Count the characters of each class; the last of `classes` is that of all further ones."""
    counts = np.zeros(number, np.int64)
    _count_classes(np.frombuffer(encode(text), np.uint8), classes, counts)
    return counts


@kernel("i8(u1[])")
def _count_visible(data: Bytes) -> int:
    at, seen, size = 0, 0, len(data)
    while at < size:
        byte = data[at]
        # In a text `&` is a character like others; only the source of a page has entities.
        if byte > 32 and byte < 0x80:
            seen += 1
            at += 1
            continue
        if is_triple(byte):
            seen += 1
            at += 3
            continue
        blank = white_space_size(data, at)
        seen += blank == 0
        at += max(blank, 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4)
    return seen


@kernel("void(u1[], u1[], i8[])")
def _count_classes(data: Bytes, classes: npt.NDArray[np.uint8], counts: Offsets) -> None:
    at, last, size = 0, len(classes) - 1, len(data)
    while at < size:
        point = int(data[at])
        if point < 0x80:
            at += 1
        elif point < 0xE0:
            point = (point & 0x1F) << 6 | int(data[at + 1]) & 0x3F
            at += 2
        elif point < 0xF0:
            point = (point & 15) << 12 | (int(data[at + 1]) & 63) << 6 | int(data[at + 2]) & 63
            at += 3
        else:
            high = (point & 7) << 18 | (int(data[at + 1]) & 63) << 12
            point = high | (int(data[at + 2]) & 63) << 6 | int(data[at + 3]) & 63
            at += 4
        counts[classes[min(point, last)]] += 1


@kernel
def white_space_size(data: Bytes, at: int) -> int:
    """Return the bytes of the white space (as `str.isspace` has it) at a place; 0 if none."""
    byte = data[at]
    # Tab to carriage return, and the separators of ASCII (28 to 31), which `str.isspace` knows too.
    if byte <= _BLANK:
        return 1 if byte == _BLANK or (byte >= 9 and byte <= 13) or byte >= 28 else 0
    if byte == _AMP:
        # &nbsp; is the only entity for white space that a parser writes.
        return 6 if data[at + 1] == _SMALL_N else 0
    if byte == 0xC2:
        # U+0085 and U+00A0.
        return 2 if data[at + 1] == 0x85 or data[at + 1] == 0xA0 else 0
    if byte == 0xE1:
        # U+1680.
        return 3 if data[at + 1] == 0x9A and data[at + 2] == 0x80 else 0
    if byte == 0xE2:
        third = data[at + 2]
        if data[at + 1] == 0x80:
            # U+2000 to 200A, the separators U+2028 and U+2029, and U+202F.
            return 3 if third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF else 0
        # U+205F.
        return 3 if data[at + 1] == 0x81 and third == 0x9F else 0
    # U+3000, the ideographic space.
    return 3 if byte == 0xE3 and data[at + 1] == 0x80 and data[at + 2] == 0x80 else 0


@kernel
def decode_character(data: Bytes, at: int) -> tuple[int, int, int]:
    """Return the bytes of a character in the source and as text, and its code point."""
    lead = int(data[at])
    if lead < 0x80:
        if lead != _AMP:
            return 1, 1, lead
        # A parser writes four entities in a text (HTML §13.3): &amp; &lt; &gt; and &nbsp;, which
        # are told by their second letter.
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
def count_visible_source(data: Bytes, at: int, end: int) -> int:
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
            size = white_space_size(data, at)
            if size == 0:
                size = decode_character(data, at)[0]
                seen += 1
            at += size
    return seen


@kernel
def count_trimmed(data: Bytes, at: int, end: int) -> int:
    """Count the characters of a run of the source, less the white space at both its ends."""
    length = 0  # characters so far, without white space before the first one to be seen
    trimmed = 0  # those up to the last one to be seen
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
            size = white_space_size(data, at)
            if size == 0:
                size = decode_character(data, at)[0]
                length += 1
                trimmed = length
            elif trimmed:
                length += 1
        at += size
    return trimmed
