"""Simplified or traditional: told apart by the characters that only one of them has.

The two national character sets of the 1980s draw the line: a character of GB 2312 that Big5 lacks
is simplified (2,380 of them), one of Big5 that GB 2312 lacks is traditional (8,678). Nothing needs
to be shipped, Python's codecs know both sets.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_ASCII = re.compile("[\0-\x7f]+")
_NOT_ASCII_LETTERS = bytes(code for code in range(128) if not chr(code).isalpha())
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
    latin = letters = len(text.encode("ascii", "ignore").translate(None, _NOT_ASCII_LETTERS))
    if not text.isascii():
        for character, count in Counter(_ASCII.sub("", text)).items():
            if character.isalpha():
                letters += count
                latin += count if character <= _LAST_LATIN else 0
    return "Latn" if 2 * latin > letters else "Zyyy"


def count_variants(text: str) -> tuple[int, int]:
    """Count the simplified and the traditional characters of a text."""
    import numpy as np

    units = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), np.uint16)
    _, simplified, traditional = np.bincount(_kinds()[units], minlength=3).tolist()
    return simplified, traditional


@cache
def _kinds() -> npt.NDArray[np.uint8]:
    """Return for each code unit of UTF-16: 1 if only simplified Chinese has it, 2 traditional."""
    import numpy as np

    kinds = np.zeros(1 << 16, np.uint8)
    for kind, characters in enumerate(variants(), 1):
        kinds[[ord(character) for character in characters]] = kind
    return kinds


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
