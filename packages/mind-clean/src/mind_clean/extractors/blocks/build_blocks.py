"""Put the blocks of a page together, in one loop over its source as its parser writes it."""

from __future__ import annotations

import numpy as np

from mind_clean.character_counts import count_trimmed, count_visible_source
from mind_clean.extractors.blocks.block_scores import score_block
from mind_clean.extractors.blocks.element_index import (
    AFTER,
    CLOSED,
    EMPTY_BLOCK,
    INNER,
    LAST,
    LINE_BREAK,
    NUMBER,
    OPENED,
    SKIPPED_ELEMENT,
    ElementIndex,
    classify_element,
    find_byte,
    skip_markup,
)
from mind_clean.extractors.blocks.element_index import IS_MAIN as SAYS_MAIN
from mind_clean.extractors.blocks.element_index import NAME as NAMED
from mind_clean.extractors.blocks.element_index import WEIGHT as WEIGHED
from mind_clean.extractors.blocks.element_rules import (
    BOILERPLATE,
    CONTAINER,
    HIDDEN_FROM_READERS,
    INLINE,
    LEAF,
    LINK,
    NUMBERS,
)
from mind_clean.extractors.blocks.inline_text import (
    LENGTH,
    SEEN,
    START,
    TEXT_FIELDS,
    TO,
    add_break,
    add_code,
    add_text,
    begin_block,
    finish_block,
    has_line_feed,
)
from mind_clean.extractors.blocks.page import (
    ELEMENT,
    END,
    FIRST,
    HOME,
    IS_MAIN,
    KIND,
    LINES,
    NAME,
    OWNER,
    PARENT,
    SHARE,
    TAG,
    TEXT_END,
    UNITS,
    VALUE,
    WEIGHT,
    Floats,
    Rows,
)
from mind_clean.extractors.blocks.page import LENGTH as BLOCK_LENGTH
from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes, Offsets

_BODY, _PRE = NUMBERS["body"], NUMBERS["pre"]
_LI, _TD, _TH = (NUMBERS[name] for name in ("li", "td", "th"))
_LESS = np.uint8(ord("<"))
_HAN_UNITS = 0.85  # of three bytes: about two and a half Latin letters

# Fields of the state of the page, after those of the block that `inline_text` keeps:
BLOCKS = TEXT_FIELDS  # blocks so far
CONTAINERS = TEXT_FIELDS + 1  # containers so far, without those that held nothing
CHARACTERS = TEXT_FIELDS + 2  # visible characters so far, skipped ones with them
SKIPPED = TEXT_FIELDS + 3  # of these in elements that are boilerplate by kind or role
SKIPPED_BY_NAME = TEXT_FIELDS + 4  # of these in elements that are so by class or id
_OPEN_LINKS = TEXT_FIELDS + 5  # how many links are open: a table in a link may hold another
_LINK_CHARACTERS = TEXT_FIELDS + 6  # characters of the block that are text of links
_OPEN_CODE = TEXT_FIELDS + 7  # how many <pre> are open
STATE_FIELDS = TEXT_FIELDS + 8


@kernel("void(u1[], i8[,], i8, b1, u1[], i8[,], i8[,], f8[,], i8[], i8[,])")
def build_blocks(
    data: Bytes,
    index: ElementIndex,
    elements: int,
    skip_boilerplate: bool,
    out: Bytes,
    containers: Rows,
    blocks: Rows,
    scores: Floats,
    state: Offsets,
    stack: Offsets,
) -> None:
    """Write the containers, the blocks and their texts.

    With `skip_boilerplate`, elements of negative weight are counted, not read, unless something in
    them is hidden, which must not be counted.
    """
    _begin_page(containers, state)
    container = 0  # the innermost open one
    kind, owner = _BODY, 0  # the nearest block element around the text, and the number of its names
    depth = 0  # of the stack
    element = 1  # the next of the index that has not been met
    at, end = index[0, INNER], index[0, CLOSED]
    while at < end or depth:
        # Elements close before anything else happens at a place: an element without an end tag
        # ends where its parent does.
        if depth and index[stack[depth - 1, 0], CLOSED] <= at:
            depth -= 1
            meaning = stack[depth, 1]
            if meaning == LINK:
                state[_OPEN_LINKS] -= 1
            elif meaning >= LEAF:
                _end_block(out, blocks, scores, state, kind, container, owner)
                if meaning == LEAF:
                    state[_OPEN_CODE] -= kind == _PRE
                else:
                    container = _close_container(containers, state, meaning)
                kind, owner = stack[depth, 2], stack[depth, 3]
            at = max(at, index[stack[depth, 0], AFTER])
        elif at >= end:
            break
        elif data[at] != _LESS:
            stop = find_byte(data, at, _LESS)
            _add_run(data, at, stop, out, state)
            at = stop
        # Not a start tag, as these come in the order of the index: an end tag or a comment.
        elif element >= elements or index[element, OPENED] != at:
            at = skip_markup(data, at)
        else:
            meaning = classify_element(data, index, element, skip_boilerplate)
            if meaning == LINK:
                state[_OPEN_LINKS] += 1
            elif meaning > INLINE or meaning in (EMPTY_BLOCK, SKIPPED_ELEMENT):
                _end_block(out, blocks, scores, state, kind, container, owner)
            if meaning <= HIDDEN_FROM_READERS:
                _skip_element(data, index, element, meaning, out, state)
                at = index[element, AFTER]
                element = index[element, LAST] + 1
                continue
            if meaning == CONTAINER:
                meaning = _open_container(containers, index, state, element, container)
                container = meaning
            elif index[element, NUMBER] == _PRE:
                state[_OPEN_CODE] += 1
            _push_element(stack, depth, element, meaning, kind, owner)
            depth += 1
            if meaning >= LEAF:
                kind, owner = index[element, NUMBER], index[element, NAMED]
            at = index[element, INNER]
            element += 1
    _end_block(out, blocks, scores, state, kind, container, owner)
    containers[0, END] = state[BLOCKS]


