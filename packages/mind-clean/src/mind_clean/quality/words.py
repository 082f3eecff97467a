"""A text as fastText wants it: one line of words with blanks between them."""

from __future__ import annotations

import re

SEGMENTS = ("none", "characters")
_HAN = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_BLANKS = re.compile(r"[\s\0]+")


def one_line(text: str, segment: str, sample: int = 0) -> str:
    """Return a text in one line: as it is ("none"), or lower-case with Chinese characters apart.

    `sample` is how many characters of it are looked at, from its beginning; 0 is all.
    """
    if sample:
        text = text[:sample]
    if segment == "characters":
        text = _HAN.sub(r" \g<0> ", text.lower())
    return _BLANKS.sub(" ", text).strip()
