"""Bound what the HTML of a page can cost the parser.

Time grows with the square of the nesting in resiliparse 2.0 (2 s for 10,000 nested elements, hours
for 1,000,000) and of the attributes of one tag in lexbor. Both are cut here, in linear time.
Memory grows with the square of the tags where formatting is never ended: the standard has a parser
open it again in each paragraph (`<font size=1><p><font size=2><p>`, 94 kB, took 1.3 GiB). No count
of tags tells that beforehand, so the parser's memory is limited.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from mind_clean.extractors.blocks.element_rules import (
    NESTS,
    NUMBERS,
    Tags,
    find_number,
    hash_name_at,
    load_tags,
)
from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes
from mind_core.record_limits import TooLarge, memory_limit

MAX_DEPTH = 512
"""Browsers stop nesting here too: Blink's limit is 512."""

MAX_ATTRIBUTES = 1000

_TAG = re.compile(rb"<(/?)([A-Za-z][A-Za-z0-9:-]*)[^<>]*>?")
_LONG = 50_000
_LONG_TAG = re.compile(rb"<([A-Za-z][A-Za-z0-9:-]*)\s[^<>]{%d,}" % _LONG)
_LESS, _SLASH = np.uint8(ord("<")), np.uint8(ord("/"))

_FEW_TAGS = 2000
"""So many can become a million nodes, in 100 MiB."""

_MEMORY, _MEMORY_PER_BYTE = 1 << 28, 128
"""A parser takes 90 bytes for each byte of a page that is all tags."""

T = TypeVar("T", str, bytes)
Tree = TypeVar("Tree")


def parsed(parse: Callable[[T], Tree], page: T) -> Tree:
    """Return what a parser makes of a page; raise `TooLarge` if it takes far more memory."""
    if page.count("<" if isinstance(page, str) else b"<") <= _FEW_TAGS:
        return parse(page)
    try:
        with memory_limit(_MEMORY + _MEMORY_PER_BYTE * len(page)):
            return parse(page)
    except Exception as error:  # lexbor refuses no page; what its wrappers raise is for memory
        raise TooLarge from error


def encode_page(html: str) -> bytes:
    """Return a page as UTF-8, without lone surrogates: JSON brings none, but a plugin can."""
    try:
        return html.encode()
    except UnicodeEncodeError:
        return html.encode("utf-8", "replace")


def bounded(page: bytes, harmless: int = MAX_DEPTH) -> bytes:
    """Return the page with nesting and attributes cut; the same object if it is within bounds.

    With no more than `harmless` start tags, nobody looks how deep they nest.
    """
    if _may_hold_a_long_tag(page):
        page = _LONG_TAG.sub(_without_attributes, page)
    harmless = max(harmless, MAX_DEPTH)
    data = np.frombuffer(page, np.uint8)
    tags_begun = count_of(data, _LESS)
    # End tags begin with the same sign; without them these are start tags, which cannot nest deeper
    # than their number.
    if tags_begun <= harmless or tags_begun - page.count(b"</") <= harmless:
        return page
    return _flattened(page) if _depth(data, load_tags()) > MAX_DEPTH else page


def _may_hold_a_long_tag(page: bytes) -> bool:
    """Tell whether a tag may be so long: one has begun, and a whole stretch has neither sign."""
    # Any stretch of `_LONG` bytes holds a whole one of half that length which begins at a multiple.
    half = _LONG // 2
    begun = ended = -1
    for at in range(0, len(page) - half, half):
        last_begun, last_ended = page.rfind(b"<", at, at + half), page.rfind(b">", at, at + half)
        if last_begun < 0 and last_ended < 0 and begun > ended:
            return True
        begun, ended = max(begun, last_begun), max(ended, last_ended)
    return False


def _without_attributes(tag: re.Match[bytes]) -> bytes:
    source = tag[0]
    # No attribute is missed: one without a value has no sign but is a word; blanks inside values
    # only make the count too high.
    many = max(source.count(b"="), len(source.split())) > MAX_ATTRIBUTES
    return b"<%b " % tag[1] if many else source


@kernel("i8(u1[], u1)")
def count_of(data: Bytes, byte: np.uint8) -> int:
    """Count a byte, without an array for the answers in between."""
    count = 0
    for one in data:
        count += one == byte
    return count


@kernel("i8(u1[], (u8[], i8[], i8[], i8[], i8[]))")
def _depth(data: Bytes, tags: Tags) -> int:
    """Return how deep the tags nest at most, as if each were closed by any end tag."""
    level, deepest, at = 0, 0, 0
    while at + 2 < len(data):
        if data[at] != _LESS:
            at += 1
            continue
        ends = data[at + 1] == _SLASH
        at += 2 if ends else 1
        start = at
        while at < len(data) and _is_letter(data[at]):
            at += 1
        # Elements whose end tag may be left out (<p>, <li>) close each other and do not nest. Names
        # that are not known, and those with digits, which are read as another name here, are taken
        # to nest.
        if at > start and tags.ends[find_number(hash_name_at(data, start, at), tags)] == NESTS:
            # Not below 0: an end tag without a start tag must not hide a level that follows.
            level = max(0, level - 1) if ends else level + 1
            deepest = max(deepest, level)
    return deepest


@kernel
def _is_letter(byte: np.uint8) -> bool:
    small = byte | np.uint8(32)
    return small >= 97 and small <= 122  # type: ignore[return-value]


def _flattened(page: bytes) -> bytes:
    """Leave out the tags that open below the deepest allowed level."""
    depth = 0
    ends = load_tags().ends

    def keep(tag: re.Match[bytes]) -> bytes:
        nonlocal depth
        if ends[NUMBERS.get(tag[2].decode().lower(), 0)] != NESTS:
            return tag[0]
        if tag[1]:
            depth = max(0, depth - 1)
            # A blank keeps apart the words that the tag parted.
            return tag[0] if depth < MAX_DEPTH else b" "
        depth += 1
        return tag[0] if depth <= MAX_DEPTH else b" "

    return _TAG.sub(keep, page)