@kernel
def _begin_page(containers: Rows, state: Offsets) -> None:
    """Open the body, container 0."""
    state[:] = 0
    state[CONTAINERS] = 1
    containers[0] = 0
    containers[0, TAG], containers[0, PARENT] = _BODY, -1


@kernel
def _skip_element(
    data: Bytes, index: ElementIndex, element: int, meaning: int, out: Bytes, state: Offsets
) -> None:
    """Take an element whose inside is not read: a line break, or counted boilerplate."""
    if meaning == LINE_BREAK:
        add_break(out, state, state[_OPEN_CODE] > 0)
    elif meaning == SKIPPED_ELEMENT:
        _count_skipped(data, index, element, state)


@kernel
def _push_element(
    stack: Offsets, depth: int, element: int, meaning: int, kind: int, owner: int
) -> None:
    stack[depth, 0], stack[depth, 1] = element, meaning
    stack[depth, 2], stack[depth, 3] = kind, owner


@kernel
def _add_run(data: Bytes, at: int, end: int, out: Bytes, state: Offsets) -> None:
    """Add a run of text to the block."""
    if state[_OPEN_CODE]:
        add_code(data, at, end, out, state)
    else:
        add_text(data, at, end, out, state)
    if state[_OPEN_LINKS]:
        state[_LINK_CHARACTERS] += count_trimmed(data, at, end)


@kernel
def _open_container(
    containers: Rows, index: ElementIndex, state: Offsets, element: int, container: int
) -> int:
    """Open a container and return its number."""
    opened = state[CONTAINERS]
    containers[opened, ELEMENT], containers[opened, PARENT] = element, container
    containers[opened, FIRST], containers[opened, END] = state[BLOCKS], 0
    containers[opened, TAG], containers[opened, NAME] = (
        index[element, NUMBER],
        index[element, NAMED],
    )
    containers[opened, WEIGHT] = index[element, WEIGHED]
    containers[opened, IS_MAIN] = index[element, SAYS_MAIN]
    state[CONTAINERS] += 1
    return opened  # type: ignore[no-any-return]


@kernel
def _close_container(containers: Rows, state: Offsets, container: int) -> int:
    """Close a container and return the one around it; what holds nothing is forgotten."""
    containers[container, END] = state[BLOCKS]
    if containers[container, FIRST] < state[BLOCKS]:
        state[CHARACTERS] += containers[container, TAG] in (_LI, _TD, _TH)
    elif container == state[CONTAINERS] - 1:  # nothing was opened after it, so its row is free
        state[CONTAINERS] -= 1
    return containers[container, PARENT]  # type: ignore[no-any-return]


@kernel
def _end_block(
    out: Bytes,
    blocks: Rows,
    scores: Floats,
    state: Offsets,
    kind: int,
    container: int,
    owner: int,
) -> None:
    """Make what was put together a block of its own, if it holds any text."""
    link, state[_LINK_CHARACTERS] = state[_LINK_CHARACTERS], 0
    if state[TO] > state[START]:
        finish_block(out, state, state[_OPEN_CODE] > 0)
    length = state[LENGTH]
    if length:
        block, size = state[BLOCKS], state[TO] - state[START]
        # Characters of links are counted in the source, where white space may be more than in the
        # block.
        share = min(1.0, link / length) if link else 0.0
        # As many bytes as characters is ASCII. Others are counted by bytes, which makes three
        # bytes of Han two and a half letters without a table of scripts.
        units = length if size == length else int(size * _HAN_UNITS)
        blocks[block, KIND], blocks[block, HOME], blocks[block, UNITS] = kind, container, units
        blocks[block, BLOCK_LENGTH], blocks[block, TEXT_END] = length, state[TO]
        blocks[block, OWNER] = owner
        blocks[block, LINES] = has_line_feed(out, state[START], state[TO])
        scores[block, SHARE] = share
        scores[block, VALUE] = score_block(out, state[START], state[TO], kind, units, share)
        state[CHARACTERS] += state[SEEN]
        state[BLOCKS] += 1
        state[START] = state[TO]
    begin_block(state)


@kernel
def _count_skipped(data: Bytes, index: ElementIndex, element: int, state: Offsets) -> None:
    """Count the characters of all the text in an element that are not white space."""
    weight = index[element, WEIGHED]
    at, end, seen = index[element, INNER], index[element, CLOSED], 0
    last = index[element, LAST]
    element += 1
    while at < end:
        if data[at] != _LESS:
            stop = find_byte(data, at, _LESS)
            seen += count_visible_source(data, at, stop)
            at = stop
        elif element <= last and index[element, OPENED] == at:
            at = index[element, INNER]
            element += 1
        else:
            at = skip_markup(data, at)
    state[CHARACTERS] += seen
    state[SKIPPED if weight == BOILERPLATE else SKIPPED_BY_NAME] += seen
