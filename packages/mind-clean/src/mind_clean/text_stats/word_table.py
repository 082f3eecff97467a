"""A set of known words that kernels can look up: open addressing over hashes, compared in full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mind_core.kernels.library import kernel
from mind_core.kernels.utf8 import CodePoints

Numbers = npt.NDArray[np.int32]

FNV = np.uint64(1099511628211)
START = np.uint64(14695981039346656037)


class WordTable(NamedTuple):
    """Hold words end to end; `slots` gives a word's number plus one, 0 is free."""

    letters: CodePoints
    ends: Numbers
    slots: Numbers
    longest: int


def make_table(words: Sequence[str], room: int = 4) -> WordTable:
    """Return the table of some words; the number of a word is its place among them.

    There are at least `room` slots a word: the more, the rarer another word meets a full one.
    """
    size = 16
    while size < room * len(words):
        size *= 2
    letters = np.array([ord(letter) for word in words for letter in word], np.uint32)
    # From 0 on, so that word n lies between ends n and n + 1.
    ends = np.cumsum([0, *map(len, words)]).astype(np.int32)
    slots = np.zeros(size, np.int32)
    _fill(letters, ends, slots)
    return WordTable(letters, ends, slots, max(map(len, words), default=0))


@kernel
def spread(value: np.uint64) -> np.uint64:
    """Mix a hash so that its low bits depend on all of it."""
    # The low bits of FNV-1a depend on the low bits of the characters alone, and choose the slot.
    return value ^ (value >> np.uint64(29))


@kernel
def hash_of(text: CodePoints, start: int, end: int) -> np.uint64:
    """Return the FNV-1a hash of a stretch of code points, spread."""
    value = START
    for place in range(start, end):
        value = (value ^ np.uint64(text[place])) * FNV
    return spread(value)


@kernel
def number_of(
    text: CodePoints, start: int, end: int, letters: CodePoints, ends: Numbers, slots: Numbers
) -> int:
    """Return the number of the word that stands at `start`…`end`, or -1."""
    mask = np.uint64(len(slots) - 1)
    # Hashes only choose where to look; letters are compared, so that no word is taken for another.
    slot = hash_of(text, start, end) & mask
    length = end - start
    while slots[slot] > 0:
        number = slots[slot] - 1
        first = ends[number]
        if ends[number + 1] - first == length:
            same = 0
            while same < length and letters[first + same] == text[start + same]:
                same += 1
            if same == length:
                return int(number)
        slot = (slot + np.uint64(1)) & mask
    return -1


@kernel("void(u4[], i4[], i4[])")
def _fill(letters: CodePoints, ends: Numbers, slots: Numbers) -> None:
    mask = np.uint64(len(slots) - 1)
    for number in range(len(ends) - 1):
        slot = hash_of(letters, ends[number], ends[number + 1]) & mask
        while slots[slot] > 0:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = number + 1
