"""The working memory of the kernels: made once, used for text after text."""

from __future__ import annotations

import numpy as np

from mind_clean.text_stats.repetition import fill_powers

LARGE = 1 << 22
"""Buffers for more characters than this are given back after the text that needed them."""


class Buffers:
    """Hold buffers for texts of up to `size` characters."""

    def __init__(self, size: int) -> None:
        self.size = size
        fields = size + 8
        self.text = np.empty(fields, np.uint32)
        self.starts, self.stops = np.empty(fields, np.int32), np.empty(fields, np.int32)
        self.names, self.grams = np.empty(fields, np.int32), np.empty(fields, np.int32)
        self.longer, self.often = np.empty(fields, np.int32), np.empty(fields, np.int32)
        self.sizes = np.empty(fields, np.int32)
        self.up_to, self.powers = np.empty(fields, np.uint64), np.empty(fields, np.uint64)
        fill_powers(self.powers)
        self.scores = np.empty(fields, np.float64)
        self.states = np.empty(fields, np.int8)
        slots = 16
        while slots < 2 * fields:
            slots *= 2
        self.slots = np.empty(slots, np.int32)


def room_for(buffers: Buffers | None, size: int) -> Buffers:
    """Return buffers for a text of `size` characters: the given ones if they will do."""
    if buffers is not None and size <= buffers.size <= max(LARGE, 4 * size):
        return buffers
    wanted = 1 << 14
    while wanted < size:
        wanted *= 2
    return Buffers(wanted)
