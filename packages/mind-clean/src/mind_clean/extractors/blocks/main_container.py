"""Find the container of the main text, and what around it belongs to it.

Paragraphs give their value to the containers above them, less with each level, and links take it
away again: the scoring of Readability (Arc90, 2009). Around the best container, its neighbours on
each level up to the body are judged whole.
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
from mind_clean.extractors.blocks.element_rules import FLOWS, MAIN, NUMBERS, PART
from mind_clean.extractors.blocks.page import (
    END,
    FIRST,
    HOME,
    KIND,
    NAME,
    PARENT,
    SHARE,
    TAG,
    VALUE,
    WEIGHT,
    Floats,
    Kept,
    Rows,
)
from mind_core.kernels.library import kernel

_LEVELS = 4  # that a paragraph gives value to
_TABLE = 3  # tr, tbody, table
_DECAY = 0.5
_BOILERPLATE_FACTOR = 0.3
_FEW_LINKS = 0.35
_LOOSE_LINKS = 0.5
_SHORT_PAGE = 2500  # units
_MIXED_LINKS = 0.55
_LI, _TD, _PRE, _DT = (NUMBERS[tag] for tag in ("li", "td", "pre", "dt"))


@kernel
def path_to_main_container(
    containers: Rows,
    blocks: Rows,
    scores: Floats,
    kept: Kept,
    traits: Rows,
    main: int,
    boilerplate: Rows,
) -> Rows:
    """Return the containers from `main` down to the best one."""
    sums = prefix_sums(blocks, scores, kept)
    container_scores = _score_containers(containers, blocks, scores, kept, traits)
    # Boilerplate that was spared (too much of the page is in it) may hold the main text, but has to
    # be that much better. Containers inside one that was rated are rated with it, once.
    done = 0
    for i in boilerplate:
        if i >= done and containers[i, FIRST] < len(kept) and kept[containers[i, FIRST]]:
            done = subtree_end(containers, i)
            for inside in range(i, done):
                container_scores[inside] *= _BOILERPLATE_FACTOR
    best = main
    for i in range(main, subtree_end(containers, main)):
        if container_scores[i] > 0:
            start, end = containers[i, FIRST], containers[i, END]
            units = range_sum(sums, start, end, OF_UNITS)
            # Readability's link density: a list of teasers has paragraphs, too.
            container_scores[i] *= 1 - range_sum(sums, start, end, OF_LINKS) / max(1.0, units)
            if container_scores[i] > container_scores[best]:
                best = i
    # A table or list is never the place of all the text: what stands before and after it is, too.
    while best != main and traits[containers[best, TAG]] & PART:
        best = containers[best, PARENT]
    depth, i = 1, best
    while i != main:
        depth, i = depth + 1, containers[i, PARENT]
    path = np.empty(depth, np.int64)
    while depth > 0:
        depth -= 1
        path[depth] = best
        best = containers[best, PARENT]
    return path


@kernel
def subtree_end(containers: Rows, container: int) -> int:
    """Return the first container that is not inside a container."""
    after = container + 1
    while after < len(containers) and containers[after, PARENT] >= container:
        after += 1
    return after


@kernel
def _score_containers(
    containers: Rows, blocks: Rows, scores: Floats, kept: Kept, traits: Rows
) -> Floats:
    container_scores = np.zeros(len(containers))
    for block in range(len(blocks)):
        value = scores[block, VALUE]
        if value == 0 or not kept[block]:
            continue
        container = blocks[block, HOME]
        # Of a paragraph in a <figure> or <header> the value goes to what is around.
        if not traits[containers[container, TAG]] & FLOWS:
            container = containers[container, PARENT]
        for _ in range(_LEVELS):
            if container < 0:
                break
            container_scores[container] += value
            value *= _DECAY
            container = containers[container, PARENT]
            # The frame of a table costs no level: pages laid out by tables nest three of its
            # elements where others nest one <div>.
            for _ in range(_TABLE):
                if container <= 0 or not _is_frame(containers, traits, container):
                    break
                container = containers[container, PARENT]
    return container_scores


@kernel
def _is_frame(containers: Rows, traits: Rows, container: int) -> bool:
    tag = containers[container, TAG]
    return traits[tag] & PART > 0 and tag != _LI  # type: ignore[no-any-return]


@kernel
def is_unnamed_table_layout(
    containers: Rows, blocks: Rows, scores: Floats, kept: Kept, path: Rows
) -> bool:
    """Tell whether this is a short page laid out by tables, without names: it is kept whole.

    Unless it is mostly links, which then do tell.
    """
    for i in range(len(containers)):
        if containers[i, WEIGHT]:
            return False
    by_tables = False
    for i in path:
        by_tables = by_tables or containers[i, TAG] == _TD
    if not by_tables:
        return False
    sums = prefix_sums(blocks, scores, kept)
    start, end = containers[path[0], FIRST], containers[path[0], END]
    units = range_sum(sums, start, end, OF_UNITS)
    return units < _SHORT_PAGE and range_sum(sums, start, end, OF_LINKS) < _MIXED_LINKS * units


@kernel
def keep_related_siblings(
    containers: Rows, blocks: Rows, scores: Floats, kept: Kept, path: Rows
) -> None:
    """Drop the blocks that neither are the core nor belong to it."""
    sums = prefix_sums(blocks, scores, kept)
    taken = np.zeros(len(kept), np.bool_)
    best = path[-1]
    taken[containers[best, FIRST] : containers[best, END]] = True
    best_value = range_sum(sums, containers[best, FIRST], containers[best, END], OF_VALUES)
    # Of each container on the path its level, of all others -1: what has its parent on the path is
    # a neighbour, and what lies deeper is judged with the neighbour around it.
    level_of = np.full(len(containers), np.int64(-1))
    strict = np.zeros(len(path), np.bool_)  # above an <article> or <main>
    for level in range(len(path) - 2, -1, -1):
        level_of[path[level]] = level
        is_main = containers[path[level + 1], WEIGHT] == MAIN
        # From the inside out: above a strict level all are.
        strict[level] = strict[level + 1] or is_main
    for other in range(1, len(containers)):
        level = level_of[containers[other, PARENT]]
        if level >= 0 and other != path[level + 1]:
            child = path[level + 1]
            if _is_related_sibling(
                containers, blocks, kept, sums, other, child, strict[level], best_value
            ):
                taken[containers[other, FIRST] : containers[other, END]] = True
    for block in range(len(blocks)):
        level = level_of[blocks[block, HOME]]
        if level >= 0 and not strict[level] and scores[block, SHARE] < _LOOSE_LINKS:
            taken[block] = True
        kept[block] = kept[block] and taken[block]


@kernel
def _is_related_sibling(
    containers: Rows,
    blocks: Rows,
    kept: Kept,
    sums: Floats,
    other: int,
    child: int,
    strict: bool,
    best_value: float,
) -> bool:
    """Tell whether a neighbour of a container on the way to the core belongs to the main text.

    Above an <article> or <main>, only its likes and what leads up to it do.
    """
    start, end = containers[other, FIRST], containers[other, END]
    units, links = range_sum(sums, start, end, OF_UNITS), range_sum(sums, start, end, OF_LINKS)
    if units == 0 or links >= _FEW_LINKS * units or is_teaser_list(sums, start, end):
        return False
    value = range_sum(sums, start, end, OF_VALUES)
    alike = (
        containers[other, TAG] == containers[child, TAG]
        and containers[other, NAME] == containers[child, NAME]
    )
    before = other < child
    # An <article> says that it is all of the text, so a neighbour needs a reason: a further article
    # of the thread, or a standfirst above. Elsewhere running text is reason enough, less so below
    # the text, where comments and teasers stand.
    if strict:
        leads_up = before and value > 80 and value >= units / 2
        return (alike and value > 0.1 * best_value) or leads_up
    if alike or value >= (0.3 if before else 0.4) * units:
        return True
    return links < 0.2 * units and _is_structured(blocks, kept, start, end)


@kernel
def _is_structured(blocks: Rows, kept: Kept, start: int, end: int) -> bool:
    """Tell whether blocks hold code or terms, or are a section with a heading and more."""
    # Examples of a manual (code) and glossaries have no sentences, and belong to the text.
    count, headed = 0, False  # kept blocks so far; whether the first of them is a heading
    for block in range(start, end):
        if kept[block]:
            kind = blocks[block, KIND]
            if kind in (_PRE, _DT):
                return True
            if count == 0:
                headed = is_heading(kind)
            count += 1
    return headed and count > 1
