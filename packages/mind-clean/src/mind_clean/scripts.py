"""Simplified or traditional: told apart by the characters that only one of them has.

The two national character sets of the 1980s draw the line: a character of GB 2312 that Big5 lacks
is simplified (2,380 of them), one of Big5 that GB 2312 lacks is traditional (8,678). Nothing needs
to be shipped, Python's codecs know both sets.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

_LAST_LATIN = "\u024f"
"""The end of Latin Extended-B; Latin comes first in Unicode."""


def script_of(text: str, language: str) -> str:
    """Return the ISO 15924 code of a text's script.

    Chinese is Hans or Hant by majority, Hani if its characters belong to both; other text is Latn
    if most letters are Latin, else Zyyy.
    """
    if language == "zh":
        simplified, traditional = count_variants(text)
        if simplified == traditional:
            return "Hani"
        return "Hans" if simplified > traditional else "Hant"
    letters = latin = 0
    for character, count in Counter(text).items():
        if character.isalpha():
            letters += count
            latin += count if character <= _LAST_LATIN else 0
    return "Latn" if 2 * latin > letters else "Zyyy"


def count_variants(text: str) -> tuple[int, int]:
    """Count the simplified and the traditional characters of a text."""
    in_simplified, in_traditional = variants()
    simplified = traditional = 0
    for character, count in Counter(text).items():
        if character in in_simplified:
            simplified += count
        elif character in in_traditional:
            traditional += count
    return simplified, traditional


@cache
def variants() -> tuple[frozenset[str], frozenset[str]]:
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
