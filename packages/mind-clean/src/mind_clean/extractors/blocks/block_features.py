"""What the judge of blocks knows of each block: itself, its place, its neighbours, its page."""

from __future__ import annotations

from typing import Any

import numpy as np

from mind_clean.extractors.blocks.block_scores import OF_LINKS, OF_UNITS, OF_VALUES, prefix_sums
from mind_clean.extractors.blocks.element_rules import (
    BOILERPLATE,
    BOILERPLATE_BY_NAME,
    MAIN,
    NUMBERS,
)
from mind_clean.extractors.blocks.page import (
    END,
    FIRST,
    HOME,
    IS_MAIN,
    KIND,
    LENGTH,
    LINES,
    NAME,
    OWNER,
    PARENT,
    SHARE,
    TAG,
    UNITS,
    VALUE,
    WEIGHT,
    Floats,
    Kept,
    Rows,
    example_page,
    find_sibling_kinds,
)
from mind_clean.extractors.blocks.text_features import (
    OF_TEXT,
    Features,
    Scores,
    write_text_features,
)
from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes

_KINDS = (
    "p", "h1", "h2", "h3", "h4", "h5", "h6", "li", "td", "th", "dt", "dd", "pre", "blockquote",
    "div", "section", "article", "figcaption", "address", "summary",
)  # fmt: skip
_KIND_OF = np.zeros(len(NUMBERS), np.int64)
for _place, _name in enumerate(_KINDS, 1):
    _KIND_OF[NUMBERS[_name]] = _place
_LISTS = np.array([NUMBERS[tag] for tag in ("ul", "ol", "dl")], np.int64)
_TABLE, _FORM, _ARTICLE = NUMBERS["table"], NUMBERS["form"], NUMBERS["article"]

OF_BLOCK, OF_PLACE, OF_REPEATS, OF_NEIGHBOURS, OF_PAGE = 0, 26, 46, 56, 78
assert OF_BLOCK + 8 == OF_TEXT
FEATURES = 88
"""Where the groups of features begin, and how many there are."""


def compute_features(
    containers: Rows,
    blocks: Rows,
    scores: Floats,
    text: Bytes,
    kept: Kept,
    name_scores: Scores,
    word_scores: Scores,
) -> Features:
    """Return the features of each block, float32 of shape (blocks, `FEATURES`).

    `kept` is what the rules choose; `name_scores` holds a score for each number of names, and
    `word_scores` one for each bucket of hashed words.
    """
    out = np.zeros((len(blocks), FEATURES), np.float32)
    _compute_features(containers, blocks, scores, text, kept, name_scores, word_scores, out)
    return out


def _example() -> tuple[Any, ...]:
    """Return what `_compute_features` takes, for a page of one block."""
    scores = np.zeros(1, np.int8), np.zeros(1 << 20, np.int8)
    rest = np.zeros(1, np.uint8), np.ones(1, np.bool_), *scores
    return *example_page()[:3], *rest, np.zeros((1, FEATURES), np.float32)


@kernel("void(i8[,], i8[,], f8[,], u1[], b1[], i1[], i1[], f4[,])", example=_example)
def _compute_features(
    containers: Rows,
    blocks: Rows,
    scores: Floats,
    text: Bytes,
    kept: Kept,
    name_scores: Scores,
    word_scores: Scores,
    out: Features,
) -> None:
    """Write the features of each block into zeros."""
    count = len(blocks)
    all_kept = np.ones(count, np.bool_)
    sums = prefix_sums(blocks, scores, all_kept)
    chosen = prefix_sums(blocks, scores, kept)
    write_text_features(blocks, text, word_scores, out)
    _place_features(containers, blocks, sums, chosen, name_scores, out)
    _repeat_features(containers, blocks, sums, chosen, out)
    _neighbour_features(blocks, scores, kept, sums, chosen, out)
    _page_features(blocks, scores, sums, chosen, out)
    for block in range(count):
        kind = blocks[block, KIND]
        out[block, OF_BLOCK] = _KIND_OF[kind]
        out[block, OF_BLOCK + 1] = blocks[block, UNITS]
        out[block, OF_BLOCK + 2] = blocks[block, LENGTH]
        out[block, OF_BLOCK + 3] = scores[block, SHARE]
        out[block, OF_BLOCK + 4] = scores[block, VALUE]
        out[block, OF_BLOCK + 5] = blocks[block, LINES]
        out[block, OF_BLOCK + 6] = kept[block]
        out[block, OF_BLOCK + 7] = name_scores[blocks[block, OWNER]]


