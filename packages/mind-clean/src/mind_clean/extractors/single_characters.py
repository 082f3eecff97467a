"""Keep characters that stand alone between two tags, which resiliparse takes for icons.

In its main text, resiliparse 2.0 leaves out a text node of one character of three bytes (› and the
like, and so every Chinese character): 甲<b>和</b>乙 became 甲乙, a cell that says 是 was lost. With
a second character beside it, it stays; a noncharacter can be taken out again without doubt.
"""

from __future__ import annotations

import re

from mind_clean.extractors.line_breaks import WIDE

_COMPANION = "\ufdd0"
_CHARACTERS = f"{WIDE}\u2010-\u2027\u20ac\u2192\u2200-\u22ff\u2460-\u24ff\u3105-\u318f\uac00-\ud7a3"
"""Wide characters, dashes, quotes, €, ①, →, mathematics, Hangul; ‹ and ▸ may well be icons."""

_ALONE = re.compile(rf"(>\s*[{_CHARACTERS}])(?=\s*<)")


def protect(html: str) -> str:
    """Return the page with a companion after each character that stands alone."""
    return _ALONE.sub(rf"\1{_COMPANION}", html)


def restore(text: str) -> str:
    """Return an extracted text without the companions."""
    return text.replace(_COMPANION, "")
