"""Counts of the characters of a text, in loops over its UTF-8."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_clean.extractors.blocks.inline_text import is_triple, white
from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes, Offsets, encode


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
        if byte > 32 and byte < 0x80:
            seen += 1
            at += 1
            continue
        if is_triple(byte):
            seen += 1
            at += 3
            continue
        blank = white(data, at)
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
