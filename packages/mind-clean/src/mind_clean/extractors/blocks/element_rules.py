"""What the elements and roles of HTML mean to a reader of a page, and their numbers."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes

BOILERPLATE_BY_NAME = -1
"""Weight of an element that is no main text by its class or id, which may err."""

BOILERPLATE = -2
"""Weight of an element that is no main text by its kind or role."""

MAIN = 2
"""Weight of an element that is the main text by its kind, role or property."""


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


UNSEEN = word_set(
    "script style noscript template svg iframe object embed applet canvas audio video map frame "
    "frameset noframes head meta link base title input select option optgroup textarea button "
    "datalist progress meter img area col colgroup param source track annotation annotation-xml "
    "rt rp"
)
"""Not text of the page: code, form fields, media, and the reading aids above Han characters."""

LEAVES = word_set("p h1 h2 h3 h4 h5 h6 pre figcaption caption legend summary address")
"""Block elements that hold a run of text and nothing to choose between."""

HEADINGS = word_set("h1 h2 h3 h4 h5 h6")

CONTAINERS = word_set(
    "div section article main header footer nav aside menu dialog form fieldset details center "
    "body blockquote figure hgroup search ul ol li dl dt dd table tbody thead tfoot tr td th"
)

FLOW = word_set("div section article main body td blockquote center form fieldset details dd li")
"""Elements whose own paragraphs speak for them as the place of the main text."""

PARTS = word_set("table tbody thead tfoot tr ul ol dl li")
"""Elements that are a part of the text or its frame, but never the place of all of it."""

LISTS = word_set("ul ol dl table")

BOILERPLATE_ELEMENTS = word_set("nav footer aside menu dialog")
"""Elements that are no main text by their meaning."""

BOILERPLATE_ROLES = word_set(
    "navigation banner contentinfo search complementary menu menubar dialog alert alertdialog "
    "toolbar tablist directory"
)

# A container is 0 and the last, so that the number of an open one can stand in its place.
HIDDEN_FROM_READERS, INLINE, SPAN, LINK, LEAF, CONTAINER = range(-5, 1)
"""What an element means to the extractor."""

_VOID = word_set(
    "area base basefont bgsound br col embed frame hr img input keygen link meta param source "
    "track wbr"
)
"""Written without an end tag (HTML §13.3)."""

_FLAT = word_set("dd dt li optgroup option p tbody td tfoot th thead tr script style")
"""Their end tags may be left out (HTML §13.1.2.4), or they hold no elements."""

VERBATIMS = word_set("xmp plaintext noembed")
"""Written without entities, so that their text looks like tags."""

NESTS, FLAT, VOID, VERBATIM = range(4)
"""How an element ends."""

FLOWS, PART, IS_LIST, MAY_TEASE, KEEPS_LINKS, IS_ITEM, IS_CELL = (1 << bit for bit in range(7))
"""What else an element is: a place whose own paragraphs speak for it, a part of the text or its
frame, a list or table; what may list teasers, what keeps its links, a list's item, a row's cell."""

_TRAITS = (
    (FLOW, FLOWS),
    (PARTS, PART),
    (LISTS, IS_LIST),
    (word_set("div section ul ol article table td dl"), MAY_TEASE),
    (HEADINGS - {"h6"} | {"td", "dt", "dd"}, KEEPS_LINKS),
    (word_set("li dt dd"), IS_ITEM),
    (word_set("td th"), IS_CELL),
)
# A power of two, several times the number of names.
_SLOTS = 1024
_BASIS, _PRIME = 0xCBF29CE484222325, 0x100000001B3
_START, _FACTOR = np.uint64(_BASIS), np.uint64(_PRIME)


class Tags(NamedTuple):
    """Hold what is known of each element: a hash table of names, and columns by number."""

    keys: npt.NDArray[np.uint64]
    numbers: npt.NDArray[np.int64]
    meanings: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    """`NESTS`, `FLAT`, `VOID` or `VERBATIM`."""
    weights: npt.NDArray[np.int64]
    """Without attributes."""


def hash_name(name: str) -> int:
    """Return FNV-1a of a name in small letters, as the kernels compute it."""
    value = _BASIS
    # Bit 32 makes capitals small and leaves digits and hyphens as they are.
    for byte in (letter | 32 for letter in name.encode()):
        value = ((value ^ byte) * _PRIME) & 0xFFFFFFFFFFFFFFFF
    return value


def _classify_tag(tag: str) -> int:
    if tag in UNSEEN:
        return HIDDEN_FROM_READERS
    if tag in LEAVES:
        return LEAF
    if tag in CONTAINERS:
        return CONTAINER
    return {"span": SPAN, "a": LINK}.get(tag, INLINE)


def _end_rule(tag: str) -> int:
    if tag in _VOID:
        return VOID
    if tag in VERBATIMS:
        return VERBATIM
    return FLAT if tag in _FLAT else NESTS


def plain_weight(tag: str) -> int:
    """Return the weight of an element without attributes."""
    return BOILERPLATE if tag in BOILERPLATE_ELEMENTS else MAIN * (tag in ("main", "article"))


NAMES = (
    "",
    *sorted({"a", "br", "span"} | UNSEEN | LEAVES | CONTAINERS | _VOID | _FLAT | VERBATIMS),
)
"""The name of each element by its number; 0 is each that is not known."""

NUMBERS = {name: number for number, name in enumerate(NAMES)}


@cache
def load_tags(verbatim: bool = True) -> Tags:
    """Return the table of all elements that mean something, without `VERBATIM` on request."""
    endings = [_end_rule(name) for name in NAMES]
    keys, numbers = np.zeros(_SLOTS, np.uint64), np.zeros(_SLOTS, np.int64)
    for number, name in enumerate(NAMES[1:], 1):
        key = hash_name(name)
        slot = key % _SLOTS
        # A key of 0 is a free slot.
        while keys[slot]:
            slot = (slot + 1) % _SLOTS
        keys[slot], numbers[slot] = key, number
    return Tags(
        keys,
        numbers,
        np.array([_classify_tag(name) for name in NAMES], np.int64),
        # `VERBATIM` becomes 0, which is `NESTS`; all others are below it and stay.
        np.array(endings if verbatim else [ending % VERBATIM for ending in endings], np.int64),
        np.array([plain_weight(name) for name in NAMES], np.int64),
    )


@cache
def element_traits() -> npt.NDArray[np.int64]:
    """Return what else each element is, by its number."""
    bits = [sum(bit for names, bit in _TRAITS if name in names) for name in NAMES]
    return np.array(bits, np.int64)


@kernel
def hash_name_at(data: Bytes, start: int, end: int) -> np.uint64:
    """Return the hash of a name in letters of any size."""
    key = _START
    for place in range(start, end):
        # Capitals as small letters, as `hash_name` has them; the product wraps at 2^64.
        key = (key ^ np.uint64(data[place] | np.uint8(32))) * _FACTOR
    return key


@kernel
def find_number(key: np.uint64, tags: Tags) -> int:
    """Return the number of an element from the hash of its name."""
    slots = len(tags.keys)
    # The name itself is not compared: by accident no other one has the same 64 bits.
    slot = np.int64(key & np.uint64(slots - 1))
    while tags.keys[slot] != np.uint64(0):
        if tags.keys[slot] == key:
            return tags.numbers[slot]  # type: ignore[no-any-return]
        slot = (slot + 1) % slots
    return 0
