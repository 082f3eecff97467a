"""The tables of an encoder: which two symbols merge, into what, and in which order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.library import kernel
from mind_tok.bpe import I32, I64, U8
from mind_tok.bpe.dropout import MODULUS, encode_dropped
from mind_tok.bpe.merge_loop import encode_segments
from mind_tok.bpe.word_cache import LONG_WORDS, MAX_SHORT_IDS, MIX, SHORT_WORDS

SHORT_LINES = 1 << 16
LONG_PLACES = 1 << 14
"""4 MiB and 1 MiB. Twice as much was no quicker: what is met again is met soon."""

LINE = 64
"""Bytes."""


class Merges:
    """Encode segments with one table of merges, through a bounded cache.

    `merges`, (n, 4), are (left symbol, right symbol, rank, merged symbol); symbols are ids.
    """

    def __init__(
        self,
        merges: I64,
        symbols_of: npt.NDArray[np.int32],
        byte_ids: npt.NDArray[np.int32],
    ) -> None:
        # Ids and ranks have 31 bits: two fit into a key, two into a value, and one load finds both.
        self.merges = hashed(merges[:, 0] << 32 | merges[:, 1], merges[:, 2] << 32 | merges[:, 3])
        self.symbols_of = symbols_of
        self.byte_ids = byte_ids
        # Aligned to the processor's lines: a place that straddles two would cost two loads.
        self._short = _in_lines(SHORT_LINES, SHORT_WORDS)
        self._long = _in_lines(LONG_PLACES, LONG_WORDS)

    def __call__(
        self, data: U8, segments: I64, texts: I64, special: I32, end_id: int = -1
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Return all ids, and where each text's end; `end_id` follows each text if it is given."""
        # No text has more ids than bytes, and an end; the cache writes a few in advance.
        out = np.empty(len(data) + len(texts) + MAX_SHORT_IDS, np.int32)
        ends = np.empty(len(texts), np.int64)
        encode_segments(
            data, segments, texts, special, end_id, self.symbols_of, self.byte_ids, self.merges,
            self._short, self._long, out, ends,
        )  # fmt: skip
        return out[: ends[-1] if len(ends) else 0], ends

    def dropped(
        self, data: U8, segments: I64, texts: I64, special: I32, end_id: int, share: float,
        seeds: I64,
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:  # fmt: skip
        """Return ids as a call does, each merge left out with probability `share`.

        `seeds`, (texts,), are from 1 to 2³¹ - 2.
        """
        # Without a cache, so with no room for what one writes in advance.
        out = np.empty(len(data) + len(texts), np.int32)
        ends = np.empty(len(texts), np.int64)
        # Draws lie evenly from 1 to MODULUS - 1: such a share of them is up to the bound.
        encode_dropped(
            data, segments, texts, special, end_id, self.symbols_of, self.byte_ids, self.merges,
            int(share * MODULUS), seeds, out, ends,
        )  # fmt: skip
        return out[: ends[-1] if len(ends) else 0], ends


def _in_lines(rows: int, words: int) -> npt.NDArray[np.int64]:
    """Return zeros, (rows, words), that begin where a line of the processor's cache begins."""
    room = np.zeros(rows * words + LINE // 8, np.int64)
    # Words from the array's address to the next line.
    first = -room.__array_interface__["data"][0] % LINE // 8
    return room[first : first + rows * words].reshape(rows, words)


def hashed(keys: npt.NDArray[np.int64], values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return an open-addressed table of (key, value), at most half full; -1 is no key.

    Of equal keys the first stays.
    """
    size = 1 << max(4, (2 * len(keys)).bit_length())
    table = np.full((size, 2), -1, np.int64)
    fill_table(keys, values, table)
    return table


@kernel("void(i8[], i8[], i8[,])")
def fill_table(keys: I64, values: I64, table: I64) -> None:
    """Put keys and values into the table."""
    mask = len(table) - 1
    for i in range(len(keys)):
        mixed = keys[i] * MIX
        at = (mixed ^ (mixed >> 29)) & mask
        # The first of equal keys stays: with several splits of one entry the lower rank comes
        # first.
        while table[at, 0] != -1 and table[at, 0] != keys[i]:
            at = (at + 1) & mask
        if table[at, 0] == -1:
            table[at, 0], table[at, 1] = keys[i], values[i]
