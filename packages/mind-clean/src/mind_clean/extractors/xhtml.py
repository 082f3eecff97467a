"""Close the empty elements of XHTML for an HTML parser.

Pages written as XHTML are sent as HTML. There <a id="part"/> only opens, so that the rest of the
chapter is the text of a link, which an extractor of main text throws away; and <script src="…"/>
swallows the page.
"""

from __future__ import annotations

import re

_LOOKED_AT = 1000
_SAYS_SO = re.compile(r"<\?xml|<!DOCTYPE[^>]*XHTML|xmlns=.http://www\.w3\.org/1999/xhtml")
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
     "track", "wbr")
)  # fmt: skip
_MOSTLY = ("br/", "br ", "img ", "input ", "meta ", "link ", "hr/", "hr ")
_TAG = re.compile(r"<([A-Za-z][A-Za-z0-9]*)(?=[\s/])")


def with_end_tags(html: str) -> str:
    """Return a page that says it is XHTML with end tags for its empty elements."""
    if _SAYS_SO.search(html, 0, _LOOKED_AT) is None:
        return html
    parts: list[str] = []
    done = before = 0
    end = html.find("/>")
    while end >= 0:  # from each end back to its tag: a pattern for both would try every tag
        start = html.rfind("<", before, end)
        mostly = start < 0 or html.startswith(_MOSTLY, start + 1)
        tag = None if mostly else _TAG.match(html, start)
        if tag and tag[1].lower() not in _VOID and html.find(">", start, end) < 0:
            parts += (html[done:end], "></", tag[1], ">")
            done = end + 2
        before = end + 2
        end = html.find("/>", before)
    return "".join([*parts, html[done:]]) if parts else html
