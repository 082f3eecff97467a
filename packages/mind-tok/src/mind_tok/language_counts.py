"""Tell the languages of many texts at once: `language_of_text` of mind-core as a loop."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import numpy.typing as npt

from mind_core.kernels.library import kernel
from mind_core.kernels.utf8 import character
from mind_core.text.languages import HAN_SHARE_OF_CHINESE
from mind_core.text.scripts import HAN
from mind_tok.bpe import I64, U8

_LETTER, _HAN = 1, 2
_CODE_POINTS = 0x110000
_LETTERS_END = 0x34000
"""No letter is beyond; looking at all code points would take five times as long."""

_LANGUAGES = ("und", "en", "zh")


def languages_of(data: U8, offsets: I64) -> list[str]:
    """Return the language of each packed text: "zh", "en", or "und" without letters."""
    counts = np.zeros((len(offsets) - 1, 2), np.int64)
    count_scripts(data, offsets, _kinds(), counts)
    letters, han = counts.T
    chinese = (han > 0) & (han >= HAN_SHARE_OF_CHINESE * letters)
    codes = np.where(chinese, 2, np.where(letters > 0, 1, 0))
    return [_LANGUAGES[code] for code in codes]


@kernel("void(u1[], i8[], u1[], i8[,])")
def count_scripts(data: U8, offsets: I64, kinds: U8, counts: I64) -> None:
    """Count letters and Han characters of each text into `counts`, (texts, 2)."""
    for text in range(len(offsets) - 1):
        at, end = offsets[text], offsets[text + 1]
        letters = han = 0
        while at < end:
            first = np.int64(data[at])
            if first < 0x80:
                letters += kinds[first]
                at += 1
            # Three bytes are nearly all Chinese; decoded in place, which saves a call for each
            # character.
            elif first & 0xF0 == 0xE0:
                code = (
                    (first & 0x0F) << 12
                    | (np.int64(data[at + 1]) & 0x3F) << 6
                    | (np.int64(data[at + 2]) & 0x3F)
                )
                letters += kinds[code] & _LETTER
                han += kinds[code] >> 1
                at += 3
            else:
                wide, length = character(data, at)
                letters += kinds[wide] & _LETTER
                han += kinds[wide] >> 1
                at += length
        counts[text, 0], counts[text, 1] = letters, han


@cache
def _kinds() -> npt.NDArray[np.uint8]:
    """Return what each code point is, from the same patterns as `language_of_text`."""
    # Made with the very patterns that are to be matched, so that both can never disagree.
    every = "".join(map(chr, range(_LETTERS_END)))
    kinds = np.zeros(_CODE_POINTS, np.uint8)
    for pattern, bit in ((r"[^\W\d_]+", _LETTER), (f"[{HAN}]+", _HAN)):
        for run in re.finditer(pattern, every):
            kinds[run.start() : run.end()] |= bit
    return kinds
