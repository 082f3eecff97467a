"""Cut texts where no merge can cross: between two characters that no entry has side by side.

A merge makes an entry, and an entry that reaches over a cut holds the two characters beside it. So
if no entry holds them side by side, nothing is merged over that place, and the segments' ids are
those of the whole text. Between English words this falls before each space; in Chinese, which has
none, wherever two characters never meet in an entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mind_core.kernels.library import kernel
from mind_core.kernels.utf8 import character
from mind_tok.bpe import I32, I64, U8

CODE_POINTS = 0x110000
BITS_A_PAIR = 64
"""So that few pairs share a bit: a shared one makes a segment longer, never an id wrong."""

_FIRST, _SECOND = 0x2545F4914F6CDD1D, 0x1E3779B97F4A7C15


class PairCuts:
    """Hold which characters stand side by side in some entry, and the frozen symbols."""

    def __init__(
        self, entries: Sequence[str], frozen: Sequence[tuple[bytes, int]], symbols_of: I32
    ) -> None:
        """`entries` as they stand in texts; `frozen` are tokens of their own wherever they stand,
        as UTF-8 with their ids: the longest that fits is taken, from left to right. `symbols_of`
        has the id of each code point that is an entry, else -1.
        """
        self.symbols_of = symbols_of
        codes = np.frombuffer("".join(entries).encode("utf-32-le"), "<u4").astype(np.int64)
        letters = np.unique(codes)
        # Characters of entries get small numbers, so that two fit into one hash; 0 is any other
        # one.
        self.numbers = np.zeros(CODE_POINTS, np.int32)
        self.numbers[letters] = np.arange(1, len(letters) + 1)
        meet = np.ones(len(codes), np.bool_)
        # The last character of an entry and the first of the next do not stand side by side.
        meet[np.cumsum([len(entry) for entry in entries], dtype=np.int64) - 1] = False
        pairs = np.unique(codes[meet] << 32 | np.append(codes[1:], 0)[meet])
        first, second = pairs >> 32, pairs & 0xFFFFFFFF
        self.bits = _bits_of_pairs(self.numbers[first], self.numbers[second])
        # Pairs of ASCII exactly, one bit each: most of English, without a hash.
        self.ascii_pairs = np.zeros((0x80, 2), np.int64)
        ascii_only = first | second < 0x80
        np.bitwise_or.at(
            self.ascii_pairs,
            (first[ascii_only], second[ascii_only] >> 6),
            np.int64(1) << (second[ascii_only] & 63),
        )
        # The longest first: `frozen_at` takes the first that fits.
        rows = sorted(frozen, key=lambda item: (-len(item[0]), item[0]))
        self.frozen = np.frombuffer(b"".join(data for data, _ in rows) or b"\0", np.uint8)
        self.frozen_ends = np.cumsum([len(data) for data, _ in rows], dtype=np.int64)
        self.frozen_ids = np.array([i for _, i in rows], np.int32)
        self.may_begin = np.zeros(256, np.bool_)
        self.may_begin[[data[0] for data, _ in rows]] = True

    def __call__(
        self, data: U8, offsets: I64
    ) -> tuple[npt.NDArray[np.int64], I64, npt.NDArray[np.int32]]:
        """Return the ends of segments, how many there are up to each text's end, and for each
        segment its id if it is a frozen symbol or a single character with one, else -1.
        """
        # No segment is empty, so there are no more than bytes.
        segments = np.empty(len(data), np.int64)
        texts = np.empty(len(offsets) - 1, np.int64)
        special = np.empty(len(data), np.int32)
        count = cut_pairs(
            data, offsets, self.numbers, self.bits, self.ascii_pairs, self.frozen, self.frozen_ends,
            self.frozen_ids, self.may_begin, self.symbols_of, segments, texts, special,
        )  # fmt: skip
        return segments[:count], texts, special[:count]


def _bits_of_pairs(first: I32, second: I32) -> npt.NDArray[np.uint8]:
    """Return a table of bits in which the places of all pairs are set."""
    # A power of two, so that `cut_pairs` finds a place with a mask.
    size = 1 << max(16, (BITS_A_PAIR * len(first)).bit_length())
    bits = np.zeros(size >> 3, np.uint8)
    mixed = first.astype(np.int64) * _FIRST + second.astype(np.int64) * _SECOND
    places = (mixed ^ (mixed >> 31)) & (size - 1)
    np.bitwise_or.at(bits, places >> 3, (1 << (places & 7)).astype(np.uint8))
    return bits


@kernel("i8(u1[], i8[], i4[], u1[], i8[,], u1[], i8[], i4[], b1[], i4[], i8[], i8[], i4[])")
def cut_pairs(
    data: U8, offsets: I64, numbers: I32, bits: U8, ascii_pairs: I64, frozen: U8, frozen_ends: I64,
    frozen_ids: I32, may_begin: npt.NDArray[np.bool_], symbols_of: I32, segments: I64, texts: I64,
    special: I32,
) -> int:  # fmt: skip
    """Fill `segments`, `texts` and `special`; return the number of segments."""
    mask = 8 * len(bits) - 1
    count = 0
    for text in range(len(texts)):
        at, end = offsets[text], offsets[text + 1]
        start: Any = at
        before: Any = np.int64(0)
        # The id of the segment if it is one character with an entry, else -1.
        alone: Any = -1
        while at < end:
            code: Any = np.int64(data[at])
            length: Any = 1
            if may_begin[code]:
                # Ahead of all merges, so a frozen symbol ends the segment before it.
                found = frozen_at(data, at, end, frozen, frozen_ends)
                if found >= 0:
                    if at > start:
                        segments[count], special[count] = at, alone
                        count += 1
                    at += frozen_ends[found] - (frozen_ends[found - 1] if found else 0)
                    segments[count], special[count] = at, frozen_ids[found]
                    count += 1
                    start = at
                    continue
            if code >= 0x80:
                code, length = character(data, at)
            if at > start:
                if code | before < 0x80:
                    meet = ascii_pairs[before, code >> 6] >> (code & 63) & 1
                else:
                    first: Any = np.int64(numbers[before])
                    second: Any = np.int64(numbers[code])
                    mixed = first * _FIRST + second * _SECOND
                    place = (mixed ^ (mixed >> 31)) & mask
                    # A Bloom filter with one hash: a false bit joins two segments, and their ids
                    # stay what they are.
                    meet = np.int64(bits[place >> 3]) >> (place & 7) & (first > 0) & (second > 0)
                if not meet:
                    segments[count], special[count] = at, alone
                    count += 1
                    start = at
            # A segment of one character with an entry needs neither cache nor merge.
            alone = symbols_of[code] if at == start else -1
            before = code
            at += length
        if at > start:
            segments[count], special[count] = at, alone
            count += 1
        texts[text] = count
    return count


@kernel
def frozen_at(data: U8, at: int, end: int, frozen: U8, frozen_ends: I64) -> int:
    """Return which frozen symbol stands at a place, the longest first, or -1."""
    start = 0
    # They are few, and `may_begin` keeps nearly all places away: a walk over them is enough.
    for i in range(len(frozen_ends)):
        length = frozen_ends[i] - start
        # A symbol may not reach into the next text.
        if at + length <= end:
            same = 0
            while same < length and data[at + same] == frozen[start + same]:
                same += 1
            if same == length:
                return i
        start = frozen_ends[i]
    return -1
