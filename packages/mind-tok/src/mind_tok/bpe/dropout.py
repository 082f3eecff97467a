"""Merge symbols by chance: BPE dropout (Provilkov et al. 2020, algorithm 1).

In each step every merge that is possible is left out with the same probability, and the best of
those that are not is done; a step in which all are left out is the last one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mind_core.kernels.library import kernel
from mind_core.kernels.utf8 import character
from mind_tok.bpe import I32, I64, U8
from mind_tok.bpe.merge_loop import NONE, pair_value

LONGEST = 256
"""Symbols that are merged at once: all pairs are looked at for each merge."""

MODULUS = 0x7FFFFFFF
"""Draws are those of the generator of Park and Miller (1988): 48271 s modulo 2³¹ - 1, which fits
into 64 bits and so is the same in machine code and in Python."""


@kernel("i8(i4[], i8, i8[], i8[,], i8, i8)")
def merge_dropped(symbols: I32, count: int, pairs: I64, merges: I64, below: int, state: int) -> int:
    """Merge the first `count` symbols in place; return `state << 16 | count` as they are then.

    A merge is left out if a draw, 1 to 2³¹ - 2, is up to `below`.
    """
    for i in range(count - 1):
        pairs[i] = pair_value(symbols[i], symbols[i + 1], merges)
    while count > 1:
        best, at = NONE, 0
        for i in range(count - 1):
            if pairs[i] != NONE:
                state = state * 48271 % MODULUS
                # Ranks stand above the symbol; lower, not equal, so that the leftmost
                # of equal ones stays.
                if state > below and pairs[i] >> 32 < best >> 32:
                    best, at = pairs[i], i
        if best == NONE:
            break
        symbols[at] = best & 0x7FFFFFFF
        count -= 1
        # As in `merge_short`: all behind the merged symbol moves up by one.
        for i in range(at + 1, count):
            symbols[i] = symbols[i + 1]
        for i in range(at + 1, count - 1):
            pairs[i] = pairs[i + 1]
        if at > 0:
            pairs[at - 1] = pair_value(symbols[at - 1], symbols[at], merges)
        if at + 1 < count:
            pairs[at] = pair_value(symbols[at], symbols[at + 1], merges)
    # Both in one number: a state has 31 bits, and a count is at most `LONGEST`.
    return state << 16 | count


@kernel("void(u1[], i8[], i8[], i4[], i8, i4[], i4[], i8[,], i8, i8[], i4[], i8[])")
def encode_dropped(
    data: U8, segments: I64, texts: I64, special: I32, end_id: int, symbols_of: I32,
    byte_ids: I32, merges: I64, below: int, states: I64, out: I32, ends: I64,
) -> None:  # fmt: skip
    """Encode as `encode_segments` does, by chance; `states` are the texts' seeds, (texts,)."""
    room, pairs = np.empty(LONGEST, np.int32), np.empty(LONGEST, np.int64)
    bytewise = len(symbols_of) == 256
    filled: Any = 0
    at: Any = 0
    segment = 0
    for text in range(len(texts)):
        # A seed for each text: what becomes of it does not depend on those beside it in a batch.
        state: Any = states[text]
        while segment < texts[text]:
            end = segments[segment]
            if special[segment] >= 0:
                out[filled] = special[segment]
                filled += 1
                at = end
            while at < end:
                count: Any = 0
                # What is longer is merged a stretch at a time, and nothing over the
                # ends of stretches.
                while at < end and count < LONGEST:
                    symbol: Any = symbols_of[data[at]] if bytewise else -1
                    length: Any = 1
                    if not bytewise:
                        code, length = character(data, at)
                        symbol = symbols_of[code]
                    # Such a character is a segment of its own (`cut_pairs`): nothing of
                    # this one is lost.
                    if symbol < 0:
                        break
                    room[count] = symbol
                    count += 1
                    at += length
                if count == 0:  # a character without an entry is written in bytes
                    for i in range(at, end):
                        out[filled] = byte_ids[data[i]]
                        filled += 1
                    at = end
                else:
                    packed: Any = merge_dropped(room, count, pairs, merges, below, state)
                    state = packed >> 16
                    for i in range(packed & 0xFFFF):
                        out[filled] = room[i]
                        filled += 1
            segment += 1
        if end_id >= 0:
            out[filled] = end_id
            filled += 1
        ends[text] = filled
