"""From the HTML of a page to its blocks of text.

lexbor parses the page and writes its tree again, in one strict form; kernels read that. Python sees
each container once, to weigh what its attributes say.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from selectolax.lexbor import LexborHTMLParser

from mind_clean.extractors.blocks.build_blocks import (
    BLOCKS,
    CHARACTERS,
    SKIPPED_BY_NAME,
    STATE_FIELDS,
    build_blocks,
)
from mind_clean.extractors.blocks.element_index import (
    FIELDS,
    INNER,
    IS_MAIN,
    OPENED,
    WEIGHT,
    ElementIndex,
    find_elements,
)
from mind_clean.extractors.blocks.element_rules import VERBATIMS, load_tags, word_set
from mind_clean.extractors.blocks.inline_text import START
from mind_clean.extractors.blocks.name_rules import weigh_start_tags
from mind_clean.extractors.blocks.page import Columns, Page, allocate_columns
from mind_clean.extractors.bounds import bounded, count_of, encode_page, parsed
from mind_clean.extractors.xhtml import with_end_tags
from mind_core.kernels.packed import Bytes, Offsets

Rewrite: TypeAlias = Callable[[LexborHTMLParser], None]
"""Changes the tree of a page before it is cut into blocks."""

_MAX_OPEN_TAGS = 4000  # start tags; nested so deep they cost lexbor 50 ms
_STRIPPED = sorted(
    word_set("script style noscript template svg select button iframe textarea noframes")
)
_MIN_CHARACTERS = 300  # characters
_NO_SCRIPT = re.compile("<noscript", re.IGNORECASE)
_HIDDEN = re.compile(r"\shidden\b|display:\s*none", re.IGNORECASE)
_NONE = re.compile(r"display:\s*none", re.IGNORECASE)
_MAX_NAMED_SHARE = 0.5
_LESS = np.uint8(ord("<"))
_MAX_KEPT_ELEMENTS = 1 << 20
"""Buffers for more elements than this are given back after the page that needed them."""


class Buffers(NamedTuple):
    """Hold the working memory of the kernels for pages of up to so many elements."""

    element_index: ElementIndex
    open_elements: Offsets
    to_weigh: Offsets
    columns: Columns


def parse_page(
    html: str, skip_boilerplate: bool = True, rewrite: Rewrite | None = None
) -> Page | None:
    """Return the blocks of a page, or none if it has no body.

    Of boilerplate only the characters are counted. If that leaves little of the page, or if much
    of it is boilerplate by a mere name, the page is read again with all its text; without
    `skip_boilerplate` it is at once. What <noscript> holds, or else what is hidden, is read only
    where the page has next to no text without it: forums of Discourse write their posts in
    <noscript>, and servers that send a page in pieces (React) hide it until a script puts it in
    its place.
    """
    page = _parse_once(html, skip_boilerplate, _STRIPPED, rewrite)
    if page is not None and page.characters >= _MIN_CHARACTERS:
        return page
    for others, shown, found in (
        ([tag for tag in _STRIPPED if tag != "noscript"], False, _NO_SCRIPT),
        (_STRIPPED, True, _HIDDEN),
    ):
        if found.search(html) is not None:
            without = _parse_once(html, skip_boilerplate, others, rewrite, shown)
            if without is not None and without.characters >= _MIN_CHARACTERS:
                return without
            page = None  # its arrays are the extractor's
    return page if page is not None else _parse_once(html, skip_boilerplate, _STRIPPED, rewrite)


def _show_hidden(tree: LexborHTMLParser) -> None:
    """Take away what hides elements."""
    for node in tree.css("[hidden]"):
        del node.attrs["hidden"]
    for node in tree.css("[style]"):
        if _NONE.search(node.attributes.get("style") or ""):
            del node.attrs["style"]


def _parse_once(
    html: str,
    skip_boilerplate: bool,
    stripped: list[str],
    rewrite: Rewrite | None,
    shown: bool = False,
) -> Page | None:
    tree = parsed(LexborHTMLParser, bounded(with_end_tags(encode_page(html)), _MAX_OPEN_TAGS))
    if tree.body is None:
        return None
    if rewrite is not None:
        rewrite(tree)
    if shown:
        _show_hidden(tree)
    tree.strip_tags(stripped)
    if "noscript" not in stripped:
        tree.unwrap_tags(["noscript"])
    source = (tree.body.html or "").encode()
    data, buffers, elements, to_weigh_count = _index_elements(source)
    # <xmp> and the like are written without entities; unwrapped, their text is written with them.
    if elements < 0:
        tree.unwrap_tags(sorted(VERBATIMS))
        source = (tree.body.html or "").encode()
        data, buffers, elements, to_weigh_count = _index_elements(source, verbatim=False)
    # Its memory, several times that of the page, goes before the buffers fill.
    del tree
    _weigh_elements(source, buffers.element_index, buffers.to_weigh[:to_weigh_count])
    out, columns = np.empty(len(data), np.uint8), buffers.columns
    build_blocks(data, buffers.element_index, elements, skip_boilerplate, out, *columns)
    characters, passed, by_name = columns.state[CHARACTERS : SKIPPED_BY_NAME + 1].tolist()
    seen = characters - passed - by_name
    if passed + by_name and (
        seen < _MIN_CHARACTERS or by_name > _MAX_NAMED_SHARE * (seen + by_name)
    ):
        build_blocks(data, buffers.element_index, elements, False, out, *columns)
    blocks, containers, characters = columns.state[BLOCKS : CHARACTERS + 1].tolist()
    return Page(
        columns.containers[:containers],
        columns.blocks[:blocks],
        columns.scores[:blocks],
        out[: columns.state[START]],
        characters,
    )


def _index_elements(source: bytes, verbatim: bool = True) -> tuple[Bytes, Buffers, int, int]:
    """Return the source as an array, buffers with its elements, and the counts of the kernel."""
    data = np.frombuffer(source, np.uint8)
    buffers = _allocate_buffers(count_of(data, _LESS) + 1)
    return data, buffers, *find_elements(data, load_tags(verbatim), *buffers[:3])


_buffers: list[Buffers] = []


def _allocate_buffers(elements: int) -> Buffers:
    """Return buffers for so many elements: the last ones if they will do."""
    if _buffers and elements <= len(_buffers[0].open_elements):
        return _buffers[0]
    # A power of two, so that a page a little larger than the last one seldom needs new buffers.
    size = 1 << max(12, (elements - 1).bit_length())
    # One row more, as what is hidden before an element is written for the next one too.
    index = np.empty((size + 1, FIELDS), np.int64)
    working = np.empty(size, np.int64), np.empty(size, np.int64)
    made = Buffers(index, *working, allocate_columns(size, STATE_FIELDS))
    if size <= _MAX_KEPT_ELEMENTS:
        _buffers[:] = [made]
    return made


def _weigh_elements(source: bytes, index: ElementIndex, to_weigh: Offsets) -> None:
    """Write what the attributes of elements say."""
    if len(to_weigh):
        places = index[to_weigh, OPENED : INNER + 1].tolist()
        weighed = weigh_start_tags([source[start:end] for start, end in places])
        index[to_weigh, WEIGHT : IS_MAIN + 1] = weighed
