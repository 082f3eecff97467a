"""Bound what the HTML of a page can cost the parser.

Time grows with the square of the nesting in resiliparse 2.0 (2 s for 10,000 nested elements, hours
for 1,000,000) and of the attributes of one tag in lexbor. Both are cut here, in linear time.
"""

from __future__ import annotations

import re
from itertools import accumulate

MAX_DEPTH = 512
"""Browsers stop nesting here too: Blink's limit is 512."""

MAX_ATTRIBUTES = 1000

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]*)[^<>]*>?")
_LONG_TAG = re.compile(r"<([A-Za-z][A-Za-z0-9:-]*)\s[^<>]{4000,}")
_NO_END_TAG = "area base br col embed hr img input link meta param source track wbr"
_ENDED_BY_THE_NEXT = "dd dt li optgroup option p tbody td tfoot th thead tr"
_HOLD_NO_TAGS = "script style"
_NOT_NESTING = frozenset(f"{_NO_END_TAG} {_ENDED_BY_THE_NEXT} {_HOLD_NO_TAGS}".split())
_NESTING_TAG = re.compile(
    rf"<(/?)(?!(?:{'|'.join(sorted(_NOT_NESTING))})\b)[A-Za-z]", re.IGNORECASE
)


def bounded(html: str) -> str:
    """Return the page with nesting and attributes cut; the same object if it is within bounds."""
    if len(html) > 4000:
        html = _LONG_TAG.sub(_without_attributes, html)
    opened = html.count("<") - html.count("</")
    if opened <= MAX_DEPTH:
        return html
    return _flattened(html) if _depth(html) > MAX_DEPTH else html


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
