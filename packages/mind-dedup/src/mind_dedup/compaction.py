"""What stays of a batch, laid end to end."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.hashing import Hashes
from mind_dedup.columns import IntArray, LineSpans
from mind_dedup.fingerprints import Fingerprints
from mind_dedup.loops.compaction import join, keep
from mind_dedup.store import RecordBlock, block_of


def compact(
    prints: Fingerprints, stays: npt.NDArray[np.bool_], crowded: npt.NDArray[np.bool_], first: int
) -> tuple[RecordBlock, Hashes, IntArray]:
    """Return the block of the rows that stay, its keys, and the number of each key's record."""
    rows = np.flatnonzero(stays)
    sizes = np.diff(prints.set_ends, prepend=0)
    keys = np.empty(len(prints.keys) + 1, np.uint64)
    records = np.empty(len(prints.keys) + 1, np.int64)
    key_ends, set_ends = np.empty(len(rows), np.uint32), np.empty(len(rows), np.uint32)
    sets = np.empty(int(sizes[rows].sum()), np.uint32)
    count = keep(
        prints.keys, prints.key_ends, prints.sets, prints.set_ends, stays, crowded, first,
        keys, records, key_ends, sets, set_ends,
    )  # fmt: skip
    # A copy, so that the block does not hold the room of keys that went.
    kept = keys[:count].copy()
    if not isinstance(prints.ids, LineSpans):
        return block_of(prints, rows, kept, key_ends, sets, set_ends), kept, records[:count]
    ids, id_ends = joined(prints.ids, rows)
    return RecordBlock(kept, key_ends, sets, set_ends, ids, id_ends), kept, records[:count]


def joined(
    spans: LineSpans, rows: IntArray
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint32]]:
    """Return some rows end to end, and where each ends."""
    begins, ends = spans.begins[rows], spans.ends[rows]
    id_ends = np.cumsum(ends - begins, dtype=np.uint32)
    out = np.empty(int(id_ends[-1]) if len(rows) else 0, np.uint8)
    join(np.frombuffer(spans.data, np.uint8), begins, ends, out)
    return out, id_ends
