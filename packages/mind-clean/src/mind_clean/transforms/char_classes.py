"""Classes of characters that the steps of format cleaning look for, and their flags."""

from __future__ import annotations

import re

from mind_core.text.scripts import HAN

HAS_EMOJI, HAS_OTHER_BLANKS, HAS_WHITESPACE, HAS_CJK_SPACES, HAS_CONTROL, HAS_LATIN_1 = (
    1 << bit for bit in range(6)
)
"""Flags of a text, for what it may have that a step would change: emoji or their modifiers; blanks
other than space, tab and U+3000; blanks at the end of a line, in a run, or mixed before one, and
superfluous line feeds; a blank that two Chinese characters or marks enclose; what cannot be seen,
and other ends of lines; U+0080 to U+00FF."""

EMOJI_PICTURES = (
    "\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2639\u263a\u2648-\u2653"
    "\u267f\u2693\u26a1\u26aa\u26ab\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5"
    "\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c\u274e\u2753-\u2755\u2757\u2763\u2764\u2795-\u2797"
    "\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55"
    "\U0001f004\U0001f0cf\U0001f170\U0001f171\U0001f17e\U0001f17f\U0001f18e\U0001f191-\U0001f19a"
    "\U0001f1e6-\U0001f1ff\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f7e0-\U0001f7eb"
    "\U0001f7f0\U0001f90c-\U0001f9ff\U0001fa70-\U0001faff"
)
EMOJI_MODIFIERS = "\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff"
EMOJI_PRESENT = re.compile(f"[{EMOJI_PICTURES}{EMOJI_MODIFIERS}]")

INVISIBLE = (
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad"
    "\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    "\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f"
)
UNWANTED = re.compile(f"[{INVISIBLE}\v\f\r\x85\u2028\u2029]")
"""One look for everything: most texts have none of it."""

OTHER_BLANKS = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f]")
CJK_PUNCTUATION = (
    "\u3001-\u3003\u3008-\u3011\u3014-\u301f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
WIDE = re.compile(f"[{HAN}{CJK_PUNCTUATION}]")
