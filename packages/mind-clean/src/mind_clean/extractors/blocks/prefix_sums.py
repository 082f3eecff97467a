"""Sums over runs of the blocks that are still kept."""

from __future__ import annotations

import numpy as np

from mind_clean.extractors.blocks.element_rules import NUMBERS
from mind_clean.extractors.blocks.element_words import HEADINGS
from mind_clean.extractors.blocks.page import KIND, SHARE, UNITS, VALUE, Figures, Kept, Rows
from mind_core.kernels.library import kernel

OF_UNITS, OF_LINKS, OF_VALUES, OF_HEADINGS = range(4)
"""Fields: units, units of links, values, and headings that are links."""

_FIRST_HEADING, _LAST_HEADING = NUMBERS["h1"], NUMBERS["h6"]
assert {NUMBERS[tag] for tag in HEADINGS} == set(range(_FIRST_HEADING, _LAST_HEADING + 1))

_LINKED = 0.6
_TEASER = 500  # units for each linked heading


@kernel
def is_heading(kind: int) -> bool:
    """Tell h1 to h6."""
    return kind >= _FIRST_HEADING and kind <= _LAST_HEADING


@kernel
def sums_of(blocks: Rows, figures: Figures, kept: Kept) -> Figures:
    """Return the sums of the kept blocks before each block, and before the end."""
    sums = np.zeros((len(blocks) + 1, 4))
    for block in range(len(blocks)):
        for field in range(4):
            sums[block + 1, field] = sums[block, field]
        if kept[block]:
            units, share = blocks[block, UNITS], figures[block, SHARE]
            sums[block + 1, OF_UNITS] += units
            sums[block + 1, OF_LINKS] += units * share
            sums[block + 1, OF_VALUES] += figures[block, VALUE]
            if share >= _LINKED and is_heading(blocks[block, KIND]):
                sums[block + 1, OF_HEADINGS] += 1
    return sums


@kernel
def of(sums: Figures, start: int, end: int, field: int) -> float:
    """Return one sum over the blocks start to end."""
    return sums[end, field] - sums[start, field]  # type: ignore[no-any-return]


@kernel
def are_teasers(sums: Figures, start: int, end: int) -> bool:
    """Tell whether the blocks list other pages: linked headings, a few words to each."""
    headings = of(sums, start, end, OF_HEADINGS)
    return headings >= 2 and of(sums, start, end, OF_UNITS) < _TEASER * headings
