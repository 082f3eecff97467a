"""The tables of all characters, each against a look at every character by itself."""

from __future__ import annotations

import numpy as np

from mind_clean.letters import _SIZE, LetterCounts, _classes, variant_sets


def encoded_by(charset: str) -> set[str]:
    """Return the unified Chinese characters that a character set has, asked one by one."""
    return {c for c in map(chr, range(0x4E00, 0xA000)) if c.encode(charset, "ignore")}


def test_variants_are_what_one_character_set_alone_has() -> None:
    gb, big5 = encoded_by("gb2312"), encoded_by("big5")
    assert variant_sets() == (gb - big5, big5 - gb)


def test_letters_are_those_of_str() -> None:
    table = _classes()
    named = {name: number for number, name in enumerate(LetterCounts._fields)}
    numerals, unassigned = table == named["numerals"], table == named["unassigned_han"]
    alphabetic = (table > 0) & ~numerals & ~unassigned
    everything = list(map(chr, range(_SIZE)))
    assert alphabetic[:-1].tolist() == [c.isalpha() for c in everything]
    alone = [c.isalnum() and not (c.isalpha() or c.isdecimal()) for c in everything]
    assert (numerals | unassigned)[:-1][alone].all()
    assert not numerals[:-1][~np.array(alone)].any()
