"""What an element means at its place on the page."""

from __future__ import annotations

import numpy as np

from mind_clean.extractors.blocks.element_index import (
    ANCHOR,
    ATTRIBUTES,
    BITS,
    CLOSED,
    HIDDEN,
    HIDDEN_BEFORE,
    INNER,
    LAST,
    LINKED,
    MEANS,
    NUMBER,
    WEIGHT,
    Outline,
    find,
)
from mind_clean.extractors.blocks.element_rules import (
    CONTAINER,
    HIDDEN_FROM_READERS,
    INLINE,
    LEAF,
    LINK,
    NUMBERS,
    SPAN,
)
from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes

EMPTY_BLOCK, LINE_BREAK, SET_APART = range(HIDDEN_FROM_READERS - 3, HIDDEN_FROM_READERS)
"""Elements that are done with at once: nothing inside, <br>, set apart."""

_BR, _P = NUMBERS["br"], NUMBERS["p"]
_LESS, _GREATER = np.uint8(ord("<")), np.uint8(ord(">"))
_HEADING_ANCHORS = np.array(
    [int.from_bytes(anchor.encode(), "big") for anchor in "¶#§🔗\uf0c1∞⚓"], np.int64
)


@kernel
def meaning(data: Bytes, outline: Outline, element: int, pass_over: bool) -> int:
    """Return what an element means at its place on the page."""
    means, bits = outline[element, MEANS], outline[element, BITS]
    number = outline[element, NUMBER]
    if means == HIDDEN_FROM_READERS:
        return HIDDEN_FROM_READERS
    if outline[element, INNER] == outline[element, CLOSED]:
        if number == _BR:
            return LINE_BREAK
        return EMPTY_BLOCK if means >= LEAF else HIDDEN_FROM_READERS
    if means == LINK:
        if bits & LINKED:
            return LINK
        of_heading = bits & ANCHOR and _is_heading_anchor(data, outline, element)
        return HIDDEN_FROM_READERS if of_heading else INLINE
    if means == INLINE:
        return INLINE
    if bits & HIDDEN:
        return HIDDEN_FROM_READERS
    if means == SPAN:
        return INLINE
    if means == LEAF and not (bits & ATTRIBUTES and number == _P):
        return LEAF
    if outline[element, WEIGHT] >= 0:
        return LEAF if number == _P else CONTAINER
    last = outline[element, LAST]
    hidden = outline[last + 1, HIDDEN_BEFORE] - outline[element + 1, HIDDEN_BEFORE]
    return SET_APART if pass_over and hidden == 0 else CONTAINER


@kernel
def _is_heading_anchor(data: Bytes, outline: Outline, element: int) -> bool:
    """Tell whether the text of a link is a mere mark, as generators put it behind a heading."""
    at, end, text, size = outline[element, INNER], outline[element, CLOSED], 0, 0
    while at < end and size <= 4:
        if data[at] == _LESS:
            at = find(data, at, _GREATER) + 1
        else:
            text = text << 8 | int(data[at])
            size += 1
            at += 1
    if size <= 4:
        for anchor in _HEADING_ANCHORS:
            if anchor == text:
                return True
    return False
