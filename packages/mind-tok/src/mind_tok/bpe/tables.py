"""The tables of an encoder: which two symbols merge, into what, and in which order."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from mind_tok.bpe.merging import I32, I64, MIX, ROW, U8, encode_segments

SLOTS = 1 << 15
"""Slots of the cache, two places each: 4 MiB, so that it stays in the processor's own cache."""


class Merges:
    """Encode segments with one table of merges, through a bounded cache.

    A merge is (left symbol, right symbol, rank, merged symbol); symbols are ids.
    """

    def __init__(
        self,
        merges: Iterable[tuple[int, int, int, int]],
        symbols_of: npt.NDArray[np.int32],
        byte_ids: npt.NDArray[np.int32],
        slots: int = SLOTS,
    ) -> None:
        rows = np.array(list(merges), np.int64).reshape(-1, 4)
        self.keys, self.values = _hashed(
            rows[:, 0] << 32 | rows[:, 1], rows[:, 2] << 32 | rows[:, 3]
        )
        self.symbols_of = symbols_of
        self.byte_ids = byte_ids
        self._cached = np.zeros((2 * slots, ROW), np.int64)

    def __call__(
        self, data: U8, segments: I64, texts: I64, special: I32, end_id: int = -1
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Return all ids, and where each text's end; `end_id` follows each text if it is given."""
        out = np.empty(len(data) + len(texts) + 2, np.int32)
        ends = encode_segments(
            data, segments, texts, special, end_id, self.symbols_of, self.byte_ids, self.keys,
            self.values, self._cached, out,
        )  # fmt: skip
        return out[: ends[-1] if len(ends) else 0], ends


def _hashed(
    keys: npt.NDArray[np.int64], values: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return an open-addressed table, at most half full; of equal keys the first stays."""
    size = 1 << max(4, (2 * len(keys)).bit_length())
    table_keys, table_values = np.full(size, -1, np.int64), np.zeros(size, np.int64)
    _, first = np.unique(keys, return_index=True)
    left = np.sort(first)
    mixed = keys * MIX
    places = (mixed ^ (mixed >> 29)) & (size - 1)
    while len(left):
        # One round of linear probing for all that have no place yet.
        free = left[table_keys[places[left]] == -1]
        _, winners = np.unique(places[free], return_index=True)
        settled = free[winners]
        table_keys[places[settled]] = keys[settled]
        table_values[places[settled]] = values[settled]
        left = np.setdiff1d(left, settled, assume_unique=True)
        places[left] = (places[left] + 1) & (size - 1)
    return table_keys, table_values
