"""What an index holds of a record: half of each key, and its set or a sketch of it."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from mind_core.kernels.hashing import Hashes, finalize
from mind_dedup.loops.sketches import HEAD, MIN_BITS, write_sketches
from mind_dedup.store import RecordBlock, Remote

EXACT, SKETCHED = "exact", "sketched"
SETS = (EXACT, SKETCHED)

_HALF = np.uint64(32)


def shortened(keys: Hashes) -> Hashes:
    """Return keys of which the upper half says all: an index holds no more of them.

    Of a billion keys a fourth is another's by accident, which costs a comparison and no record.
    """
    return _expanded(keys >> _HALF)


def _expanded(upper: Hashes) -> Hashes:
    return (upper << _HALF) | (finalize(upper) >> _HALF)


class ShortKeys(Remote):
    """Keys in a file of which half is there, read as they were shortened."""

    __slots__ = ()

    def __init__(self, file: BinaryIO, offset: int, length: int) -> None:
        super().__init__(file, offset, length, "<u4")

    def __getitem__(self, part: Any) -> Any:
        found = super().__getitem__(part)
        if isinstance(part, int):
            return int(_expanded(np.array([found], np.uint64))[0])
        return _expanded(found.astype(np.uint64))


def for_index(block: RecordBlock, sets: str) -> RecordBlock:
    """Return the block as an index holds it; keys that decide have both of their halves."""
    members = np.asarray(block.sets[:])
    # The second halves of keys that decide: nothing else is compared, so no bit may be lost.
    if members.dtype != np.uint32:
        return block
    keys = block.keys[:]
    short: Any = (np.asarray(keys, np.uint64) >> _HALF).astype(np.uint32)
    if sets == EXACT:
        return block._replace(keys=short)
    ends = np.asarray(block.set_ends[:], np.int64)
    room = len(members) + len(ends) * (HEAD + MIN_BITS // 32)
    out, out_ends = np.empty(room, np.uint32), np.empty(len(ends), np.int64)
    size = write_sketches(members, ends, out, out_ends)
    return block._replace(keys=short, sets=out[:size], set_ends=out_ends.astype(np.uint32))


def goes_back(ends: npt.NDArray[Any]) -> bool:
    """Say whether the ends of rows do not ascend."""
    return bool((ends[1:] < ends[:-1]).any())
