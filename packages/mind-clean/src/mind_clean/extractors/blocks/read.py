"""From the HTML of a page to its blocks of text.

lexbor parses the page and writes its tree again, in one strict form; kernels read that. Python sees
each container once, to weigh what its attributes say.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from selectolax.lexbor import LexborHTMLParser

from mind_clean.extractors.blocks.assemble import (
    BLOCKS,
    CHARACTERS,
    CONTAINERS,
    PASSED,
    PASSED_BY_NAME,
    Columns,
    assemble,
    room_for,
)
from mind_clean.extractors.blocks.attributes import Weighed, plain_weight, weigh
from mind_clean.extractors.blocks.elements import HEADINGS, words
from mind_clean.extractors.blocks.outline import (
    ATTRIBUTES,
    BITS,
    FIELDS,
    INNER,
    MEANS,
    NUMBER,
    OPENED,
    WEIGHT,
    Outline,
    find_elements,
)
from mind_clean.extractors.blocks.page import Page
from mind_clean.extractors.blocks.tags import CONTAINER, NAMES, NUMBERS, tags
from mind_clean.extractors.blocks.typeset import START
from mind_clean.extractors.bounds import bounded
from mind_clean.extractors.encodable import encoded
from mind_clean.extractors.xhtml import with_end_tags

_HARMLESS = 4000  # tags left open; nested so deep they cost lexbor 50 ms
_STRIPPED = sorted(
    words("script style noscript template svg select button iframe textarea noframes")
)
_VERBATIM = ["xmp", "plaintext", "noembed"]
"""Written without entities; between other elements, their text is written as any other."""
_LITTLE = 300  # characters
_MUCH = 0.5
_LINKED = 0.6
_LESS = ord("<")
_LARGE = 1 << 20
"""Buffers for more elements than this are given back after the page that needed them."""


class Buffers(NamedTuple):
    """Hold the working memory of the kernels for pages of up to so many elements."""

    outline: Outline
    open_elements: npt.NDArray[np.int64]
    columns: Columns


def read(html: str) -> Page:
    """Return the blocks of a page; a page without a body has none.

    What is set apart is passed over unseen, but for its number of characters. If that leaves
    little of the page, or if much of it is apart by a mere name, the page is read again with open
    eyes.
    """
    tree = LexborHTMLParser(bounded(with_end_tags(encoded(html)), _HARMLESS))
    if tree.body is None:
        return Page()
    tree.strip_tags(_STRIPPED)
    source = _source(tree)
    del tree
    data = np.frombuffer(source, np.uint8)
    buffers = _room_for(int(np.count_nonzero(data == _LESS)) + 1)
    elements = find_elements(data, tags(), buffers.outline, buffers.open_elements)
    weighed = _weigh(source, buffers.outline[:elements])
    out, state = np.empty(len(data), np.uint8), buffers.columns.state
    assemble(data, buffers.outline, elements, True, out, *buffers.columns)
    passed = state[PASSED] + state[PASSED_BY_NAME]
    seen = state[CHARACTERS] - passed
    if passed and (
        seen < _LITTLE or state[PASSED_BY_NAME] > _MUCH * (seen + state[PASSED_BY_NAME])
    ):
        assemble(data, buffers.outline, elements, False, out, *buffers.columns)
    return _page(out, buffers.outline, buffers.columns, weighed)


def _source(tree: LexborHTMLParser) -> bytes:
    """Return the body as the parser writes it."""
    assert tree.body is not None
    source = (tree.body.html or "").encode()
    if any(b"<" + tag.encode() in source for tag in _VERBATIM):
        tree.unwrap_tags(_VERBATIM)
        source = (tree.body.html or "").encode()
    return source


_buffers: list[Buffers] = []


def _room_for(elements: int) -> Buffers:
    """Return buffers for so many elements: the last ones if they will do."""
    if _buffers and elements <= len(_buffers[0].open_elements):
        return _buffers[0]
    size = 1 << max(12, (elements - 1).bit_length())
    outline = np.empty((size + 1, FIELDS), np.int64)
    made = Buffers(outline, np.empty(size, np.int64), room_for(size))
    if size <= _LARGE:
        _buffers[:] = [made]
    return made


def _weigh(source: bytes, outline: Outline) -> dict[int, Weighed]:
    """Write the weight of each container; return what their attributes say."""
    numbers = outline[:, NUMBER]
    outline[:, WEIGHT] = _plain_weights()[numbers]
    asked = (outline[:, MEANS] == CONTAINER) | (numbers == NUMBERS["p"])
    chosen = np.flatnonzero(asked & (outline[:, BITS] & ATTRIBUTES > 0))
    if not len(chosen):
        return {}
    tags = [source[start:end] for start, end in outline[chosen, OPENED : INNER + 1].tolist()]
    said = weigh(tags)
    outline[chosen, WEIGHT] = [weighed.weight for weighed in said]
    return dict(zip(chosen.tolist(), said, strict=True))


@cache
def _plain_weights() -> npt.NDArray[np.int8]:
    """Return the weight of each element without attributes."""
    return np.array([plain_weight(name) for name in NAMES], np.int8)


def _page(
    out: npt.NDArray[np.uint8], outline: Outline, columns: Columns, weighed: dict[int, Weighed]
) -> Page:
    """Return what the kernels found as lists, which Python is quicker with."""
    state = columns.state
    text = out[: state[START]].tobytes().decode()
    elements, parents, starts, ends = columns.containers[: state[CONTAINERS]].T.tolist()
    text_ends, kind_numbers, homes, units = columns.blocks[: state[BLOCKS]].T.tolist()
    linked, values = columns.figures[: state[BLOCKS]].T.tolist()
    tags = [NAMES[number] for number in outline[elements, NUMBER].tolist()]
    kinds = [NAMES[number] for number in kind_numbers]
    said = [weighed.get(element) for element in elements]
    said[0] = None
    return Page(
        tags=tags,
        parents=parents,
        weights=[0, *outline[elements[1:], WEIGHT].tolist()],
        names=[s.names if s else "" for s in said],
        mains=[
            number
            for number, (s, tag) in enumerate(zip(said, tags, strict=True))
            if (s.is_main if s else tag == "main")
        ],
        starts=starts,
        ends=ends,
        texts=[text[start:end] for start, end in pairwise([0, *text_ends])],
        kinds=kinds,
        homes=homes,
        linked=linked,
        units=units,
        linked_headings=[
            share >= _LINKED and kind in HEADINGS for share, kind in zip(linked, kinds, strict=True)
        ],
        values=values,
        characters=int(state[CHARACTERS]),
    )
