"""Bound what the HTML of a page can cost the parser.

Time grows with the square of the nesting in resiliparse 2.0 (2 s for 10,000 nested elements, hours
for 1,000,000) and of the attributes of one tag in lexbor. Both are cut here, in linear time.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import AnyStr

MAX_DEPTH = 512
"""Browsers stop nesting here too: Blink's limit is 512."""

MAX_ATTRIBUTES = 1000

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]*)[^<>]*>?")
_LONG = 50_000
_LONG_TAG = re.compile(rf"<([A-Za-z][A-Za-z0-9:-]*)\s[^<>]{{{_LONG},}}")
_NO_END_TAG = "area base br col embed hr img input link meta param source track wbr"
_ENDED_BY_THE_NEXT = "dd dt li optgroup option p tbody td tfoot th thead tr"
_HOLD_NO_TAGS = "script style"
_NOT_NESTING = frozenset(f"{_NO_END_TAG} {_ENDED_BY_THE_NEXT} {_HOLD_NO_TAGS}".split())
_NESTING_TAG = re.compile(
    rf"<(/?)(?!(?:{'|'.join(sorted(_NOT_NESTING))})\b)[A-Za-z]", re.IGNORECASE
)


def bounded(html: str, harmless: int = MAX_DEPTH) -> str:
    """Return the page with nesting and attributes cut; the same object if it is within bounds.

    With no more than `harmless` tags left open, nobody looks how deep they nest: that costs as much
    as parsing the page, and few pages close all their <p>, <li> and <br>.
    """
    if _may_hold_a_long_tag(html, "<", ">"):
        html = _LONG_TAG.sub(_without_attributes, html)
    harmless = max(harmless, MAX_DEPTH)
    tags = html.count("<")
    if tags <= harmless or tags - html.count("</") <= harmless:
        return html
    return _flattened(html) if _depth(html) > MAX_DEPTH else html


def may_cost_much(html: bytes, harmless: int) -> bool:
    """Tell, at a glance, whether a page may be beyond bounds with so many tags left open."""
    return html.count(b"<") > 2 * harmless or _may_hold_a_long_tag(html, b"<", b">")


def _may_hold_a_long_tag(html: AnyStr, begin: AnyStr, end: AnyStr) -> bool:
    """Tell whether a tag may be so long: one has begun, and a whole stretch has neither sign."""
    half = _LONG // 2
    begun = ended = -1
    for at in range(0, len(html) - half, half):
        last_begun, last_ended = html.rfind(begin, at, at + half), html.rfind(end, at, at + half)
        if last_begun < 0 and last_ended < 0 and begun > ended:
            return True
        begun, ended = max(begun, last_begun), max(ended, last_ended)
    return False


def _without_attributes(tag: re.Match[str]) -> str:
    source = tag[0]
    many = max(source.count("="), len(source.split())) > MAX_ATTRIBUTES
    return f"<{tag[1]} " if many else source


def _depth(html: str) -> int:
    """Return how deep the tags nest at most, as if each were closed by any end tag."""
    slashes = _NESTING_TAG.findall(html)
    return max(accumulate(-1 if slash else 1 for slash in slashes), default=0)


def _flattened(html: str) -> str:
    """Leave out the tags that open below the deepest allowed level."""
    depth = 0

    def keep(tag: re.Match[str]) -> str:
        nonlocal depth
        if tag[2].lower() in _NOT_NESTING:
            return tag[0]
        if tag[1]:
            depth = max(0, depth - 1)
            return tag[0] if depth < MAX_DEPTH else " "
        depth += 1
        return tag[0] if depth <= MAX_DEPTH else " "

    return _TAG.sub(keep, html)
