"""Which siblings of a page are alike: items of a list, posts of a thread."""

from __future__ import annotations

import numpy as np

from mind_clean.extractors.blocks.page import NAME, PARENT, TAG, Rows
from mind_core.kernels.library import kernel

_SALT = np.uint64(0x9E3779B97F4A7C15)


@kernel
def sibling_kinds(containers: Rows) -> Rows:
    """Return for each container the first one of its parent with its element and names."""
    size = len(containers)
    slots = 4
    while slots < 2 * size:
        slots *= 2
    table, first = np.full(slots, np.int64(-1)), np.zeros(size, np.int64)
    for i in range(size):
        key = (containers[i, PARENT] * 1000003 + containers[i, TAG]) * 1000003 + containers[i, NAME]
        slot = np.int64((np.uint64(key) * _SALT) >> np.uint64(20)) & (slots - 1)
        while table[slot] >= 0:
            other = table[slot]
            if (
                containers[other, PARENT] == containers[i, PARENT]
                and containers[other, TAG] == containers[i, TAG]
                and containers[other, NAME] == containers[i, NAME]
            ):
                break
            slot = (slot + 1) & (slots - 1)
        if table[slot] < 0:
            table[slot] = i
        first[i] = table[slot]
    return first
