"""jieba's words in a tree that compiled loops follow, and its model of unknown words."""

from __future__ import annotations

import math
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import zstandard

from mind_clean.segmentation.build import FLOOR
from mind_core.kernels.library import kernel
from mind_core.kernels.utf8 import CodePoints, decode

FILE = "jieba-0.42.1.zst"

Logs = npt.NDArray[np.float64]
Nodes = npt.NDArray[np.int32]
Steps = npt.NDArray[np.int64]

FIRST_HAN, LAST_HAN = 0x4E00, 0x9FD5
"""The range of characters that jieba's model knows."""

CODES = 1 << 18
"""More than any character of the dictionary, and small enough for a step of the tree."""

_STEP = np.uint64(0x9E3779B97F4A7C15)


class Dictionary(NamedTuple):
    """Hold the tree of words and the model.

    `roots[c]` is the node of a first character, `steps` the table of (node, character) → node;
    `logs[node]` is the logarithm of a word's share of all words, NaN where only longer words pass.
    `emissions[state, c - FIRST_HAN]` and `chain` (row 0 the start, rows 1 to 4 the states) are
    logarithms; the states are B, M, E, S.
    """

    roots: Nodes
    steps: Steps
    logs: Logs
    emissions: Logs
    chain: Logs
    unknown: float
    """The share of a character that begins no word: as if it had been counted once."""


@cache
def load_dictionary() -> Dictionary:
    """Read the packed file and build the tree: a third of a second, 18 MB that forks share."""
    packed = resources.files(__package__).joinpath(FILE).read_bytes()
    words, frequencies, total, characters, emitted, chain = _parts(
        zstandard.ZstdDecompressor().decompress(packed)
    )
    counts = np.frombuffer(frequencies, np.uint32)
    log_total = float(np.frombuffer(total, np.float64)[0])
    # Each frequency once, as math.log takes numbers one by one.
    kinds, which = np.unique(counts, return_inverse=True)
    # jieba's own arithmetic: the machine's logarithm, then the difference.
    shares = np.array([math.log(count or 1) - log_total for count in kinds.tolist()])
    # A frequency of 0 takes a word out of the dictionary.
    shares[kinds == 0] = np.nan
    letters = np.empty(len(words), np.uint32)
    count = decode(np.frombuffer(words, np.uint8), letters)
    roots, steps = np.zeros(CODES, np.int32), np.full(1 << 20, -1, np.int64)
    logs = np.full(1 << 20, np.nan)
    nodes = _grow(letters[:count], shares[which], roots, steps, logs)
    known = np.array([ord(c) for c in characters.decode()]) - FIRST_HAN
    # The tables of jieba also name characters that its patterns never give to the model.
    inside = (known >= 0) & (known <= LAST_HAN - FIRST_HAN)
    emissions = np.full((4, LAST_HAN - FIRST_HAN + 1), FLOOR)
    emissions[:, known[inside]] = np.frombuffer(emitted, np.float64).reshape(4, -1)[:, inside]
    rows = np.frombuffer(chain, np.float64).reshape(5, 4)
    # A copy of what is used; a view would keep the whole table in memory.
    return Dictionary(roots, steps, logs[:nodes].copy(), emissions, rows, math.log(1) - log_total)


def _parts(data: bytes) -> list[bytes]:
    """Cut the file at the sizes that it begins with."""
    sizes = np.frombuffer(data, np.uint64, 6).astype(np.int64)
    ends = sizes.nbytes + np.cumsum(sizes)
    return [data[end - size : end] for end, size in zip(ends.tolist(), sizes.tolist(), strict=True)]


@kernel
def next_node(steps: Steps, node: int, point: np.uint32) -> int:
    """Return the node that a character leads to, 0 if no word goes on so."""
    mask = np.uint64(len(steps) - 1)
    key = node * CODES + np.int64(point)
    slot = (np.uint64(key) * _STEP >> np.uint64(40)) & mask
    while steps[slot] >= 0:
        # A step is one number: 20 bits of the node that it came from and 18 of the character, the
        # key, and 20 of the node that it leads to. It is below 2^63, so that -1 can stand for a
        # free slot.
        if steps[slot] >> 20 == key:
            return int(steps[slot] & 0xFFFFF)
        slot = (slot + np.uint64(1)) & mask
    return 0


def _one_word() -> tuple[Any, ...]:
    """Return what `_grow` takes, for a word of two characters."""
    tables = np.zeros(CODES, np.int32), np.full(16, -1, np.int64), np.zeros(16)
    return np.array([97, 98], np.uint32), np.zeros(1), *tables


@kernel("i8(u4[], f8[], i4[], i8[], f8[])", example=_one_word)
def _grow(letters: CodePoints, shares: Logs, roots: Nodes, steps: Steps, logs: Logs) -> int:
    """Write the tree of the words, which line feeds part; return how many nodes it has."""
    mask = np.uint64(len(steps) - 1)
    # Node 0 is no node: a look that finds nothing gives 0.
    nodes = 1
    node = 0
    word = 0
    for place in range(len(letters) + 1):
        # The last word has no line feed of its own.
        point = letters[place] if place < len(letters) else np.uint32(10)
        if point == 10:
            logs[node] = shares[word]
            word += 1
            node = 0
        elif node == 0:
            if roots[point] == 0:
                roots[point] = nodes
                nodes += 1
            node = roots[point]
        else:
            after = next_node(steps, node, point)
            if after == 0:
                key = node * CODES + np.int64(point)
                slot = (np.uint64(key) * _STEP >> np.uint64(40)) & mask
                while steps[slot] >= 0:
                    slot = (slot + np.uint64(1)) & mask
                after = nodes
                steps[slot] = (key << 20) | after
                nodes += 1
            node = after
    return nodes
