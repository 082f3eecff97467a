"""Choose the blocks of the main text."""

from __future__ import annotations

import numpy as np

from mind_clean.extractors.blocks.boilerplate import (
    drop_boilerplate,
    drop_boilerplate_from,
    drop_outside,
    find_boilerplate,
    main_element,
)
from mind_clean.extractors.blocks.link_lists import drop_links
from mind_clean.extractors.blocks.main_container import (
    is_unnamed_table_layout,
    keep_related_siblings,
    path_to_main_container,
)
from mind_clean.extractors.blocks.page import KIND, Figures, Kept, Rows, one_block
from mind_clean.extractors.blocks.prefix_sums import is_heading
from mind_core.kernels.library import kernel


def choose(containers: Rows, blocks: Rows, figures: Figures, traits: Rows) -> Kept:
    """Return for each block whether it is main text; there is at least one block."""
    kept = np.ones(len(blocks), np.bool_)
    _choose(containers, blocks, figures, traits, kept)
    return kept


def keep_all_but_boilerplate(containers: Rows, blocks: Rows, figures: Figures) -> Kept:
    """Return for each block whether it is not set apart."""
    kept = np.ones(len(blocks), np.bool_)
    _keep_all_but_boilerplate(containers, blocks, figures, kept)
    return kept


@kernel(
    "void(i8[,], i8[,], f8[,], i8[], b1[])", example=lambda: (*one_block(), np.ones(1, np.bool_))
)
def _choose(containers: Rows, blocks: Rows, figures: Figures, traits: Rows, kept: Kept) -> None:
    """Clear what is no main text from `kept`, where all is set."""
    main = main_element(containers, figures)
    drop_outside(containers, kept, main)
    apart = find_boilerplate(containers, main)
    if len(apart):
        drop_boilerplate(containers, blocks, figures, kept, main, apart)
    path = path_to_main_container(containers, blocks, figures, kept, traits, main, apart)
    if is_unnamed_table_layout(containers, blocks, figures, kept, path):
        return
    if len(apart):
        drop_boilerplate_from(containers, blocks, figures, kept, apart, path[-1])
    keep_related_siblings(containers, blocks, figures, kept, path)
    drop_links(containers, blocks, figures, kept, traits, path)
    _drop_last_headings(blocks, kept)


@kernel("void(i8[,], i8[,], f8[,], b1[])", example=lambda: (*one_block()[:3], np.ones(1, np.bool_)))
def _keep_all_but_boilerplate(containers: Rows, blocks: Rows, figures: Figures, kept: Kept) -> None:
    """Clear what is set apart from `kept`, where all is set."""
    apart = find_boilerplate(containers, 0)
    if len(apart):
        drop_boilerplate(containers, blocks, figures, kept, 0, apart)


@kernel
def _drop_last_headings(blocks: Rows, kept: Kept) -> None:
    """Drop headings at the end, below which nothing was kept ("Read next")."""
    last = len(kept) - 1
    while last >= 0 and (not kept[last] or is_heading(blocks[last, KIND])):
        last -= 1
    if last >= 0:
        kept[last + 1 :] = False
