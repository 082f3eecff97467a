"""Join Chinese lines that the source of a page breaks.

White space in HTML becomes one space, which is right between English words and wrong inside a
Chinese sentence. CSS Text 3 §4.1.3 lets a line break between two wide characters vanish.
"""

from __future__ import annotations

import re

from mind_core.text.scripts import HAN

WIDE = f"{HAN}\u3001-\u303f\u3040-\u30ff\uff01-\uff60"
"""Han, CJK punctuation, kana, full-width forms."""

_BREAK = re.compile(f"(?<=[{WIDE}])[ \t\r]*\n[ \t\r\n]*(?=[{WIDE}])")
_PREFORMATTED = re.compile(r"<(/?)(?:pre|textarea)\b", re.IGNORECASE)


def join_han_lines(html: str) -> str:
    """Remove line breaks between wide characters, outside preformatted elements."""
    if _BREAK.search(html) is None:
        return html
    parts: list[str] = []
    start = depth = 0
    for tag in _PREFORMATTED.finditer(html):
        closing = bool(tag[1])
        if depth == 0 and not closing:
            parts.append(_BREAK.sub("", html[start : tag.start()]))
            start = tag.start()
        elif depth == 1 and closing:
            parts.append(html[start : tag.start()])
            start = tag.start()
        depth = max(0, depth - 1 if closing else depth + 1)
    rest = html[start:]
    parts.append(rest if depth else _BREAK.sub("", rest))
    return "".join(parts)
