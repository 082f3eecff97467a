"""How much a block looks like running text, and sums of that over runs of blocks."""

from __future__ import annotations

import numpy as np

from mind_clean.character_counts import white_space_size
from mind_clean.extractors.blocks.element_rules import HEADINGS, NUMBERS
from mind_clean.extractors.blocks.page import KIND, SHARE, UNITS, VALUE, Floats, Kept, Rows
from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes

_FIRST_HEADING, _LAST_HEADING = NUMBERS["h1"], NUMBERS["h6"]
_PRE = NUMBERS["pre"]
assert {NUMBERS[tag] for tag in HEADINGS} == set(range(_FIRST_HEADING, _LAST_HEADING + 1))

MAX_VALUE_PER_UNIT = 1.5
"""What a letter of a long block with sentences is worth."""

_MAX_CHARACTERS_SEARCHED = 2000
# The two bounds are those of lines in `main_text`; a short block counts about half and one without
# a sentence a fifth, as there.
_LONG_BLOCK_UNITS = 80
_MIN_UNITS = 25
_MAX_LINK_SHARE = 0.6
_MIN_LINKED_SHARE = 0.6
_STOPS = np.frombuffer(b",.;:!?", np.uint8)
_AMP = np.uint8(ord("&"))
_CLOSING = np.frombuffer(b"\"')", np.uint8)


@kernel
def score_block(text: Bytes, at: int, end: int, kind: int, units: int, share: float) -> float:
    """Return how much a block looks like running text: long, unlinked, with sentences.

    Its text is `text[at:end]`, of so many units, a share of it in links.
    """
    if units < _MIN_UNITS or share > _MAX_LINK_SHARE:
        return 0.0
    # Text of links is worth nothing: it speaks of other pages.
    unlinked = units * (1 - share)
    if is_heading(kind):
        return unlinked * 0.1
    # Code has no sentences, and is text all the same.
    if kind == _PRE:
        return unlinked
    if not _has_sentence(text, at, end):
        return unlinked * 0.3
    return unlinked * (MAX_VALUE_PER_UNIT if units >= _LONG_BLOCK_UNITS else 0.7)


@kernel
def _has_sentence(text: Bytes, at: int, end: int) -> bool:
    """Find a mark that ends a clause, and in Latin script stands at the end of a word."""
    for _ in range(_MAX_CHARACTERS_SEARCHED):  # a block without one may be as long as its page
        if at >= end:
            return False
        byte = text[at]
        if byte < 0x80:
            at += 1
            for stop in _STOPS:
                # "3.14" and "v1.2" have a stop, and no sentence
                if byte == stop and (at >= end or _is_end_of_word(text, at)):
                    return True
        elif byte < 0xE0:
            at += 2
        elif byte < 0xF0:
            if _is_wide_stop(byte, text[at + 1], text[at + 2]):
                return True
            at += 3
        else:
            at += 4
    return False


@kernel
def _is_end_of_word(text: Bytes, at: int) -> bool:
    byte = text[at]
    # The text of a block has no entities: & is itself.
    if byte != _AMP and white_space_size(text, at):
        return True
    for closing in _CLOSING:
        if byte == closing:
            return True
    if byte != 0xE2 or text[at + 1] != 0x80:  # ’ and ”
        return False
    return text[at + 2] == 0x99 or text[at + 2] == 0x9D  # type: ignore[no-any-return]


@kernel
def _is_wide_stop(first: np.uint8, second: np.uint8, third: np.uint8) -> bool:
    """Tell ，。；：！？、…"""
    if first == 0xEF:
        # U+FF0C ， FF1B ； FF1A ： FF01 ！ FF1F ？
        return second == 0xBC and third in (0x8C, 0x9B, 0x9A, 0x81, 0x9F)
    if first == 0xE3:
        # U+3002 。 and U+3001 、
        return second == 0x80 and third in (0x82, 0x81)
    return first == 0xE2 and second == 0x80 and third == 0xA6  # type: ignore[no-any-return]


_MAX_TEASER_UNITS = 500
"""Of a list of other pages, for each linked heading."""

OF_UNITS, OF_LINKS, OF_VALUES, OF_HEADINGS = range(4)
"""Fields: units, units of links, values, and headings that are links."""


@kernel
def is_heading(kind: int) -> bool:
    """Tell h1 to h6."""
    return kind >= _FIRST_HEADING and kind <= _LAST_HEADING


@kernel
def prefix_sums(blocks: Rows, scores: Floats, kept: Kept) -> Floats:
    """Return the sums of the kept blocks before each block, and before the end."""
    # Row b holds the sums of the blocks before b, so that any run costs one subtraction.
    sums = np.zeros((len(blocks) + 1, 4))
    for block in range(len(blocks)):
        for field in range(4):
            sums[block + 1, field] = sums[block, field]
        if kept[block]:
            units, share = blocks[block, UNITS], scores[block, SHARE]
            sums[block + 1, OF_UNITS] += units
            sums[block + 1, OF_LINKS] += units * share
            sums[block + 1, OF_VALUES] += scores[block, VALUE]
            if share >= _MIN_LINKED_SHARE and is_heading(blocks[block, KIND]):
                sums[block + 1, OF_HEADINGS] += 1
    return sums


@kernel
def range_sum(sums: Floats, start: int, end: int, field: int) -> float:
    """Return one sum over the blocks start to end."""
    return sums[end, field] - sums[start, field]  # type: ignore[no-any-return]


@kernel
def is_teaser_list(sums: Floats, start: int, end: int) -> bool:
    """Tell whether the blocks list other pages: linked headings, a few words to each."""
    headings = range_sum(sums, start, end, OF_HEADINGS)
    return headings >= 2 and range_sum(sums, start, end, OF_UNITS) < _MAX_TEASER_UNITS * headings
