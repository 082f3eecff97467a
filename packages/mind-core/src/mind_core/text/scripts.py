"""Scripts of characters, after `Scripts.txt` of Unicode 16.0, by block.

A block counts as a whole, also its code points that a version of Python does not know yet: what
text is Chinese must not depend on the machine. Radicals, strokes and iteration marks, which Unicode
counts as Han too, are no characters that a text is written in, and stay out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

UNICODE = "16.0"

Ranges = Sequence[tuple[int, int]]

HAN_RANGES: Ranges = (
    (0x3007, 0x3007),  # 〇, the digit of 二〇二四年
    (0x3400, 0x4DBF),  # extension A
    (0x4E00, 0x9FFF),  # unified ideographs
    (0xF900, 0xFAFF),  # compatibility ideographs
    (0x20000, 0x323AF),  # extensions B to H, compatibility supplement
)
KANA_RANGES: Ranges = (
    (0x3041, 0x3096), (0x309D, 0x309F), (0x30A1, 0x30FA), (0x30FC, 0x30FF), (0x31F0, 0x31FF),
    # Kana of half width.
    (0xFF66, 0xFF9F),
)  # fmt: skip
HANGUL_RANGES: Ranges = ((0x1100, 0x11FF), (0x3130, 0x318F), (0xA960, 0xA97F), (0xAC00, 0xD7FF))
LATIN_END = 0x250
"""One past Latin Extended-B; letters before it are Latin."""


def character_class(ranges: Ranges) -> str:
    """Return ranges as the inside of a character class of `re`."""
    return "".join(
        re.escape(chr(first)) + (f"-{re.escape(chr(last))}" if last > first else "")
        for first, last in ranges
    )


HAN = character_class(HAN_RANGES)
"""Chinese characters, for the inside of a character class: `re.compile(f"[{HAN}]+")`."""

_NOT_HAN = re.compile(f"[^{HAN}]+")


def is_han(character: str) -> bool:
    """Return whether a character is Chinese."""
    return any(first <= ord(character) <= last for first, last in HAN_RANGES)


def count_han(text: str) -> int:
    """Count the Chinese characters of a text."""
    # `isascii` looks at a flag that the string has, so that plain English costs nothing.
    return 0 if text.isascii() else len(_NOT_HAN.sub("", text))
