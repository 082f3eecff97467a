"""The letters of a text by script, counted once for all components that need them in a row."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from mind_core.text.scripts import HAN_RANGES, HANGUL_RANGES, KANA_RANGES, LATIN_END

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_SIZE = 0x32400
"""One past the last code point that Unicode gives a letter."""


class LetterCounts(NamedTuple):
    """Hold how many characters of each kind a text has; the field's place is its class."""

    none: int
    others: int
    latin: int
    han: int
    """Chinese characters that simplified and traditional text share, or that neither set has."""
    simplified: int
    traditional: int
    kana: int
    hangul: int
    numerals: int
    """Letters by `str.isalnum` alone: ½, Ⅷ."""
    unassigned_han: int

    @property
    def chinese(self) -> int:
        """Return the Chinese characters, as `mind_core.text.scripts.count_han` counts them."""
        return self.han + self.simplified + self.traditional + self.unassigned_han

    @property
    def all(self) -> int:
        """Return the letters, as `mind_core.text.languages.language_of_text` counts them."""
        return self.alphabetic + self.numerals

    @property
    def alphabetic(self) -> int:
        """Return the characters that `str.isalpha` knows."""
        return sum(self[1:8])


# Of the last text alone: the steps of a recipe ask about one record after another.
@lru_cache(1)
def count_letters(text: str) -> LetterCounts:
    """Count the letters of a text."""
    from mind_clean.character_counts import count_classes

    return LetterCounts(*count_classes(text, _classes(), len(LetterCounts._fields)).tolist())


@cache
def _classes() -> npt.NDArray[np.uint8]:
    """Return the class of each code point below `_SIZE`, and a last row for all others."""
    import numpy as np

    everything = np.arange(_SIZE, dtype=np.uint32).view("U1")
    alphabetic = np.char.isalpha(everything)
    # Before the letters, which are alphanumeric too and take their own class below.
    numerals = np.char.isalnum(everything) & ~np.char.isdecimal(everything)
    place = {name: number for number, name in enumerate(LetterCounts._fields)}
    classes = np.zeros(_SIZE + 1, np.uint8)
    classes[:_SIZE][numerals] = place["numerals"]
    classes[:_SIZE][alphabetic] = place["others"]
    latin = classes[:LATIN_END]
    latin[alphabetic[:LATIN_END]] = place["latin"]
    for ranges, name in ((KANA_RANGES, "kana"), (HANGUL_RANGES, "hangul"), (HAN_RANGES, "han")):
        for first, last in ranges:
            part = classes[first : last + 1]
            part[alphabetic[first : last + 1]] = place[name]
    for first, last in HAN_RANGES:
        part = classes[first : last + 1]
        # Code points of the ranges that are no letters to this Python's Unicode, but Han by range.
        part[part == 0] = place["unassigned_han"]
    for characters, name in zip(variant_sets(), ("simplified", "traditional"), strict=True):
        classes[[ord(character) for character in characters]] = place[name]
    return classes


_TRAILS = bytes((*range(0x40, 0x7F), *range(0xA1, 0xFF)))
"""The second bytes of Big5, and with them those of GB 2312."""


@cache
def variant_sets() -> tuple[frozenset[str], frozenset[str]]:
    """Return the characters that only simplified, and only traditional, Chinese has.

    The two national character sets of the 1980s draw the line: a character of GB 2312 that Big5
    lacks is simplified (2,380 of them), one of Big5 that GB 2312 lacks is traditional (8,678).
    Nothing needs to be shipped, Python's codecs know both sets.
    """
    gb, big5 = _characters("gb2312"), _characters("big5")
    return _unified(gb - big5), _unified(big5 - gb)


def _characters(charset: str) -> set[str]:
    """Return the characters of a set, by decoding all pairs of bytes at once."""
    count = len(_TRAILS)
    row = bytearray(3 * count)
    row[1::3] = _TRAILS
    row[2::3] = b"\n" * count  # keeps a pair that means nothing from taking the next one along
    rows = []
    for lead in range(0x81, 0xFF):
        row[::3] = bytes([lead]) * count
        rows.append(row.decode(charset, "ignore"))
    return set().union(*rows)


def _unified(characters: set[str]) -> frozenset[str]:
    return frozenset(character for character in characters if "\u4e00" <= character <= "\u9fff")
