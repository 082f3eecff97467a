"""Cut texts as GPT-2's pattern does, after added tokens: no merge reaches over such a cut.

The pattern is that of GPT-2's `encoder.py`:
`'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+`. Added tokens
are found before it, the longest that fits, from left to right.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from mind_core.kernels.library import kernel
from mind_core.kernels.utf8 import character
from mind_tok.bpe import I32, I64, U8
from mind_tok.bpe.tries import Trie, longest_in_trie

OTHER, LETTER, NUMBER, WHITE = 0, 1, 2, 3
_APOSTROPHE, _BLANK = 0x27, 0x20


class Gpt2Cuts:
    """Cut packed texts; `added` are tokens of their own wherever they stand, with their ids."""

    def __init__(self, added: Mapping[bytes, int]) -> None:
        self.trie = Trie(added)
        self.kinds = kinds()

    def __call__(
        self, data: U8, offsets: I64
    ) -> tuple[npt.NDArray[np.int64], I64, npt.NDArray[np.int32]]:
        """Return the ends of segments, how many there are up to each text's end, and for each
        segment its id if it is an added token, else -1.
        """
        # No segment is empty, so there are no more than bytes.
        segments = np.empty(len(data), np.int64)
        texts = np.empty(len(offsets) - 1, np.int64)
        special = np.empty(len(data), np.int32)
        count = cut_gpt2(
            data, offsets, self.kinds, self.trie.keys, self.trie.nodes, self.trie.ids,
            self.trie.may_begin, segments, texts, special,
        )  # fmt: skip
        return segments[:count], texts, special[:count]


@kernel("i8(u1[], i8[], u1[], i8[], i4[], i4[], b1[], i8[], i8[], i4[])")
def cut_gpt2(
    data: U8, offsets: I64, kinds: U8, trie_keys: I64, trie_nodes: I32, trie_ids: I32,
    may_begin: npt.NDArray[np.bool_], segments: I64, texts: I64, special: I32,
) -> int:  # fmt: skip
    """Fill `segments`, `texts` and `special`; return the number of segments."""
    count = 0
    for text in range(len(texts)):
        at, end = offsets[text], offsets[text + 1]
        while at < end:
            # Up to the next added token the pattern sees nothing of what follows.
            stop: Any = at
            found: Any = -1
            length: Any = 0
            # `may_begin` rules out nearly every byte before the trie is asked.
            while stop < end:
                if may_begin[data[stop]]:
                    found, length = longest_in_trie(
                        data, stop, end, trie_keys, trie_nodes, trie_ids
                    )
                    if found >= 0:
                        break
                stop += 1
            while at < stop:
                # Each match has a character at least, as every character is of one of
                # the four kinds.
                at = next_cut(data, at, stop, kinds)
                segments[count], special[count] = at, -1
                count += 1
            if found >= 0:
                at = stop + length
                segments[count], special[count] = at, found
                count += 1
        texts[text] = count
    return count


@kernel
def next_cut(data: U8, at: int, end: int, kinds: U8) -> int:
    """Return where the match of the pattern that begins at a place ends."""
    code, length = character(data, at)
    # The pattern's first alternatives, in small letters only: 'S is no contraction to it.
    if code == _APOSTROPHE:
        contraction = contracted(data, at + 1, end)
        if contraction:
            return at + 1 + contraction
    kind, start = kinds[code], at
    if code == _BLANK and at + 1 < end:
        # ` ?` of the pattern: one blank belongs to the run that follows it, unless that is white
        # space.
        code, length = character(data, at + 1)
        if kinds[code] != WHITE:
            kind, start = kinds[code], at + 1
        else:
            code, length = _BLANK, 1
    at = start + length
    last = start
    while at < end:
        code, length = character(data, at)
        if kinds[code] != kind:
            break
        last = at
        at += length
    # White space before a word gives up its last character, unless it is the only one.
    return last if kind == WHITE and at < end and last > start else at


@kernel
def contracted(data: U8, at: int, end: int) -> int:
    """Return the length of what follows an apostrophe in a contraction, or 0."""
    if at >= end:
        return 0
    first = data[at]
    if first == 0x73 or first == 0x74 or first == 0x6D or first == 0x64:  # 's 't 'm 'd
        return 1
    if at + 1 >= end:
        return 0
    second = data[at + 1]
    if (first == 0x72 or first == 0x76) and second == 0x65:  # 're 've
        return 2
    return 2 if first == 0x6C and second == 0x6C else 0  # 'll


@cache
def kinds() -> npt.NDArray[np.uint8]:
    """Return what each code point is to the pattern, by Unicode 16 as in tokenizers 0.23."""
    # A table of all code points: 1 MB, and one load a character.
    table = np.zeros(0x110000, np.uint8)
    rows = resources.files("mind_tok.bpe").joinpath("unicode16.txt").read_text("ascii")
    for row in rows.splitlines()[1:]:
        first, last, kind = row.split()
        table[int(first) : int(last) + 1] = ".LNS".index(kind)
    return table
