"""Simplified or traditional: told apart by the characters that only one of them has.

The two national character sets of the 1980s draw the line: a character of GB 2312 that Big5 lacks
is simplified (2,380 of them), one of Big5 that GB 2312 lacks is traditional (8,678). Nothing needs
to be shipped, Python's codecs know both sets.
"""

from __future__ import annotations

from functools import cache


@cache
def variant_sets() -> tuple[frozenset[str], frozenset[str]]:
    """Return the characters that only simplified, and only traditional, Chinese has."""
    simplified, traditional = set(), set()
    for code in range(0x4E00, 0xA000):
        character = chr(code)
        in_gb, in_big5 = _encodes(character, "gb2312"), _encodes(character, "big5")
        if in_gb and not in_big5:
            simplified.add(character)
        elif in_big5 and not in_gb:
            traditional.add(character)
    return frozenset(simplified), frozenset(traditional)


def _encodes(character: str, charset: str) -> bool:
    try:
        character.encode(charset)
    except UnicodeEncodeError:
        return False
    return True
