"""Choose the blocks of the main text.

Boilerplate by element or name goes first (navigation, comments, advertising …), then what the best
container does not hold, then, inside the main text, lists of links to other pages and teasers.
"""

from __future__ import annotations

import numpy as np

from mind_clean.extractors.blocks.block_scores import (
    OF_LINKS,
    OF_UNITS,
    OF_VALUES,
    is_heading,
    is_teaser_list,
    prefix_sums,
    range_sum,
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
    Floats,
    Kept,
    Rows,
    example_page,
)
from mind_core.kernels.library import kernel

_MIN_MAIN_SHARE = 0.4
_MAX_UNITS_OUTSIDE = 600  # units
_MAX_BOILERPLATE_SHARE = 0.35
_MIN_VALUE_PER_UNIT = 0.5
_MIN_LEFT_UNITS = 500  # units
_MIN_LEFT_SHARE = 0.1


@kernel
def find_main_element(containers: Rows, scores: Floats) -> int:
    """Return the one <main> (or role) that holds the text of the page, or 0 for the body."""
    # Several <main> in a row, as around teasers, say nothing about where the text is.
    first, last = 0, 0
    for i in range(1, len(containers)):
        if containers[i, IS_MAIN] and containers[i, FIRST] < containers[i, END]:
            last = i
            if first == 0:
                first = i
    if first == 0 or containers[last, FIRST] >= containers[first, END]:  # or several in a row
        return 0
    whole, inside = 0.0, 0.0
    for block in range(len(scores)):
        whole += scores[block, VALUE]
        if containers[first, FIRST] <= block < containers[first, END]:
            inside += scores[block, VALUE]
    return first if inside >= _MIN_MAIN_SHARE * whole or whole - inside < _MAX_UNITS_OUTSIDE else 0


@kernel
def drop_outside(containers: Rows, kept: Kept, container: int) -> None:
    """Drop all blocks outside a container."""
    kept[: containers[container, FIRST]] = False
    kept[containers[container, END] :] = False


@kernel
def find_boilerplate(containers: Rows, main: int) -> Rows:
    """Return the containers that are boilerplate by their element, role, class or id."""
    # Room for all, as arrays of loops do not grow; cut to those found at the end.
    boilerplate = np.empty(len(containers), np.int64)
    count = 0
    for i in range(len(containers)):
        if containers[i, WEIGHT] < 0 and i != main:
            boilerplate[count] = i
            count += 1
    return boilerplate[:count]


@kernel
def drop_boilerplate(
    containers: Rows, blocks: Rows, scores: Floats, kept: Kept, main: int, boilerplate: Rows
) -> None:
    """Drop boilerplate.

    What holds over a third of the running text of the page stays for now, and so do all of its kind
    together: then the name means something else (p.paywall, body > form).
    """
    sums = prefix_sums(blocks, scores, kept)
    all_of_it = range_sum(sums, containers[main, FIRST], containers[main, END], OF_VALUES)
    # A hash table of kinds, an element with its names, and the value of all containers of a kind:
    # eight paragraphs p.paywall hold the article together, none of them alone a third of it.
    # Twice the entries and more, so that a search always meets a free slot.
    slots = 2
    while slots < 2 * len(boilerplate) + 2:
        slots *= 2
    kinds, of_a_kind = np.full(slots, np.int64(-1)), np.zeros(slots)
    done = -1  # the end of the last one counted: what is inside it must not count twice
    for i in boilerplate:
        if containers[i, FIRST] >= done:
            value = range_sum(sums, containers[i, FIRST], containers[i, END], OF_VALUES)
            of_a_kind[_find_slot(kinds, containers, i)] += value
            done = containers[i, END]
    for i in boilerplate:
        start, end = containers[i, FIRST], containers[i, END]
        value = range_sum(sums, start, end, OF_VALUES)
        of_its_kind = max(value, of_a_kind[_find_slot(kinds, containers, i)])
        # A long menu may be a third of a page with little text; without sentences it is no article.
        no_sentences = value < _MIN_VALUE_PER_UNIT * range_sum(sums, start, end, OF_UNITS)
        if of_its_kind <= _MAX_BOILERPLATE_SHARE * all_of_it or (
            no_sentences and containers[i, WEIGHT] == BOILERPLATE
        ):
            kept[start:end] = False


@kernel
def _find_slot(kinds: Rows, containers: Rows, container: int) -> int:
    """Return the place of a kind of container, an element and its names, in a table."""
    # Ten bits are enough for the number of an element.
    kind = containers[container, NAME] << 10 | containers[container, TAG]
    slot = (kind * 0x9E3779B1 >> 7) & (len(kinds) - 1)
    while kinds[slot] >= 0 and kinds[slot] != kind:
        slot = (slot + 1) & (len(kinds) - 1)
    kinds[slot] = kind
    return slot  # type: ignore[no-any-return]


