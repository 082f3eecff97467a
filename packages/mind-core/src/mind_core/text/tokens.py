"""Tokens by which texts are compared: one Chinese or Japanese character, or one word.

A run of 13 tokens is 13 characters of Chinese and 13 words of English, and a mixed text needs no
language. Texts are folded first: NFKC, then `str.casefold` where it gives one character, so that
case, width, ligatures and composed letters do not count; nor does what stands between tokens. This
is the definition of both contamination checks (`mind-clean`, `mind-eval`).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from mind_core.text.scripts import Ranges, character_class

SINGLE_RANGES: Ranges = (
    (0x3005, 0x3007), (0x3041, 0x30FA), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x10FFFF),
)  # fmt: skip
"""Characters that are a token each: Han with 々 and 〇, kana."""

WORD_RANGES: Ranges = (
    (0x30, 0x39), (0x61, 0x7A), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x1FFF), (0x2C00, 0x2FFF),
    (0x3040, 0x3040), (0x30FC, 0x33FF), (0xA000, 0xD7FF), (0xFB00, 0xFE0F),
)  # fmt: skip
"""Characters that runs of make a word, by block, after folding: letters and digits of other
scripts."""

_TOKEN = re.compile(f"[{character_class(SINGLE_RANGES)}]|[{character_class(WORD_RANGES)}]+")
_FOLDS = re.compile(
    "[\u00a8-\u1fff\u2017\u203e\u2060-\u2fff\u3036\u3038-\u303a\u3099-\u309f\u30ff-\u33ff"
    "\ua640-\uabff\uf900-\uff00\uff66-\uffff\U00010000-\U0001ffff\U0002f800-\U0002fa1f]"
)
"""Holds every character that folding changes into another token; ASCII and its wide forms aside.
It may hold others: then a text is folded that would not have changed."""


def fold(text: str) -> str:
    """Return a text in NFKC with every letter in its folded case, where that is one character."""
    normal = unicodedata.normalize("NFKC", text)
    # The same as folding each letter, many times as fast.
    if normal.isascii():
        return normal.lower()
    # Once more: folding the case of a letter can leave one that NFKC composes (Unicode, D147).
    return unicodedata.normalize("NFKC", "".join(map(_folded, normal)))


def fold_rare(text: str) -> str:
    """Return the text folded, or as it is where only ASCII letters and their wide forms would be.

    For a loop that folds those itself, over texts of which few hold anything else.
    """
    return fold(text) if _FOLDS.search(text) else text


def tokens(text: str) -> list[str]:
    """Cut a text into its tokens, folded."""
    return _TOKEN.findall(fold(text))


# Text has few different characters, and each comes again and again.
@lru_cache(1 << 14)
def _folded(character: str) -> str:
    folded = character.casefold()
    return folded if len(folded) == 1 else character
