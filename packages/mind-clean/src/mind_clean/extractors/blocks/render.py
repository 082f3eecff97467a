"""From the kept blocks of a page to its text."""

from __future__ import annotations

import numpy as np

from mind_clean.extractors.blocks.element_rules import IS_CELL, IS_ITEM, IS_LIST, NUMBERS
from mind_clean.extractors.blocks.page import (
    END,
    FIRST,
    HOME,
    LENGTH,
    LINES,
    PARENT,
    TAG,
    TEXT_END,
    Kept,
    Rows,
)
from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes

_MAX_CELLS = 100
_MAX_CELL_CHARACTERS = 200
"""Cells with more text than this are columns of a layout rather than cells of a table."""

_LI, _TR, _TABLE = (NUMBERS[tag] for tag in ("li", "tr", "table"))
_ITEM, _ROW, _CELL, _WHOLE = range(4)
"""The place of a container: its nearest list item, table row and cell, its outermost list."""

_FEEDS = np.frombuffer(b"\n\n", np.uint8)
_BAR = np.frombuffer(b" | ", np.uint8)
_BULLET = np.frombuffer("• ".encode(), np.uint8)
_UNKNOWN, _SIMPLE, _NOT_SIMPLE = range(3)


def render(
    containers: Rows, blocks: Rows, traits: Rows, text: Bytes, kept: Kept, list_bullets: bool
) -> Bytes:
    """Return the text as UTF-8: blank lines between paragraphs, a line for each item and row.

    Cells of a row are divided by " | ". With `list_bullets`, items begin with "• ".
    """
    # A block adds seven bytes at most: " | " before it, and "• ".
    out = np.empty(len(text) + 8 * len(blocks), np.uint8)
    return out[: _render(containers, blocks, traits, text, kept, list_bullets, out)]


@kernel("i8(i8[,], i8[,], i8[], u1[], b1[], b1, u1[])")
def _render(
    containers: Rows,
    blocks: Rows,
    traits: Rows,
    text: Bytes,
    kept: Kept,
    list_bullets: bool,
    out: Bytes,
) -> int:
    """Write the text; return its number of bytes."""
    places = _find_places(containers, traits)
    simple = np.zeros(len(containers), np.int64)
    to = 0  # where the next byte goes
    before = -1  # the container of the last block that was written
    for block in range(len(blocks)):
        if not kept[block]:
            continue
        home = blocks[block, HOME]
        item = places[home, _ITEM]
        new_item = before < 0 or item != places[before, _ITEM]
        if before >= 0:
            to = _write_separator(containers, blocks, places, simple, before, home, out, to)
        # Terms and descriptions (dt, dd) are items too, and have no bullets.
        if list_bullets and new_item and item >= 0 and containers[item, TAG] == _LI:
            to = _copy_bytes(_BULLET, 0, len(_BULLET), out, to)
        # A text begins where that of the block before ends, whether that was kept or not.
        start = blocks[block - 1, TEXT_END] if block else 0
        to = _copy_bytes(text, start, blocks[block, TEXT_END], out, to)
        before = home
    return to


@kernel
def _copy_bytes(text: Bytes, start: int, end: int, out: Bytes, to: int) -> int:
    for place in range(end - start):
        out[to + place] = text[start + place]
    return to + end - start


@kernel
def _write_separator(
    containers: Rows,
    blocks: Rows,
    places: Rows,
    simple: Rows,
    before: int,
    home: int,
    out: Bytes,
    to: int,
) -> int:
    """Write what divides two blocks that follow each other, in these two containers."""
    row, item, whole = places[home, _ROW], places[home, _ITEM], places[home, _WHOLE]
    same_item = item == places[before, _ITEM]
    # Most closely related first: a cell's paragraphs, cells of a row, lines of an item, items of a
    # list or rows of a table; anything else is another paragraph.
    if row >= 0 and row == places[before, _ROW]:
        same_cell = places[home, _CELL] == places[before, _CELL]
        if same_cell or not _is_simple(containers, blocks, simple, row):
            return _copy_bytes(_FEEDS, 0, 1 if item >= 0 and not same_item else 2, out, to)
        return _copy_bytes(_BAR, 0, len(_BAR), out, to)
    if whole >= 0 and whole == places[before, _WHOLE]:
        if item >= 0 and same_item:
            return _copy_bytes(_FEEDS, 0, 1, out, to)
        rows = row >= 0 and places[before, _ROW] >= 0
        if not rows or _is_simple(containers, blocks, simple, row):
            return _copy_bytes(_FEEDS, 0, 1, out, to)
    return _copy_bytes(_FEEDS, 0, 2, out, to)


@kernel
def _is_simple(containers: Rows, blocks: Rows, simple: Rows, row: int) -> bool:
    """Tell whether a row has one short line in each of its cells."""
    # Looked at once for each row and remembered: each of its cells needs it.
    if simple[row] == _UNKNOWN:
        simple[row] = _SIMPLE
        start, end = containers[row, FIRST], containers[row, END]
        if end - start > _MAX_CELLS:
            simple[row] = _NOT_SIMPLE
        else:
            for block in range(start, end):
                if blocks[block, LENGTH] > _MAX_CELL_CHARACTERS or blocks[block, LINES]:
                    simple[row] = _NOT_SIMPLE
                # Each against each, of at most `_MAX_CELLS` blocks.
                for other in range(start, block):
                    if blocks[other, HOME] == blocks[block, HOME]:
                        simple[row] = _NOT_SIMPLE
    return simple[row] == _SIMPLE  # type: ignore[no-any-return]


@kernel
def _find_places(containers: Rows, traits: Rows) -> Rows:
    """Return the place of each container, from that of the one around it."""
    places = np.full((len(containers), 4), np.int64(-1))
    for i in range(1, len(containers)):
        tag, above = containers[i, TAG], containers[i, PARENT]
        bits = traits[tag]
        for field in range(4):
            places[i, field] = places[above, field]
        if bits & IS_ITEM:
            places[i, _ITEM] = i
        elif tag == _TR:  # a table inside an item is laid out by its own rows
            places[i, _ITEM], places[i, _ROW], places[i, _CELL] = -1, i, -1
        elif bits & IS_CELL:
            places[i, _ITEM], places[i, _CELL] = -1, i
        elif bits & IS_LIST and (places[i, _WHOLE] < 0 or tag == _TABLE):
            places[i, _WHOLE] = i
    return places