@kernel
def _place_features(
    containers: Rows,
    blocks: Rows,
    sums: Floats,
    chosen: Floats,
    name_scores: Scores,
    out: Features,
) -> None:
    """Write what the containers around each block say."""
    size = len(containers)
    # What is known of a container from those around it; parents come first, so that one pass does.
    # Fields: 0 depth; depth of the innermost container that is boilerplate by kind (1), by name
    # (2), or main text (3); how many lists (4), tables (5), forms (6) and articles (7) are around;
    # of the scores of names the sum, less with each level (8), the lowest (9), highest (10) and own
    # (11).
    inside = np.zeros((size, 12), np.float32)
    for i in range(size):
        parent = containers[i, PARENT]
        if parent >= 0:
            for field in range(12):
                inside[i, field] = inside[parent, field]
        weight, tag = containers[i, WEIGHT], containers[i, TAG]
        score = name_scores[containers[i, NAME]]
        inside[i, 0] += 1
        if weight == BOILERPLATE:
            inside[i, 1] = inside[i, 0]
        if weight == BOILERPLATE_BY_NAME:
            inside[i, 2] = inside[i, 0]
        if weight == MAIN or containers[i, IS_MAIN]:
            inside[i, 3] = inside[i, 0]
        for wanted in _LISTS:
            inside[i, 4] += tag == wanted
        inside[i, 5] += tag == _TABLE
        inside[i, 6] += tag == _FORM
        inside[i, 7] += tag == _ARTICLE
        inside[i, 8] = inside[i, 8] * np.float32(0.75) + score
        inside[i, 9] = min(inside[i, 9], np.float32(score))
        inside[i, 10] = max(inside[i, 10], np.float32(score))
        inside[i, 11] = score
    for block in range(len(blocks)):
        home = blocks[block, HOME]
        for field in range(12):
            out[block, OF_PLACE + field] = inside[home, field]
        start, end = containers[home, FIRST], containers[home, END]
        units = sums[end, OF_UNITS] - sums[start, OF_UNITS]
        out[block, OF_PLACE + 12] = units
        out[block, OF_PLACE + 13] = (sums[end, OF_LINKS] - sums[start, OF_LINKS]) / max(1.0, units)
        out[block, OF_PLACE + 14] = end - start
        out[block, OF_PLACE + 15] = block - start
        above = max(0, containers[home, PARENT])
        start, end = containers[above, FIRST], containers[above, END]
        units = sums[end, OF_UNITS] - sums[start, OF_UNITS]
        out[block, OF_PLACE + 16] = units
        out[block, OF_PLACE + 17] = (sums[end, OF_LINKS] - sums[start, OF_LINKS]) / max(1.0, units)
        out[block, OF_PLACE + 18] = (sums[end, OF_VALUES] - sums[start, OF_VALUES]) / max(
            1.0, units
        )
        out[block, OF_PLACE + 19] = (chosen[end, OF_UNITS] - chosen[start, OF_UNITS]) / max(
            1.0, units
        )


