"""Find how entries are put together: each from two others, wherever both halves are entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mind_core.kernels.library import kernel
from mind_tok.bpe import I32, I64, U8

_PRIME = 0x100000001B3
"""Of FNV-1a, for 64 bits."""


def splits(entries: Sequence[bytes]) -> npt.NDArray[np.int64]:
    """Return (left, right, whole) for each split of an entry, UTF-8, into two entries, (n, 3)."""
    data = np.frombuffer(b"".join(entries) or b"\0", np.uint8)
    offsets = np.zeros(len(entries) + 1, np.int64)
    np.cumsum([len(entry) for entry in entries], out=offsets[1:])
    table = np.full(1 << (2 * len(entries)).bit_length(), -1, np.int32)
    # An entry of n bytes has n - 1 cuts, so there are fewer splits than bytes.
    rows = np.empty((len(data), 3), np.int64)
    return rows[: find_splits(data, offsets, table, rows)]


@kernel("i8(u1[], i8[], i4[], i8[,])")
def find_splits(data: U8, offsets: I64, table: I32, rows: I64) -> int:
    """Fill an empty table with all entries, then `rows`; return their number."""
    for entry in range(len(offsets) - 1):
        place = place_of(data, offsets[entry], offsets[entry + 1], offsets, table)
        # Of equal entries the first stays.
        if table[place] < 0:
            table[place] = entry
    count = 0
    for entry in range(len(offsets) - 1):
        start, end = offsets[entry], offsets[entry + 1]
        # Cuts inside a character find nothing, as no entry ends there: UTF-8 synchronises itself.
        for cut in range(start + 1, end):
            left = table[place_of(data, start, cut, offsets, table)]
            # The left half first: most cuts leave none, and the right one is not looked for.
            if left >= 0:
                right = table[place_of(data, cut, end, offsets, table)]
                if right >= 0:
                    rows[count, 0], rows[count, 1], rows[count, 2] = left, right, entry
                    count += 1
    return count


@kernel
def place_of(data: U8, start: int, end: int, offsets: I64, table: I32) -> int:
    """Return the place in the table where these bytes are, or would be put."""
    # FNV-1a, begun with the length.
    mixed = np.int64(end - start)
    for i in range(start, end):
        mixed = (mixed ^ np.int64(data[i])) * _PRIME
    mask = len(table) - 1
    place: Any = (mixed ^ (mixed >> 32)) & mask
    # At most half of the places are taken (`splits`): an empty one ends the search.
    while table[place] >= 0:
        first = offsets[table[place]]
        if offsets[table[place] + 1] - first == end - start:
            same = 0
            while start + same < end and data[first + same] == data[start + same]:
                same += 1
            if start + same == end:
                break
        place = (place + 1) & mask
    return place  # type: ignore[no-any-return]
