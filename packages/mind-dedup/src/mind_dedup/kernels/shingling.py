"""UTF-8 to sorted sets of shingles with the compiled loops."""

from __future__ import annotations

import numpy as np

from mind_core.kernels.packed import Packed
from mind_dedup.fold import Hashes, tables
from mind_dedup.kernels.library import LOOPS
from mind_dedup.shingles import BLOCK, PLACES, POWERS, ShingleSets

_MOST_BUCKETS = 1 << 16

_fill = LOOPS.function("shingles.fill")


def shingle_sets(packed: Packed, whole: Hashes) -> ShingleSets:
    """Return the shingle sets of texts in composed form; `whole` are the hashes of the texts.

    A text without any token has the upper half of its own hash for its set.
    """
    kinds, values = tables()
    texts = len(packed.offsets) - 1
    longest = int(np.diff(packed.offsets).max(initial=0)) + 2
    offsets = np.zeros(texts + 1, np.int64)
    flat = np.empty(len(packed.data) + texts, np.uint32)
    size = _fill(
        packed.data, packed.offsets, kinds, values, POWERS[: BLOCK + 1], PLACES, whole,
        np.empty(longest, np.uint64), np.empty(longest, np.uint32), np.empty(longest, np.uint32),
        np.empty(_MOST_BUCKETS + 1, np.uint32), flat, offsets,
    )  # fmt: skip
    return ShingleSets(flat[:size].copy(), offsets)