@kernel
def drop_boilerplate_from(
    containers: Rows, blocks: Rows, scores: Floats, kept: Kept, boilerplate: Rows, container: int
) -> None:
    """Drop boilerplate that was spared, once the main text is found, if enough text is left."""
    sums = prefix_sums(blocks, scores, kept)
    start, end = containers[container, FIRST], containers[container, END]
    found = range_sum(sums, start, end, OF_VALUES)
    left = found
    dropped = np.zeros(len(boilerplate), np.bool_)
    last_end = -1  # of the last dropped one: those inside it are dropped with it
    for place in range(len(boilerplate)):
        first, after = containers[boilerplate[place], FIRST], containers[boilerplate[place], END]
        # What holds the main text cannot go; what is inside a dropped one is gone with it.
        if (first <= start and end <= after) or last_end >= after:
            continue
        dropped[place] = True
        last_end = after
        if start <= first and after <= end:
            left -= range_sum(sums, first, after, OF_VALUES)
    if left >= _MIN_LEFT_UNITS and left >= _MIN_LEFT_SHARE * found:
        for place in range(len(boilerplate)):
            if dropped[place]:
                kept[
                    containers[boilerplate[place], FIRST] : containers[boilerplate[place], END]
                ] = False


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
    scores: Floats,
    kept: Kept,
    traits: Rows,
    path: Rows,
) -> None:
    """Drop links that lead away; a page that is mostly links is an index and keeps them."""
    sums = prefix_sums(blocks, scores, kept)
    if range_sum(sums, 0, len(kept), OF_LINKS) > _MIN_INDEX_LINK_SHARE * range_sum(
        sums, 0, len(kept), OF_UNITS
    ):
        return
    whole = path[0]
    all_of_it = range_sum(sums, containers[whole, FIRST], containers[whole, END], OF_VALUES)
    on_path = np.zeros(len(containers), np.bool_)
    on_path[path] = True
    in_list = np.zeros(len(kept), np.bool_)
    # Lists of mostly plain items keep their links: those are terms, references, further reading.
    for i in range(len(containers)):
        start, end = containers[i, FIRST], containers[i, END]
        bits = traits[containers[i, TAG]]
        # What holds the main text is no list of teasers, whatever is in it.
        teases = end - start > 3 and bits & MAY_TEASE and not on_path[i]
        if teases and is_teaser_list(sums, start, end):
            # A list of teasers that is most of the running text is what the page is about.
            if range_sum(sums, start, end, OF_VALUES) < _MAX_TEASER_SHARE * all_of_it:
                kept[start:end] = False
        elif bits & IS_LIST and end - start >= 3:
            links, units = (
                range_sum(sums, start, end, OF_LINKS),
                range_sum(sums, start, end, OF_UNITS),
            )
            # Of a list as a whole: single items may be links all through.
            few = links <= _MAX_LIST_LINK_SHARE * units
            for block in range(start, end):
                in_list[block] |= few
    for block in range(len(blocks)):
        share = scores[block, SHARE]
        if share >= _MIN_LINK_SHARE and not in_list[block]:
            # a sentence with a long link in it is text; a short line that is a link is not
            long = blocks[block, UNITS] > _LONG_LINK_UNITS and share < _MIN_LONG_LINK_SHARE
            kept[block] = kept[block] and (long or traits[blocks[block, KIND]] & KEEPS_LINKS > 0)


def choose_blocks(containers: Rows, blocks: Rows, scores: Floats, traits: Rows) -> Kept:
    """Return for each block whether it is main text; there is at least one block."""
    kept = np.ones(len(blocks), np.bool_)
    _choose_blocks(containers, blocks, scores, traits, kept)
    return kept


def keep_all_but_boilerplate(containers: Rows, blocks: Rows, scores: Floats) -> Kept:
    """Return for each block whether it is no boilerplate."""
    kept = np.ones(len(blocks), np.bool_)
    _keep_all_but_boilerplate(containers, blocks, scores, kept)
    return kept


@kernel(
    "void(i8[,], i8[,], f8[,], i8[], b1[])", example=lambda: (*example_page(), np.ones(1, np.bool_))
)
def _choose_blocks(
    containers: Rows, blocks: Rows, scores: Floats, traits: Rows, kept: Kept
) -> None:
    """Clear what is no main text from `kept`, where all is set."""
    main = find_main_element(containers, scores)
    drop_outside(containers, kept, main)
    boilerplate = find_boilerplate(containers, main)
    if len(boilerplate):
        drop_boilerplate(containers, blocks, scores, kept, main, boilerplate)
    path = path_to_main_container(containers, blocks, scores, kept, traits, main, boilerplate)
    # Pages of the nineties have neither names nor elements to choose by.
    if is_unnamed_table_layout(containers, blocks, scores, kept, path):
        return
    if len(boilerplate):
        drop_boilerplate_from(containers, blocks, scores, kept, boilerplate, path[-1])
    keep_related_siblings(containers, blocks, scores, kept, path)
    drop_links(containers, blocks, scores, kept, traits, path)
    _drop_last_headings(blocks, kept)


@kernel(
    "void(i8[,], i8[,], f8[,], b1[])", example=lambda: (*example_page()[:3], np.ones(1, np.bool_))
)
def _keep_all_but_boilerplate(containers: Rows, blocks: Rows, scores: Floats, kept: Kept) -> None:
    """Clear boilerplate from `kept`, where all is set."""
    boilerplate = find_boilerplate(containers, 0)
    if len(boilerplate):
        drop_boilerplate(containers, blocks, scores, kept, 0, boilerplate)


@kernel
def _drop_last_headings(blocks: Rows, kept: Kept) -> None:
    """Drop headings at the end, below which nothing was kept ("Read next")."""
    last = len(kept) - 1
    while last >= 0 and (not kept[last] or is_heading(blocks[last, KIND])):
        last -= 1
    if last >= 0:
        kept[last + 1 :] = False
