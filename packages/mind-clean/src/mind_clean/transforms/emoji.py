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

from mind_clean.notes import with_text
from mind_clean.signs import PICTURES, signs_of
from mind_core import Record

_PICTURES = (
    "\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2639\u263a\u2648-\u2653"
    "\u267f\u2693\u26a1\u26aa\u26ab\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5"
    "\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c\u274e\u2753-\u2755\u2757\u2763\u2764\u2795-\u2797"
    "\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55"
    "\U0001f004\U0001f0cf\U0001f170\U0001f171\U0001f17e\U0001f17f\U0001f18e\U0001f191-\U0001f19a"
    "\U0001f1e6-\U0001f1ff\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f7e0-\U0001f7eb"
    "\U0001f7f0\U0001f90c-\U0001f9ff\U0001fa70-\U0001faff"
)
_TEXT_SYMBOLS = "\u2190-\u27bf\u2934\u2935\u2b05-\u2b07"
"""Symbols that are text unless what follows asks for the picture."""

_MODIFIERS = "\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff"
ANY = re.compile(f"[{_PICTURES}{_MODIFIERS}]")
_KEYCAP = re.compile("([0-9#*])\ufe0f?\u20e3")
_AS_PICTURE = f"[{_TEXT_SYMBOLS}](?=[\ufe0f\U0001f3fb-\U0001f3ff])"
_SEQUENCE = (
    f"(?:[{_PICTURES}]|{_AS_PICTURE})"
    f"(?:[{_PICTURES}{_MODIFIERS}]|{_AS_PICTURE}|\u200d[{_TEXT_SYMBOLS}]?)*+"
)  # possessive: ☺ ❤ ✌ are pictures and text symbols, two ways that a search would try in turn
_BETWEEN_WORDS = re.compile(f"(?<=[A-Za-z0-9]){_SEQUENCE}(?=[A-Za-z0-9])")
_EMOJI = re.compile(_SEQUENCE)
_STRAY = re.compile("[\ufe0e\ufe0f\u20e3]")


@dataclass(frozen=True)
class Emoji:
    """Remove emoji; keep © ® ™, CJK symbols and the digits of keycaps."""

    def prepare(self) -> None:
        """Load the kernel before workers start."""
        signs_of("")

    def __call__(self, record: Record) -> Record:
        """Return the record with the emoji of its text removed."""
        return with_text(record, without_emoji(record["text"]))


def without_emoji(text: str) -> str:
    """Return the text without emoji; one between two Latin words leaves a space."""
    if text.isascii() or not signs_of(text) & PICTURES or ANY.search(text) is None:
        return text
    text = _KEYCAP.sub(r"\1", text)
    text = _BETWEEN_WORDS.sub(" ", text)
    return _STRAY.sub("", _EMOJI.sub("", text))
