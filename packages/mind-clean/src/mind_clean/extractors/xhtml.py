"""Close the empty elements of XHTML for an HTML parser.

Pages written as XHTML are sent as HTML. There <a id="part"/> only opens, so that the rest of the
chapter is the text of a link, which an extractor of main text throws away; and <script src="…"/>
swallows the page.
"""

from __future__ import annotations

import re

import numpy as np

from mind_clean.extractors.blocks.element_rules import (
    VOID,
    Tags,
    find_number,
    hash_name_at,
    load_tags,
)
from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes

_LOOKED_AT = 1000
_SAYS_SO = re.compile(rb"<\?xml|<!DOCTYPE[^>]*XHTML|xmlns=.http://www\.w3\.org/1999/xhtml")
_LESS, _GREATER, _SLASH = (np.uint8(ord(c)) for c in "<>/")


def with_end_tags(page: bytes) -> bytes:
    """Return a page that says it is XHTML with end tags for its empty elements."""
    if _SAYS_SO.search(page, 0, _LOOKED_AT) is None or b"/>" not in page:
        return page
    data = np.frombuffer(page, np.uint8)
    if not _any_to_close(data, load_tags()):
        return page
    # <x/> becomes <x></x>, which is less than twice as long.
    out = np.empty(2 * len(page), np.uint8)
    return out[: _close_empty(data, load_tags(), out)].tobytes()


@kernel("b1(u1[], (u8[], i8[], i8[], i8[], i8[]))")
def _any_to_close(data: Bytes, tags: Tags) -> bool:
    """Tell whether a page holds an empty element that an HTML parser would leave open."""
    for at in range(3, len(data)):
        if data[at] == _GREATER and data[at - 1] == _SLASH:
            opened = at - 2
            # Back to the sign before: stretches between two signs never overlap, so that this is
            # linear.
            while opened > 0 and data[opened] != _LESS and data[opened] != _GREATER:
                opened -= 1
            if data[opened] == _LESS and _end_of_name(data, opened + 1, at, tags) > 0:
                return True
    return False


@kernel("i8(u1[], (u8[], i8[], i8[], i8[], i8[]), u1[])")
def _close_empty(data: Bytes, tags: Tags, out: Bytes) -> int:
    """Copy a page and close its empty elements; return its new length."""
    to, opened = 0, -1
    for at in range(len(data)):
        byte = data[at]
        out[to] = byte
        to += 1
        if byte == _LESS:
            opened = at
        elif byte == _GREATER:
            if opened >= 0 and data[at - 1] == _SLASH:
                end = _end_of_name(data, opened + 1, at, tags)
                if end > 0:
                    # "/>" was copied already: it becomes ">" and the beginning of "</".
                    out[to - 2], out[to - 1], out[to] = _GREATER, _LESS, _SLASH
                    to += 1
                    for place in range(opened + 1, end):
                        out[to] = data[place]
                        to += 1
                    out[to] = _GREATER
                    to += 1
            # A second ">" belongs to no tag.
            opened = -1
    return to


@kernel
def _end_of_name(data: Bytes, start: int, end: int, tags: Tags) -> int:
    """Return where the name of an empty element ends; 0 if the element is to stay as it is."""
    place = start
    while place < end and _is_name(data[place]):
        place += 1
    # A name that goes on with another sign, such as svg:rect, is none that is known here.
    if place == start or data[start] < 65 or (data[place] > 32 and data[place] != _SLASH):
        return 0
    void = tags.ends[find_number(hash_name_at(data, start, place), tags)] == VOID
    return 0 if void else place


@kernel
def _is_name(byte: np.uint8) -> bool:
    small = byte | np.uint8(32)
    return (small >= 97 and small <= 122) or (byte >= 48 and byte <= 57)  # type: ignore[return-value]