@kernel
def _repeat_features(
    containers: Rows, blocks: Rows, sums: Floats, chosen: Floats, out: Features
) -> None:
    """Write what is known of the largest group of like siblings that each block is in."""
    size = len(containers)
    first = find_sibling_kinds(containers)
    # Sums over each kind of siblings, in the row of its first member.
    members, total, links = np.zeros(size), np.zeros(size), np.zeros(size)
    values, taken = np.zeros(size), np.zeros(size)
    for i in range(size):
        start, end = containers[i, FIRST], containers[i, END]
        kind = first[i]
        members[kind] += end > start
        total[kind] += sums[end, OF_UNITS] - sums[start, OF_UNITS]
        links[kind] += sums[end, OF_LINKS] - sums[start, OF_LINKS]
        values[kind] += sums[end, OF_VALUES] - sums[start, OF_VALUES]
        taken[kind] += chosen[end, OF_UNITS] - chosen[start, OF_UNITS]
    best = np.full(size, np.int64(-1))  # of each container, the member of the largest group
    whole = max(1.0, sums[len(blocks), OF_UNITS])
    for i in range(size):
        parent = containers[i, PARENT]
        if parent >= 0:
            best[i] = best[parent]
        # An inner group stands for an outer one that it is the better part of: rows, not their
        # table.
        if members[first[i]] >= 3 and (
            best[i] < 0 or total[first[i]] > total[first[best[i]]] * 0.6
        ):
            best[i] = i
    for block in range(len(blocks)):
        item = best[blocks[block, HOME]]
        if item < 0:
            # In no group; 0 would be the first block of a member.
            out[block, OF_REPEATS + 7] = -1
            continue
        kind = first[item]
        out[block, OF_REPEATS] = members[kind]
        out[block, OF_REPEATS + 1] = total[kind] / whole
        out[block, OF_REPEATS + 2] = total[kind] / members[kind]
        out[block, OF_REPEATS + 3] = links[kind] / max(1.0, total[kind])
        out[block, OF_REPEATS + 4] = values[kind] / max(1.0, total[kind])
        out[block, OF_REPEATS + 5] = taken[kind] / max(1.0, total[kind])
        out[block, OF_REPEATS + 6] = containers[item, END] - containers[item, FIRST]
        out[block, OF_REPEATS + 7] = block - containers[item, FIRST]
        start, end = containers[item, FIRST], containers[item, END]
        out[block, OF_REPEATS + 8] = sums[end, OF_UNITS] - sums[start, OF_UNITS]
        out[block, OF_REPEATS + 9] = values[kind] / max(1.0, sums[len(blocks), OF_VALUES])


@kernel
def _neighbour_features(
    blocks: Rows, scores: Floats, kept: Kept, sums: Floats, chosen: Floats, out: Features
) -> None:
    """Write what stands before and after each block, and where the chosen text lies."""
    count = len(blocks)
    first, last = count, -1  # the first and the last block that the rules choose
    for block in range(count):
        if kept[block]:
            first, last = min(first, block), block
    whole = max(1.0, sums[count, OF_UNITS])
    for block in range(count):
        to = OF_NEIGHBOURS
        for distance in (-2, -1, 1, 2):
            other = block + distance
            if other >= 0 and other < count:
                out[block, to] = blocks[other, UNITS]
                out[block, to + 1] = scores[other, SHARE]
                out[block, to + 2] = _KIND_OF[blocks[other, KIND]]
            else:
                out[block, to] = -1
            to += 3
        for reach in (3, 10):
            start, end = max(0, block - reach), min(count, block + reach + 1)
            units = max(1.0, sums[end, OF_UNITS] - sums[start, OF_UNITS])
            out[block, to] = (chosen[end, OF_UNITS] - chosen[start, OF_UNITS]) / units
            out[block, to + 1] = (sums[end, OF_VALUES] - sums[start, OF_VALUES]) / units
            out[block, to + 2] = (sums[end, OF_LINKS] - sums[start, OF_LINKS]) / units
            to += 3
        out[block, to] = sums[block, OF_UNITS] / whole
        out[block, to + 1] = block / count
        out[block, to + 2] = block - first
        out[block, to + 3] = last - block


@kernel
def _page_features(
    blocks: Rows, scores: Floats, sums: Floats, chosen: Floats, out: Features
) -> None:
    """Write what is the same for all blocks of a page."""
    count = len(blocks)
    whole = max(1.0, sums[count, OF_UNITS])
    paragraphs, items, cells, headings, long = 0.0, 0.0, 0.0, 0.0, 0.0
    for block in range(count):
        kind = _KIND_OF[blocks[block, KIND]]
        units = blocks[block, UNITS]
        paragraphs += units * (kind == 1)
        headings += units * (kind >= 2 and kind <= 7)
        items += units * (kind == 8)
        cells += units * (kind == 9 or kind == 10)
        long += units * (units >= 200 and scores[block, SHARE] < 0.3)
    for block in range(count):
        row = out[block]
        row[OF_PAGE] = count
        row[OF_PAGE + 1] = whole
        row[OF_PAGE + 2] = sums[count, OF_LINKS] / whole
        row[OF_PAGE + 3] = sums[count, OF_VALUES] / whole
        row[OF_PAGE + 4] = chosen[count, OF_UNITS] / whole
        row[OF_PAGE + 5] = paragraphs / whole
        row[OF_PAGE + 6] = items / whole
        row[OF_PAGE + 7] = cells / whole
        row[OF_PAGE + 8] = headings / whole
        row[OF_PAGE + 9] = long / whole
