"""Close the empty elements of XHTML for an HTML parser.

Pages written as XHTML are sent as HTML. There <a id="part"/> only opens, so that the rest of the
chapter is the text of a link, which an extractor of main text throws away; and <script src="…"/>
swallows the page.
"""

from __future__ import annotations

import re

_LOOKED_AT = 1000
_SAYS_SO = re.compile(r"<\?xml|<!DOCTYPE[^>]*XHTML|xmlns=.http://www\.w3\.org/1999/xhtml")
_VOID = "area base br col embed hr img input link meta param source track wbr"
_TAG = re.compile(r"<([A-Za-z][A-Za-z0-9]*)(?=[\s/])")


def with_end_tags(html: str) -> str:
    """Return a page that says it is XHTML with end tags for its empty elements."""
    if _SAYS_SO.search(html, 0, _LOOKED_AT) is None:
        return html
    parts: list[str] = []
    done = 0
    end = html.find("/>")
    while end >= 0:  # from each end back to its tag: a pattern for both would try every tag
        start = html.rfind("<", done, end)
        tag = _TAG.match(html, start) if start >= 0 else None
        if tag and tag[1].lower() not in _VOID.split() and html.find(">", start, end) < 0:
            parts += (html[done:end], "></", tag[1], ">")
            done = end + 2
        end = html.find("/>", end + 2)
    return "".join([*parts, html[done:]]) if parts else html
