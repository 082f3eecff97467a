"""What a character is worth in a shingle: nothing, a part of a word, or a token of its own.

A character is folded by its own NFKC form and case folding where that is one character again: full
width to plain, compatibility ideographs to unified ones, capitals to small letters. The tables hold
the answer for every character, so that a text is folded by looking up an array.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mind_core.kernels.hashing import Hashes, finalize
from mind_dedup.loops.facts import COUNTER, NUMERAL, ORDINAL, UNIT

SEPARATOR, PART_OF_WORD, TOKEN, INVISIBLE = 0, 1, 2, 4
"""Invisible are format characters (Cf: soft hyphens, U+200B …), as if they were not there."""

OPERATORS = "+-*/=<>^%!&|~"
"""What counts of ASCII in mathematics and code, beside the mathematical symbols (Sm)."""

TABLE_SIZE = 0x40000
"""Characters from here on are private use and marks without a shape: separators, all of them."""

_BLOCK = 0x80
_BLOCKS = (
    *range(0, 0xD800, _BLOCK),
    *range(0xF900, 0x20000, _BLOCK),
    *range(0x2F800, 0x2FA80, _BLOCK),
)
"""Where characters are that fold or compose; whole blocks of plain letters are seen at once."""

_JOINING = (range(0x1160, 0x1200), range(0x16D63, 0x16D6B))
"""Hangul vowels and finals, Kirat Rai: letters that join with the one before."""

_IDEOGRAPHS = range(0x20000, 0x323B0)

# Written without spaces between words, so that a run of letters would be a whole sentence.
_WITHOUT_SPACES = (
    range(0x0E00, 0x1000),  # Thai, Lao, Tibetan
    range(0x1000, 0x10A0),  # Myanmar
    range(0x1780, 0x1800),  # Khmer
    range(0x3005, 0x3008),  # 々〆〇
    range(0x3021, 0x302A),  # Hangzhou numerals
    range(0x3040, 0x3100),  # kana
    range(0x3100, 0x3130),  # bopomofo
    range(0x31A0, 0x31C0),
    range(0x31F0, 0x3200),
    range(0x3400, 0x4DC0),  # CJK extension A
    range(0x4E00, 0xA000),  # CJK unified ideographs
    range(0xF900, 0xFB00),
    range(0x1B000, 0x1B170),  # kana supplement
)

Bytes = npt.NDArray[np.uint8]


class Tables(NamedTuple):
    """Hold the kind and the hash value of every character below `TABLE_SIZE`."""

    kinds: Bytes  # (TABLE_SIZE,)
    values: Hashes  # (TABLE_SIZE,), 0 for separators
    symbols: Hashes  # (TABLE_SIZE,), hash values of symbols, 0 for other characters
    marks: Bytes  # (TABLE_SIZE,), what a Chinese character is in a number


@cache
def tables() -> Tables:
    """Build the tables once a process; takes two hundredths of a second."""
    kinds, folded, _ = _characters()
    # A copy, as `_characters` keeps what it returned.
    kinds = kinds.copy()
    kinds[_IDEOGRAPHS.start : _IDEOGRAPHS.stop] = TOKEN
    for span in _WITHOUT_SPACES:
        part = kinds[span.start : span.stop]
        part[part == PART_OF_WORD] = TOKEN
    # A half-width kana and its full-width twin are one character, so they are of one kind.
    kinds[folded != np.arange(TABLE_SIZE)] = kinds[folded[folded != np.arange(TABLE_SIZE)]]
    # + 1, so that no character has the value 0, which is a separator's.
    values = finalize(folded + np.uint64(1))
    values[(kinds == SEPARATOR) | (kinds == INVISIBLE)] = 0
    return Tables(kinds, values, _symbols(), _marks())


_NUMERALS = "零〇一二三四五六七八九十百千万亿萬億两兩廿卅壹贰叁肆伍陆柒捌玖拾佰仟貳參陸"
_UNITS = "年月日天周週元圆圓倍条條款项項章编編节節目岁歲名人次个個分之以小时時点點卷期届屆号號"
_COUNTERS = "个個次人天名点點分时時以之"
"""Behind a single 一 these make no number: 一个, 一次, 一天."""


def _marks() -> Bytes:
    """Return what a Chinese character is in a number."""
    found = np.zeros(TABLE_SIZE, np.uint8)
    for characters, mark in (
        (_NUMERALS, NUMERAL), (_UNITS, UNIT), ("第之", ORDINAL), (_COUNTERS, COUNTER),
    ):  # fmt: skip
        for character in characters:
            found[ord(character)] |= mark
    return found


def _symbols() -> Hashes:
    """Return the hash values of symbols, each folded to its plain form."""
    found = np.zeros(TABLE_SIZE, np.uint64)
    # Where symbols are: to ask of every character would take several times as long.
    for begin, end in ((0x20, 0x2C00), (0xFE00, 0x10000), (0x1D400, 0x1F000)):
        for code in range(begin, end):
            # The true minus sign and the hyphen are one operator.
            folded = unicodedata.normalize("NFKC", chr(code)).replace("\u2212", "-")
            is_symbol = folded in OPERATORS if len(folded) == 1 else False
            if is_symbol or (len(folded) == 1 and unicodedata.category(folded) == "Sm"):
                found[code] = ord(folded) + 1
    return np.where(found > 0, finalize(found), np.uint64(0))


@cache
def composing() -> Bytes:
    """Return 2 for each character that a text in composed form may not have: (TABLE_SIZE,).

    A text without any of them is in composed form (NFC). They are those that composing changes and
    those that may join with the one before: marks, vowels and finals of Hangul, and a few letters.
    """
    found = _characters()[2].copy()
    for span in _JOINING:
        found[span.start : span.stop] = 2
    return found


@cache
def _characters() -> tuple[Bytes, Hashes, Bytes]:
    """Return what unicodedata says: which are parts of words, as what, and which may compose."""
    kinds, composing = np.zeros(TABLE_SIZE, np.uint8), np.zeros(TABLE_SIZE, np.uint8)
    folded = np.arange(TABLE_SIZE, dtype=np.uint64)
    category, normalize = unicodedata.category, unicodedata.normalize
    is_normalized = unicodedata.is_normalized
    for begin in _BLOCKS:
        block = "".join(map(chr, range(begin, begin + _BLOCK)))
        # What holds for a whole block need not be asked for each of its characters.
        plain = is_normalized("NFKC", block) and block.casefold() == block
        if plain and block.isalnum():
            kinds[begin : begin + _BLOCK] = PART_OF_WORD
            continue
        if not is_normalized("NFC", block):
            for code, character in enumerate(block, begin):
                composing[code] = 2 * (normalize("NFC", character) != character)
        for code, (character, kind) in enumerate(
            zip(block, map(category, block), strict=True), begin
        ):
            if kind[0] == "M":
                composing[code] = 2
            if kind == "Cf":
                kinds[code] = INVISIBLE
            elif kind in ("Mn", "Mc") or character.isalnum():
                kinds[code] = PART_OF_WORD
                fold = character if plain else normalize("NFKC", character).casefold()
                # A ligature (ﬁ) folds to several characters, and stays what it is.
                if len(fold) == 1:
                    folded[code] = ord(fold)
    return kinds, folded, composing


def nfc(text: str) -> str:
    """Return the text in composed form (NFC), so that é is one character however it was typed."""
    # Most texts are: to look is much quicker than to make a copy, and the caller sees by `is` that
    # nothing changed.
    if text.isascii() or unicodedata.is_normalized("NFC", text):
        return text
    return unicodedata.normalize("NFC", text)
