"""A page as blocks of text in containers, in the arrays that the kernels fill and read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes, Offsets

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Kept = npt.NDArray[np.bool_]
"""For each block whether it is still kept."""

ELEMENT, TAG, PARENT, FIRST, END, WEIGHT, NAME, IS_MAIN = range(8)
"""Fields of a container: its place in the outline, its element's number, the container around it,
its first block and the one after its last, its weight, the number of its names (class and id), and
whether it says that it is the main text."""

KIND, HOME, UNITS, LENGTH, TEXT_END, LINES, OWNER = range(7)
"""Fields of a block: its nearest block element (p, h2, li, div …), its container, its length in
Latin letters (a Chinese character counts two and a half) and in characters, where its text ends,
in bytes, whether it holds more than one line, and the number of the names of that element."""

SHARE, VALUE = range(2)
"""Scores of a block: the share that is text of links to other pages, 0 to 1, and how much it looks
like running text, in units."""


class Page(NamedTuple):
    """The text of a page in the order of its source: blocks, and containers over runs of them.

    Containers stand in the order in which they open, so those inside one come right after it.
    Container 0 is the body. The arrays are the extractor's: they hold until it reads another page.
    """

    containers: Rows
    blocks: Rows
    scores: Floats
    text: Bytes
    """The texts of all blocks, end to end, as UTF-8."""
    characters: int
    """Visible characters of all blocks, with the marks of list items and cells."""


class Columns(NamedTuple):
    """Hold what is found, and the working memory."""

    containers: Rows
    blocks: Rows
    scores: Floats
    state: Offsets
    stack: Offsets
    """For each open element its number in the outline, what it is, the kind around it, and the
    names of the element of that kind."""


def allocate_columns(elements: int, state_fields: int) -> Columns:
    """Return columns with room for the containers and blocks of so many elements."""
    return Columns(
        np.empty((elements + 1, 8), np.int64),
        # An element ends a block where it begins and another where it ends.
        np.empty((2 * elements + 2, 7), np.int64),
        np.empty((2 * elements + 2, 2), np.float64),
        np.zeros(state_fields, np.int64),
        np.empty((elements + 1, 4), np.int64),
    )


def example_page() -> tuple[Rows, Rows, Floats, Rows]:
    """Return containers, blocks, scores and traits of a body with one block without text."""
    containers, blocks = np.zeros((1, IS_MAIN + 1), np.int64), np.zeros((1, OWNER + 1), np.int64)
    containers[0, PARENT], containers[0, END] = -1, 1
    return containers, blocks, np.zeros((1, VALUE + 1)), np.zeros(1, np.int64)


_SALT = np.uint64(0x9E3779B97F4A7C15)


@kernel
def find_sibling_kinds(containers: Rows) -> Rows:
    """Return for each container the first one of its parent with its element and names."""
    size = len(containers)
    slots = 4
    # A power of two, at most half full, so that probes stay short.
    while slots < 2 * size:
        slots *= 2
    table, first = np.full(slots, np.int64(-1)), np.zeros(size, np.int64)
    for i in range(size):
        key = (containers[i, PARENT] * 1000003 + containers[i, TAG]) * 1000003 + containers[i, NAME]
        slot = np.int64((np.uint64(key) * _SALT) >> np.uint64(20)) & (slots - 1)
        while table[slot] >= 0:
            other = table[slot]
            # The hash only says where to look: what is there is compared in full.
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
