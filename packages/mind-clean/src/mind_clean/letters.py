"""The letters of a text by script, counted once for all components that ask in a row."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from mind_core.text.scripts import HAN_RANGES, HANGUL_RANGES, KANA_RANGES, LATIN_END

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_SIZE = 0x32400
"""One past the last code point that Unicode gives a letter."""


class Letters(NamedTuple):
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
    figures: int
    """Letters by `str.isalnum` alone: ½, Ⅷ."""
    unassigned_han: int

    @property
    def chinese(self) -> int:
        """Return the Chinese characters, as `mind_core.text.scripts.count_han` counts them."""
        return self.han + self.simplified + self.traditional + self.unassigned_han

    @property
    def all(self) -> int:
        """Return the letters, as `mind_core.text.languages.language_of_text` counts them."""
        return self.alphabetic + self.figures

    @property
    def alphabetic(self) -> int:
        """Return the characters that `str.isalpha` knows."""
        return sum(self[1:8])


@lru_cache(1)
def letters_of(text: str) -> Letters:
    """Count the letters of a text."""
    from mind_clean.character_counts import count_classes

    return Letters(*count_classes(text, _classes(), len(Letters._fields)).tolist())


@cache
def _classes() -> npt.NDArray[np.uint8]:
    """Return the class of each code point below `_SIZE`, and a last row for all others."""
    import numpy as np

    from mind_clean.variant_sets import variant_sets

    everything = np.arange(_SIZE, dtype=np.uint32).view("U1")
    alphabetic = np.char.isalpha(everything)
    figures = np.char.isalnum(everything) & ~np.char.isdecimal(everything)
    place = {name: number for number, name in enumerate(Letters._fields)}
    classes = np.zeros(_SIZE + 1, np.uint8)
    classes[:_SIZE][figures] = place["figures"]
    classes[:_SIZE][alphabetic] = place["others"]
    latin = classes[:LATIN_END]
    latin[alphabetic[:LATIN_END]] = place["latin"]
    for ranges, name in ((KANA_RANGES, "kana"), (HANGUL_RANGES, "hangul"), (HAN_RANGES, "han")):
        for first, last in ranges:
            part = classes[first : last + 1]
            part[alphabetic[first : last + 1]] = place[name]
    for first, last in HAN_RANGES:
        part = classes[first : last + 1]
        part[part == 0] = place["unassigned_han"]
    for characters, name in zip(variant_sets(), ("simplified", "traditional"), strict=True):
        classes[[ord(character) for character in characters]] = place[name]
    return classes
