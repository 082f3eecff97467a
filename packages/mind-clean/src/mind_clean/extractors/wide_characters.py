"""Chinese and other wide characters in the source of a page, as other extractors must get them.

White space in HTML becomes one space, which is right between English words and wrong inside a
Chinese sentence. CSS Text 3 §4.1.3 lets a line break between two wide characters vanish.

In its main text, resiliparse 2.0 leaves out a text node of one character of three bytes (› and the
like, and so every Chinese character): 甲<b>和</b>乙 became 甲乙, a cell that says 是 was lost. With
a second character next to it, it stays; a noncharacter can be taken out again without doubt.
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
        # Only the outermost pair of tags divides the page; an end tag without a start counts for
        # nothing.
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


_COMPANION = "\ufdd0"
_CHARACTERS = f"{WIDE}\u2010-\u2027\u20ac\u2192\u2200-\u22ff\u2460-\u24ff\u3105-\u318f\uac00-\ud7a3"
"""Wide characters, dashes, quotes, €, ①, →, mathematics, Hangul; ‹ and ▸ may well be icons."""

_ALONE = re.compile(rf"(>\s*[{_CHARACTERS}])(?=\s*<)")


def protect_single_characters(html: str) -> str:
    """Return the page with a companion after each character that stands alone."""
    return _ALONE.sub(rf"\1{_COMPANION}", html)


def restore_single_characters(text: str) -> str:
    """Return an extracted text without the companions."""
    return text.replace(_COMPANION, "")
