"""Put the blocks of a page together, in one loop over its source as its parser writes it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mind_clean.extractors.blocks import inline_text
from mind_clean.extractors.blocks.block_scores import value_of
from mind_clean.extractors.blocks.element_index import (
    AFTER,
    CLOSED,
    EMPTY_BLOCK,
    INNER,
    LAST,
    LINE_BREAK,
    NUMBER,
    OPENED,
    SET_APART,
    Outline,
    find,
    meaning,
    skip_comment,
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
    TO,
    begin,
    finish,
    put_break,
    put_code,
    put_running,
    trimmed_length,
    visible,
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
    Figures,
    Rows,
)
from mind_clean.extractors.blocks.page import LENGTH as BLOCK_LENGTH
from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes, Offsets

_BODY, _BR, _P, _PRE = (NUMBERS[name] for name in ("body", "br", "p", "pre"))
_LI, _TD, _TH = (NUMBERS[name] for name in ("li", "td", "th"))
_LESS, _SLASH, _GREATER = (np.uint8(ord(c)) for c in "</>")
_FEED = np.uint8(10)
_HAN_UNITS = 0.85  # of three bytes: about two and a half Latin letters

BLOCKS, CONTAINERS, CHARACTERS, PASSED, PASSED_BY_NAME, _LINKS, _LINK, _CODE = range(
    inline_text.FIELDS, inline_text.FIELDS + 8
)
"""Fields of the state beside those of `typeset`: blocks, containers and visible characters so far;
of these apart by an element, and by a name; open links, characters of links in the block, open
<pre>."""


class Columns(NamedTuple):
    """Hold what is found, and the working memory."""

    containers: Rows
    blocks: Rows
    figures: Figures
    state: Offsets
    stack: Offsets
    """For each open element its number in the outline, what it is, the kind around it, and the
    names of the element of that kind."""


def room_for(elements: int) -> Columns:
    """Return columns with room for the containers and blocks of so many elements."""
    return Columns(
        np.empty((elements + 1, 8), np.int64),
        np.empty((2 * elements + 2, 7), np.int64),
        np.empty((2 * elements + 2, 2), np.float64),
        np.zeros(inline_text.FIELDS + 8, np.int64),
        np.empty((elements + 1, 4), np.int64),
    )


@kernel("void(u1[], i8[,], i8, b1, u1[], i8[,], i8[,], f8[,], i8[], i8[,])")
def assemble(
    data: Bytes,
    outline: Outline,
    elements: int,
    pass_over: bool,
    out: Bytes,
    containers: Rows,
    blocks: Rows,
    figures: Figures,
    state: Offsets,
    stack: Offsets,
) -> None:
    """Write the containers, the blocks and their texts.

    With `pass_over`, what its weight sets apart is counted, not read, unless something in it is
    hidden, which must not be counted.
    """
    state[:] = 0
    state[CONTAINERS] = 1
    containers[0] = 0
    containers[0, TAG], containers[0, PARENT] = _BODY, -1
    container, kind, depth, element, owner = 0, _BODY, 0, 1, 0
    at, end = outline[0, INNER], outline[0, CLOSED]
    while at < end or depth:
        if depth and outline[stack[depth - 1, 0], CLOSED] <= at:
            depth -= 1
            what = stack[depth, 1]
            if what == LINK:
                state[_LINKS] -= 1
            elif what >= LEAF:
                _flush(out, blocks, figures, state, kind, container, owner)
                if what == LEAF:
                    state[_CODE] -= kind == _PRE
                else:
                    container = _leave(containers, state, what)
                kind, owner = stack[depth, 2], stack[depth, 3]
            at = max(at, outline[stack[depth, 0], AFTER])
        elif at >= end:
            break
        elif data[at] != _LESS:
            stop = find(data, at, _LESS)
            _put(data, at, stop, out, state)
            at = stop
        elif element >= elements or outline[element, OPENED] != at:
            at = find(data, at, _GREATER) + 1 if data[at + 1] == _SLASH else skip_comment(data, at)
        else:
            what = meaning(data, outline, element, pass_over)
            if what == LINK:
                state[_LINKS] += 1
            elif what > INLINE or what in (EMPTY_BLOCK, SET_APART):
                _flush(out, blocks, figures, state, kind, container, owner)
            if what <= HIDDEN_FROM_READERS:
                if what == LINE_BREAK:
                    put_break(out, state, state[_CODE] > 0)
                elif what == SET_APART:
                    _count_apart(data, outline, element, state)
                at = outline[element, AFTER]
                element = outline[element, LAST] + 1
                continue
            if what == CONTAINER:
                what = _open(containers, outline, state, element, container)
                container = what
            elif outline[element, NUMBER] == _PRE:
                state[_CODE] += 1
            _push(stack, depth, element, what, kind, owner)
            depth += 1
            if what >= LEAF:
                kind, owner = outline[element, NUMBER], outline[element, NAMED]
            at = outline[element, INNER]
            element += 1
    _flush(out, blocks, figures, state, kind, container, owner)
    containers[0, END] = state[BLOCKS]


@kernel
def _push(stack: Offsets, depth: int, element: int, what: int, kind: int, owner: int) -> None:
    stack[depth, 0], stack[depth, 1] = element, what
    stack[depth, 2], stack[depth, 3] = kind, owner


@kernel
def _put(data: Bytes, at: int, end: int, out: Bytes, state: Offsets) -> None:
    """Add a run of text to the block."""
    if state[_CODE]:
        put_code(data, at, end, out, state)
    else:
        put_running(data, at, end, out, state)
    if state[_LINKS]:
        state[_LINK] += trimmed_length(data, at, end)


@kernel
def _open(containers: Rows, outline: Outline, state: Offsets, element: int, container: int) -> int:
    """Open a container and return its number."""
    opened = state[CONTAINERS]
    containers[opened, ELEMENT], containers[opened, PARENT] = element, container
    containers[opened, FIRST], containers[opened, END] = state[BLOCKS], 0
    containers[opened, TAG], containers[opened, NAME] = (
        outline[element, NUMBER],
        outline[element, NAMED],
    )
    containers[opened, WEIGHT] = outline[element, WEIGHED]
    containers[opened, IS_MAIN] = outline[element, SAYS_MAIN]
    state[CONTAINERS] += 1
    return opened  # type: ignore[no-any-return]


@kernel
def _leave(containers: Rows, state: Offsets, container: int) -> int:
    """Close a container and return the one around it; what holds nothing is forgotten."""
    containers[container, END] = state[BLOCKS]
    if containers[container, FIRST] < state[BLOCKS]:
        state[CHARACTERS] += containers[container, TAG] in (_LI, _TD, _TH)
    elif container == state[CONTAINERS] - 1:
        state[CONTAINERS] -= 1
    return containers[container, PARENT]  # type: ignore[no-any-return]


@kernel
def _flush(
    out: Bytes,
    blocks: Rows,
    figures: Figures,
    state: Offsets,
    kind: int,
    container: int,
    owner: int,
) -> None:
    """Make what was put together a block of its own, if it holds any text."""
    link, state[_LINK] = state[_LINK], 0
    if state[TO] > state[START]:
        finish(out, state, state[_CODE] > 0)
    length = state[LENGTH]
    if length:
        block, size = state[BLOCKS], state[TO] - state[START]
        share = min(1.0, link / length) if link else 0.0
        units = length if size == length else int(size * _HAN_UNITS)
        blocks[block, KIND], blocks[block, HOME], blocks[block, UNITS] = kind, container, units
        blocks[block, BLOCK_LENGTH], blocks[block, TEXT_END] = length, state[TO]
        blocks[block, OWNER] = owner
        blocks[block, LINES] = _has_lines(out, state[START], state[TO])
        figures[block, SHARE] = share
        figures[block, VALUE] = value_of(out, state[START], state[TO], kind, units, share)
        state[CHARACTERS] += state[SEEN]
        state[BLOCKS] += 1
        state[START] = state[TO]
    begin(state)


@kernel
def _has_lines(text: Bytes, start: int, end: int) -> bool:
    while start < end and text[start] != _FEED:
        start += 1
    return start < end


@kernel
def _count_apart(data: Bytes, outline: Outline, element: int, state: Offsets) -> None:
    """Count the characters of all the text in an element that are not white space."""
    apart = outline[element, WEIGHED]
    at, end, seen = outline[element, INNER], outline[element, CLOSED], 0
    last = outline[element, LAST]
    element += 1
    while at < end:
        if data[at] != _LESS:
            stop = find(data, at, _LESS)
            seen += visible(data, at, stop)
            at = stop
        elif element <= last and outline[element, OPENED] == at:
            at = outline[element, INNER]
            element += 1
        else:
            at = find(data, at, _GREATER) + 1 if data[at + 1] == _SLASH else skip_comment(data, at)
    state[CHARACTERS] += seen
    state[PASSED if apart == BOILERPLATE else PASSED_BY_NAME] += seen
