"""Remove emoji, by the ranges of Unicode's emoji-data.txt (16.0).

Gone: everything that Unicode shows as a picture by default (Emoji_Presentation), the pictograph
blocks, hearts and smileys, and other symbols where a variation selector or a skin tone asks for the
picture; with them flags, families (joined sequences) and modifiers.
Kept: © ® ™, arrows, ☑ ★ ♀ and other text symbols, 〇 ㊗ ㊙ 🈚 and all CJK symbols, ‼ ⁉, and the
digit of a keycap (1️⃣ becomes 1), since it counts something.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mind_clean.annotations import with_text
from mind_clean.deferred import compile_once
from mind_clean.transforms.char_classes import (
    EMOJI_MODIFIERS,
    EMOJI_PICTURES,
    EMOJI_PRESENT,
    HAS_EMOJI,
)
from mind_clean.transforms.cleanup_flags import cleanup_flags
from mind_core import Record

_TEXT_SYMBOLS = "\u2190-\u27bf\u2934\u2935\u2b05-\u2b07"
"""Symbols that are text unless what follows asks for the picture."""

_KEYCAP = re.compile("([0-9#*])\ufe0f?\u20e3")
_AS_PICTURE = f"[{_TEXT_SYMBOLS}](?=[\ufe0f\U0001f3fb-\U0001f3ff])"
_SEQUENCE = (
    f"(?:[{EMOJI_PICTURES}]|{_AS_PICTURE})"
    f"(?:[{EMOJI_PICTURES}{EMOJI_MODIFIERS}]|{_AS_PICTURE}|\u200d[{_TEXT_SYMBOLS}]?)*+"
)  # possessive: ☺ ❤ ✌ are pictures and text symbols, two ways that a search would try in turn
_BETWEEN_WORDS = f"(?<=[A-Za-z0-9]){_SEQUENCE}(?=[A-Za-z0-9])"
_STRAY = re.compile("[\ufe0e\ufe0f\u20e3]")


@dataclass(frozen=True)
class Emoji:
    """Remove emoji; keep © ® ™, CJK symbols and the digits of keycaps."""

    def prepare(self) -> None:
        """Load the kernel before workers start."""
        cleanup_flags("")

    def __call__(self, record: Record) -> Record:
        """Return the record with the emoji of its text removed."""
        return with_text(record, without_emoji(record["text"]))


def without_emoji(text: str) -> str:
    """Return the text without emoji; one between two Latin words leaves a space."""
    if text.isascii() or not cleanup_flags(text) & HAS_EMOJI or EMOJI_PRESENT.search(text) is None:
        return text
    text = _KEYCAP.sub(r"\1", text)
    text = compile_once(_BETWEEN_WORDS).sub(" ", text)
    return _STRAY.sub("", compile_once(_SEQUENCE).sub("", text))
