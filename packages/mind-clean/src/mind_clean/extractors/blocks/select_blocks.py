"""Choose the blocks of the main text.

What stands beside it by what it is called goes first (navigation, comments, advertising …), then
what the best container does not hold, then, inside the main text, lists of links to other pages
and teasers of them.
"""

from __future__ import annotations

import numpy as np

from mind_clean.extractors.blocks.block_scores import (
    OF_LINKS,
    OF_UNITS,
    OF_VALUES,
    are_teasers,
    is_heading,
    of,
    sums_of,
)
from mind_clean.extractors.blocks.element_rules import (
    BOILERPLATE,
    IS_LIST,
    KEEPS_LINKS,
    MAY_TEASE,
)
from mind_clean.extractors.blocks.main_container import (
    is_unnamed_table_layout,
    keep_related_siblings,
    path_to_main_container,
)
from mind_clean.extractors.blocks.page import (
    END,
    FIRST,
    IS_MAIN,
    KIND,
    NAME,
    SHARE,
    TAG,
    UNITS,
    VALUE,
    WEIGHT,
    Figures,
    Kept,
    Rows,
    one_block,
)
from mind_core.kernels.library import kernel

_MIN_MAIN_SHARE = 0.4
_MAX_UNITS_OUTSIDE = 600  # units
_MAX_BOILERPLATE_SHARE = 0.35
_MIN_VALUE_PER_UNIT = 0.5
_MIN_LEFT_UNITS = 500  # units
_MIN_LEFT_SHARE = 0.1


@kernel
def main_element(containers: Rows, figures: Figures) -> int:
    """Return the one <main> (or role) that holds the text of the page, or 0 for the body."""
    first, last = 0, 0
    for i in range(1, len(containers)):
        if containers[i, IS_MAIN] and containers[i, FIRST] < containers[i, END]:
            last = i
            if first == 0:
                first = i
    if first == 0 or containers[last, FIRST] >= containers[first, END]:  # or several in a row
        return 0
    whole, inside = 0.0, 0.0
    for block in range(len(figures)):
        whole += figures[block, VALUE]
        if containers[first, FIRST] <= block < containers[first, END]:
            inside += figures[block, VALUE]
    return first if inside >= _MIN_MAIN_SHARE * whole or whole - inside < _MAX_UNITS_OUTSIDE else 0


@kernel
def drop_outside(containers: Rows, kept: Kept, container: int) -> None:
    """Drop all blocks outside a container."""
    kept[: containers[container, FIRST]] = False
    kept[containers[container, END] :] = False


@kernel
def find_boilerplate(containers: Rows, main: int) -> Rows:
    """Return the containers that their element, role, class or id sets apart."""
    apart = np.empty(len(containers), np.int64)
    count = 0
    for i in range(len(containers)):
        if containers[i, WEIGHT] < 0 and i != main:
            apart[count] = i
            count += 1
    return apart[:count]


@kernel
def drop_boilerplate(
    containers: Rows, blocks: Rows, figures: Figures, kept: Kept, main: int, apart: Rows
) -> None:
    """Drop what is set apart.

    What holds over a third of the running text of the page stays for now, and so do all of its kind
    together: then the name means something else (p.paywall, body > form).
    """
    sums = sums_of(blocks, figures, kept)
    all_of_it = of(sums, containers[main, FIRST], containers[main, END], OF_VALUES)
    slots = 2
    while slots < 2 * len(apart) + 2:
        slots *= 2
    kinds, of_a_kind = np.full(slots, np.int64(-1)), np.zeros(slots)
    done = -1
    for i in apart:
        if containers[i, FIRST] >= done:
            value = of(sums, containers[i, FIRST], containers[i, END], OF_VALUES)
            of_a_kind[_slot(kinds, containers, i)] += value
            done = containers[i, END]
    for i in apart:
        start, end = containers[i, FIRST], containers[i, END]
        value = of(sums, start, end, OF_VALUES)
        of_its_kind = max(value, of_a_kind[_slot(kinds, containers, i)])
        no_sentences = value < _MIN_VALUE_PER_UNIT * of(sums, start, end, OF_UNITS)
        if of_its_kind <= _MAX_BOILERPLATE_SHARE * all_of_it or (
            no_sentences and containers[i, WEIGHT] == BOILERPLATE
        ):
            kept[start:end] = False


@kernel
def _slot(kinds: Rows, containers: Rows, container: int) -> int:
    """Return the place of a kind of container, an element and its names, in a table."""
    kind = containers[container, NAME] << 10 | containers[container, TAG]
    slot = (kind * 0x9E3779B1 >> 7) & (len(kinds) - 1)
    while kinds[slot] >= 0 and kinds[slot] != kind:
        slot = (slot + 1) & (len(kinds) - 1)
    kinds[slot] = kind
    return slot  # type: ignore[no-any-return]


@kernel
def drop_boilerplate_from(
    containers: Rows, blocks: Rows, figures: Figures, kept: Kept, apart: Rows, core: int
) -> None:
    """Drop what is named apart and was spared, once the main text is found, if enough is left."""
    sums = sums_of(blocks, figures, kept)
    start, end = containers[core, FIRST], containers[core, END]
    found = of(sums, start, end, OF_VALUES)
    left = found
    dropped = np.zeros(len(apart), np.bool_)
    last_end = -1
    for place in range(len(apart)):
        first, after = containers[apart[place], FIRST], containers[apart[place], END]
        if (first <= start and end <= after) or last_end >= after:
            continue
        dropped[place] = True
        last_end = after
        if start <= first and after <= end:
            left -= of(sums, first, after, OF_VALUES)
    if left >= _MIN_LEFT_UNITS and left >= _MIN_LEFT_SHARE * found:
        for place in range(len(apart)):
            if dropped[place]:
                kept[containers[apart[place], FIRST] : containers[apart[place], END]] = False


_MIN_INDEX_LINK_SHARE = 0.5
_MAX_LIST_LINK_SHARE = 0.6
_MIN_LINK_SHARE = 0.6
_MIN_LONG_LINK_SHARE = 0.85
_LONG_LINK_UNITS = 60  # units
_MAX_TEASER_SHARE = 0.35


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
    if of(sums, 0, len(kept), OF_LINKS) > _MIN_INDEX_LINK_SHARE * of(sums, 0, len(kept), OF_UNITS):
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
            if of(sums, start, end, OF_VALUES) < _MAX_TEASER_SHARE * all_of_it:
                kept[start:end] = False
        elif bits & IS_LIST and end - start >= 3:
            links, units = of(sums, start, end, OF_LINKS), of(sums, start, end, OF_UNITS)
            few = links <= _MAX_LIST_LINK_SHARE * units
            for block in range(start, end):
                in_list[block] |= few
    for block in range(len(blocks)):
        share = figures[block, SHARE]
        if share >= _MIN_LINK_SHARE and not in_list[block]:
            long = blocks[block, UNITS] > _LONG_LINK_UNITS and share < _MIN_LONG_LINK_SHARE
            kept[block] = kept[block] and (long or traits[blocks[block, KIND]] & KEEPS_LINKS > 0)


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
