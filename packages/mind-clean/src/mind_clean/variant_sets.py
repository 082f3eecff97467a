"""Simplified or traditional: told apart by the characters that only one of them has.

The two national character sets of the 1980s draw the line: a character of GB 2312 that Big5 lacks
is simplified (2,380 of them), one of Big5 that GB 2312 lacks is traditional (8,678). Nothing needs
to be shipped, Python's codecs know both sets.
"""

from __future__ import annotations

from functools import cache

_TRAILS = bytes((*range(0x40, 0x7F), *range(0xA1, 0xFF)))
"""The second bytes of Big5, and with them those of GB 2312."""


@cache
def variant_sets() -> tuple[frozenset[str], frozenset[str]]:
    """Return the characters that only simplified, and only traditional, Chinese has."""
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
