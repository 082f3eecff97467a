"""Inside the main text: lists of links to other pages, and teasers of them."""

from __future__ import annotations

import numpy as np

from mind_clean.extractors.blocks.element_rules import IS_LIST, KEEPS_LINKS, MAY_TEASE
from mind_clean.extractors.blocks.page import (
    END,
    FIRST,
    KIND,
    SHARE,
    TAG,
    UNITS,
    Figures,
    Kept,
    Rows,
)
from mind_clean.extractors.blocks.prefix_sums import (
    OF_LINKS,
    OF_UNITS,
    OF_VALUES,
    are_teasers,
    of,
    sums_of,
)
from mind_core.kernels.library import kernel

_INDEX = 0.5
_LIST = 0.6
_LINK = 0.6
_MAYBE_LINK = 0.85
_LONG = 60  # units
_TEASERS = 0.35


@kernel
def drop_links(
    containers: Rows,
    blocks: Rows,
    figures: Figures,
    kept: Kept,
    traits: Rows,
    path: Rows,
) -> None:
    """Drop links that lead away; a page that is mostly links is an index and keeps them."""
    sums = sums_of(blocks, figures, kept)
    if of(sums, 0, len(kept), OF_LINKS) > _INDEX * of(sums, 0, len(kept), OF_UNITS):
        return
    whole = path[0]
    all_of_it = of(sums, containers[whole, FIRST], containers[whole, END], OF_VALUES)
    on_path = np.zeros(len(containers), np.bool_)
    on_path[path] = True
    in_list = np.zeros(len(kept), np.bool_)
    for i in range(len(containers)):
        start, end = containers[i, FIRST], containers[i, END]
        bits = traits[containers[i, TAG]]
        teases = end - start > 3 and bits & MAY_TEASE and not on_path[i]
        if teases and are_teasers(sums, start, end):
            if of(sums, start, end, OF_VALUES) < _TEASERS * all_of_it:
                kept[start:end] = False
        elif bits & IS_LIST and end - start >= 3:
            few = of(sums, start, end, OF_LINKS) <= _LIST * of(sums, start, end, OF_UNITS)
            for block in range(start, end):
                in_list[block] |= few
    for block in range(len(blocks)):
        share = figures[block, SHARE]
        if share >= _LINK and not in_list[block]:
            long = blocks[block, UNITS] > _LONG and share < _MAYBE_LINK
            kept[block] = kept[block] and (long or traits[blocks[block, KIND]] & KEEPS_LINKS > 0)
