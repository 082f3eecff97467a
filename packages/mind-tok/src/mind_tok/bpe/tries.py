"""Find the longest of many strings that begins at a place, byte by byte."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mind_core.kernels.library import kernel
from mind_tok.bpe import I32, I64, U8

MIX = 0x1E3779B97F4A7C15


class Trie:
    """Hold strings with their ids: an open-addressed table from (node, byte) to node."""

    def __init__(self, strings: Mapping[bytes, int]) -> None:
        # node << 8 | byte in one number: a step of the trie is one key of the table.
        steps: dict[int, int] = {}
        # Node 0 is the root, at which no string ends.
        ids = [-1]
        for data, number in sorted(strings.items()):
            node = 0
            for byte in data:
                node = steps.setdefault(node << 8 | byte, len(ids))
                if node == len(ids):
                    ids.append(-1)
            ids[node] = number
        size = 1 << max(4, (2 * len(steps)).bit_length())
        self.keys = np.full(size, -1, np.int64)
        self.nodes = np.zeros(size, np.int32)
        self.ids = np.array(ids, np.int32)
        self.may_begin: npt.NDArray[np.bool_] = np.zeros(256, np.bool_)
        self.may_begin[[data[0] for data in strings]] = True
        fill_trie(
            np.array(list(steps), np.int64), np.array(list(steps.values()), np.int32), self.keys,
            self.nodes,
        )  # fmt: skip


def _one_step() -> tuple[Any, ...]:
    """Return what `fill_trie` takes, for one string of one byte."""
    step = np.zeros(1, np.int64), np.ones(1, np.int32)
    return *step, np.full(16, -1, np.int64), np.zeros(16, np.int32)


@kernel("void(i8[], i4[], i8[], i4[])", example=_one_step)
def fill_trie(steps: I64, targets: I32, keys: I64, nodes: I32) -> None:
    """Put the steps into the table."""
    mask = len(keys) - 1
    for i in range(len(steps)):
        mixed = steps[i] * MIX
        # Multiplication carries upwards only: higher bits come down to those that the mask takes.
        at = (mixed ^ (mixed >> 29)) & mask
        # Each step is there once, so no key is compared.
        while keys[at] != -1:
            at = (at + 1) & mask
        keys[at], nodes[at] = steps[i], targets[i]


@kernel
def longest_in_trie(
    data: U8, at: int, end: int, keys: I64, nodes: I32, ids: I32
) -> tuple[int, int]:
    """Return the id of the longest string that begins at a place and its length, or (-1, 0)."""
    mask = len(keys) - 1
    node: Any = 0
    best: Any = -1
    length = 0
    for i in range(at, end):
        key = np.int64(node) << 8 | np.int64(data[i])
        mixed = key * MIX
        place = (mixed ^ (mixed >> 29)) & mask
        while keys[place] != -1 and keys[place] != key:
            place = (place + 1) & mask
        # No string goes on with this byte.
        if keys[place] == -1:
            break
        node = nodes[place]
        # The longest so far; a longer one may still follow.
        if ids[node] >= 0:
            best, length = ids[node], i + 1 - at
    return best, length
