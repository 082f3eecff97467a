"""What stays of a batch, laid end to end."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.hashing import Hashes
from mind_core.kernels.library import kernel

IntArray = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.uint32]
Flags = npt.NDArray[np.bool_]

_ONE = np.uint64(1)


@kernel("i8(u8[], i8[], u4[], i8[], b1[], b1[], i8, u8[], i8[], u4[], u4[], u4[])")
def keep(
    keys: Hashes,
    key_ends: IntArray,
    sets: Counts,
    set_ends: IntArray,
    stays: Flags,
    crowded: Flags,
    first: int,
    kept_keys: Hashes,
    records: IntArray,
    kept_key_ends: Counts,
    kept_sets: Counts,
    kept_set_ends: Counts,
) -> int:
    """Copy the keys and sets of rows that stay, without crowded keys; return how many keys.

    `records` gets the number of each key's record; the first row that stays is number `first`.
    """
    count, size, row = np.uint64(0), np.uint64(0), np.uint64(0)
    key, member = np.uint64(0), np.uint64(0)
    for place in range(np.uint64(len(stays))):
        key_end, set_end = np.uint64(key_ends[place]), np.uint64(set_ends[place])
        if stays[place]:
            for at in range(key, key_end):
                kept_keys[count] = keys[at]
                records[count] = np.int64(row) + first
                # A crowded key is written over by the next one: it is left out without a branch.
                count += np.uint64(crowded[at] ^ True)
            for at in range(member, set_end):
                # `member` is where this row's set begins, `size` what is kept of the rows before.
                kept_sets[size + at - member] = sets[at]
            size += set_end - member
            kept_key_ends[row] = count
            kept_set_ends[row] = size
            row += _ONE
        # Where the next row begins, whether this one stays or not.
        key, member = key_end, set_end
    return int(count)


@kernel("i8(u1[], i8[], i8[], u1[])")
def join(data: Bytes, begins: IntArray, ends: IntArray, out: Bytes) -> int:
    """Copy pieces of the data end to end; return their size."""
    size = np.uint64(0)
    for row in range(np.uint64(len(begins))):
        for at in range(np.uint64(begins[row]), np.uint64(ends[row])):
            out[size] = data[at]
            size += _ONE
    return int(size)
