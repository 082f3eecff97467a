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
from selectolax.lexbor import LexborHTMLParser

from mind_clean.extractors.nesting import depth_bound, depth_written, flattened
from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes
from mind_core.record_limits import TooLarge, memory_limit

MAX_DEPTH = 512
"""Browsers stop nesting here too: Blink's limit is 512."""

MAX_ATTRIBUTES = 1000

_MAX_PARSED = 20_000
"""Levels that a page may seem to have and still be parsed to be measured: nested so deep it costs
lexbor a second."""

_LONG = 50_000
_LONG_TAG = re.compile(rb"<([A-Za-z][A-Za-z0-9:-]*)\s[^<>]{%d,}" % _LONG)
_LESS = np.uint8(ord("<"))

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
    bound, is_clear = depth_bound(page)
    if bound <= MAX_DEPTH:
        return page
    if bound <= _MAX_PARSED:
        # Tags that overlap make the bound too high; as the parser writes them, none do.
        written = (parsed(LexborHTMLParser, page).html or "").encode()
        if depth_written(written) <= MAX_DEPTH:
            return page
        if not is_clear:
            page = written
    return flattened(page, MAX_DEPTH)


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
