"""The title of a page and the comments of its readers, which one may want or not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape

import numpy as np

from mind_clean.extractors.blocks.element_rules import NUMBERS, word_set
from mind_clean.extractors.blocks.name_rules import numbers_of_names
from mind_clean.extractors.blocks.page import (
    END,
    FIRST,
    KIND,
    NAME,
    SHARE,
    TEXT_END,
    UNITS,
    Kept,
    Page,
)

AUTO, KEEP, DROP = CHOICES_OF_PARTS = ("auto", "keep", "drop")
"""As blocks were chosen; in any case; in no case."""

_TITLE = re.compile(r"<title[^<>]{0,200}>([^<]{1,1000})</title", re.IGNORECASE)
_MIN_TITLE = 2
_FIRST_BLOCKS = 8
"""Kept blocks among which the title of a page stands."""

_COMMENT_WORDS = word_set(
    "comment comments commentlist commentbody commenttext respond reply replies disqus pinglun"
)
_MIN_UNITS, _MAX_SHARE = 20, 0.5
"""Of a block of a comment: shorter ones are names, dates and buttons."""


_MAX_COMMENTS_SHARE = 0.5
"""Of the text that was chosen; where comments are more, they are what the page is for."""


def choose_title(page: Page, kept: Kept, html: str, how: str) -> Kept:
    """Return what is kept with the title of the page, or without it and what repeats `<title>`."""
    stays = kept.copy()
    chosen = kept.nonzero()[0][:_FIRST_BLOCKS].tolist()
    if not chosen:
        return kept
    blocks = chosen if how == DROP else range(chosen[-1] + 1)
    titles = _titles(page, blocks, html)
    if how == DROP:
        stays[titles] = False
        return stays if stays.any() else kept
    # The last of several is the nearest to the text.
    if titles and not stays[titles].any():
        stays[titles[-1]] = True
    return stays


def _titles(page: Page, blocks: Iterable[int], html: str) -> list[int]:
    """Return which blocks are a title: the first h1, and what `<title>` begins with."""
    said = _TITLE.search(html)
    whole = _letters(unescape(said[1])) if said is not None else ""
    found: list[int] = []
    seen_heading = False
    for block in blocks:
        is_first_heading = page.blocks[block, KIND] == NUMBERS["h1"] and not seen_heading
        seen_heading = seen_heading or bool(is_first_heading)
        # Letters alone: <title> often goes on with a sign and the name of the site.
        letters = _letters(_text_of(page, block))
        if is_first_heading or (len(letters) >= _MIN_TITLE and whole.startswith(letters)):
            found.append(block)
    return found


def choose_comments(page: Page, kept: Kept, how: str) -> Kept:
    """Return what is kept with the running text of what is named a comment, or without it."""
    named = np.isin(page.containers[:, NAME], numbers_of_names(_COMMENT_WORDS))
    inside = np.zeros_like(kept)
    for container in named.nonzero()[0].tolist():
        inside[page.containers[container, FIRST] : page.containers[container, END]] = True
    if how == KEEP:
        is_text = (page.blocks[:, UNITS] >= _MIN_UNITS) & (page.scores[:, SHARE] < _MAX_SHARE)
        return np.asarray(kept | (inside & is_text))
    units = page.blocks[:, UNITS]
    if units[kept & inside].sum() > _MAX_COMMENTS_SHARE * units[kept].sum():
        return kept
    return np.asarray(kept & ~inside)


def _text_of(page: Page, block: int) -> str:
    start = page.blocks[block - 1, TEXT_END] if block else 0
    return page.text[start : page.blocks[block, TEXT_END]].tobytes().decode()


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()
