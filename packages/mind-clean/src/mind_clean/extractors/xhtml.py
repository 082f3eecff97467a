"""Close the empty elements of XHTML for an HTML parser.

Pages written as XHTML are sent as HTML. There <a id="part"/> only opens, so that the rest of the
chapter is the text of a link, which an extractor of main text throws away; and <script src="…"/>
swallows the page.
"""

from __future__ import annotations

import re

_LOOKED_AT = 1000
_SAYS_SO = re.compile(r"<\?xml|<!DOCTYPE[^>]*XHTML|xmlns=.http://www\.w3\.org/1999/xhtml")
_EMPTY_ELEMENT = re.compile(
    r"<(?!(?:area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr)\b)"
    r"([A-Za-z][A-Za-z0-9]*)(\s[^<>]*?)?/>",
    re.IGNORECASE,
)


def with_end_tags(html: str) -> str:
    """Return a page that says it is XHTML with end tags for its empty elements."""
    if _SAYS_SO.search(html, 0, _LOOKED_AT) is None:
        return html
    return _EMPTY_ELEMENT.sub(r"<\1\2></\1>", html)
