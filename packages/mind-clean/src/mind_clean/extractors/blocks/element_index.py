"""Find the elements in the source of a page as its parser writes it, and what each one means.

What a parser of HTML writes has one form only (HTML §13.3): attributes in double quotes, `<` and
`&` in texts as entities, an end tag for each element but the void ones. One loop over its bytes
finds what a walk over the tree would ask for object by object.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_clean.extractors.blocks.element_rules import (
    CONTAINER,
    HIDDEN_FROM_READERS,
    INLINE,
    LEAF,
    LINK,
    NUMBERS,
    SPAN,
    VERBATIM,
    VOID,
    Tags,
    hash_of_name,
    name_hash,
    number_of,
)
from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes, Offsets

ATTRIBUTES, HIDDEN, LINKED, ANCHOR = 1, 2, 4, 8
"""Bits of an element: it has attributes; it says that it is not to be seen; its `href` leads to
another page; its `href` leads to a place on this page."""

_HIDDEN_NAME, _STYLE, _HREF = (np.uint64(name_hash(n)) for n in ("hidden", "style", "href"))
_MAIN = NUMBERS["main"]
_SPACE, _QUOTE, _EQUALS, _MARK, _SLASH, _HASH = (np.uint8(ord(c)) for c in ' "=!/#')
_LESS, _GREATER, _DASH, _QUERY = (np.uint8(ord(c)) for c in "<>-?")
_DISPLAY, _NONE, _SCRIPT = (
    np.frombuffer(text, np.uint8) for text in (b"display:", b"none", b"javascript")
)


Outline = npt.NDArray[np.int64]
"""A row for each element, in the order of their start tags, with these fields."""

(NUMBER, MEANS, BITS, WEIGHT, NAME, IS_MAIN, OPENED, INNER, CLOSED, AFTER, LAST, HIDDEN_BEFORE) = (
    range(12)
)
"""The element's number and meaning (see `tags`), its bits, its weight, names and whether it says
that it is the main text (see `page`; as if it had no attributes); where its start tag begins and
ends, where its end tag begins and ends (all where the first ends, if it has none); the last element
inside (itself, if none is); how many elements before it are not to be seen."""

FIELDS = 12


@kernel("(i8, i8)(u1[], (u8[], i8[], i8[], i8[], i8[]), i8[,], i8[], i8[])")
def find_elements(
    data: Bytes, tags: Tags, into: Outline, open_elements: Offsets, asking: Offsets
) -> tuple[int, int]:
    """Write the elements of a page into an outline; return how many there are.

    `asking` gets those whose weight is a matter of their attributes, the second count. With an
    element whose text is written without entities, which no reader could tell from tags, both
    counts are -1. `open_elements` is working memory; all have room for each `<` of the page.
    """
    at, found, asked, depth, hidden = 0, 0, 0, 0, 0
    size = len(data)
    while at < size:
        if data[at] != _LESS:
            at += 1
            continue
        second = data[at + 1] if at + 1 < size else _SPACE
        if second == _SLASH:
            end = find(data, at + 2, _GREATER)
            number = number_of(hash_of_name(data, at + 2, end), tags)
            level = -1 if tags.ends[number] == VOID else depth - 1
            while level >= 0 and into[open_elements[level], NUMBER] != number:
                level -= 1
            if level >= 0:
                while depth > level:
                    depth -= 1
                    _close(into, open_elements[depth], at, at, found)
                into[open_elements[level], AFTER] = end + 1
            at = end + 1
        elif second in (_MARK, _QUERY):
            at = skip_comment(data, at)
        else:
            at = _open(data, at, found, tags, into)
            hidden = _count_hidden(into, found, hidden)
            number = into[found, NUMBER]
            if tags.ends[number] == VERBATIM:
                return -1, -1
            if into[found, BITS] & ATTRIBUTES and into[found, MEANS] >= LEAF:
                asking[asked] = found
                asked += 1
            if tags.ends[number] == VOID:
                _close(into, found, at, at, found + 1)
            else:
                open_elements[depth] = found
                depth += 1
            found += 1
    while depth > 0:
        depth -= 1
        _close(into, open_elements[depth], size, size, found)
    return found, asked


@kernel
def skip_comment(data: Bytes, at: int) -> int:
    """Return where a comment, or what else begins with `<!` or `<?`, ends."""
    dashes = at + 3 < len(data) and data[at + 2] == _DASH and data[at + 3] == _DASH
    if not dashes or data[at + 1] != _MARK:
        return find(data, at, _GREATER) + 1
    at = find(data, at + 6, _GREATER)
    while at < len(data) and not (data[at - 1] == _DASH and data[at - 2] == _DASH):
        at = find(data, at + 1, _GREATER)
    return at + 1


@kernel
def find(data: Bytes, at: int, byte: np.uint8) -> int:
    """Return where a byte stands next; the end if nowhere."""
    while at < len(data) and data[at] != byte:
        at += 1
    return at


@kernel
def _count_hidden(into: Outline, element: int, hidden: int) -> int:
    into[element, HIDDEN_BEFORE] = hidden
    if into[element, BITS] & HIDDEN:
        hidden += 1
    into[element + 1, HIDDEN_BEFORE] = hidden
    return hidden


@kernel
def _close(into: Outline, element: int, closed: int, after: int, found: int) -> None:
    into[element, CLOSED] = closed
    into[element, AFTER] = after
    into[element, LAST] = found - 1


@kernel
def _open(data: Bytes, at: int, element: int, tags: Tags, into: Outline) -> int:
    """Read a start tag; return where it ends."""
    size = len(data)
    end = at + 1
    while end < size and data[end] != _SPACE and data[end] != _GREATER:
        end += 1
    into[element, OPENED] = at
    number = number_of(hash_of_name(data, at + 1, end), tags)
    into[element, NUMBER], into[element, MEANS] = number, tags.means[number]
    into[element, WEIGHT], into[element, NAME] = tags.weights[number], 0
    into[element, IS_MAIN] = number == _MAIN
    bits = 0
    while end < size and data[end] != _GREATER:
        start = end + 1
        end = find(data, start + 1, _EQUALS)
        value = end + 2
        name = hash_of_name(data, start, end)
        end = find(data, value, _QUOTE)
        bits |= ATTRIBUTES | _bits_of(data, name, value, min(end, size))
        end += 1
    into[element, BITS] = bits
    into[element, INNER] = end + 1
    return end + 1


@kernel
def _bits_of(data: Bytes, name: np.uint64, value: int, end: int) -> int:
    if name == _HIDDEN_NAME:
        return HIDDEN
    if name == _STYLE:
        return HIDDEN if _says_display_none(data, value, end) else 0
    if name == _HREF and end > value:
        if data[value] == _HASH:
            return ANCHOR
        return 0 if _is_at(data, value, end, _SCRIPT) else LINKED
    return 0


@kernel
def _is_at(data: Bytes, at: int, end: int, word: Bytes) -> bool:
    """Tell whether a word in small letters stands at a place, in letters of any size."""
    if at + len(word) > end:
        return False
    for place in range(len(word)):
        if data[at + place] | np.uint8(32) != word[place] | np.uint8(32):
            return False
    return True


@kernel
def _says_display_none(data: Bytes, at: int, end: int) -> bool:
    while at < end:
        if _is_at(data, at, end, _DISPLAY):
            at += len(_DISPLAY)
            while at < end and (data[at] == _SPACE or (data[at] >= 9 and data[at] <= 13)):
                at += 1
            if _is_at(data, at, end, _NONE):
                return True
        else:
            at += 1
    return False


EMPTY_BLOCK, LINE_BREAK, SET_APART = range(HIDDEN_FROM_READERS - 3, HIDDEN_FROM_READERS)
"""Elements that are done with at once: nothing inside, <br>, set apart."""

_BR, _P = NUMBERS["br"], NUMBERS["p"]
_HEADING_ANCHORS = np.array(
    [int.from_bytes(anchor.encode(), "big") for anchor in "¶#§🔗\uf0c1∞⚓"], np.int64
)


@kernel
def meaning(data: Bytes, outline: Outline, element: int, pass_over: bool) -> int:
    """Return what an element means at its place on the page."""
    means, bits = outline[element, MEANS], outline[element, BITS]
    number = outline[element, NUMBER]
    if means == HIDDEN_FROM_READERS:
        return HIDDEN_FROM_READERS
    if outline[element, INNER] == outline[element, CLOSED]:
        if number == _BR:
            return LINE_BREAK
        return EMPTY_BLOCK if means >= LEAF else HIDDEN_FROM_READERS
    if means == LINK:
        if bits & LINKED:
            return LINK
        of_heading = bits & ANCHOR and _is_heading_anchor(data, outline, element)
        return HIDDEN_FROM_READERS if of_heading else INLINE
    if means == INLINE:
        return INLINE
    if bits & HIDDEN:
        return HIDDEN_FROM_READERS
    if means == SPAN:
        return INLINE
    if means == LEAF and not (bits & ATTRIBUTES and number == _P):
        return LEAF
    if outline[element, WEIGHT] >= 0:
        return LEAF if number == _P else CONTAINER
    last = outline[element, LAST]
    hidden = outline[last + 1, HIDDEN_BEFORE] - outline[element + 1, HIDDEN_BEFORE]
    return SET_APART if pass_over and hidden == 0 else CONTAINER


@kernel
def _is_heading_anchor(data: Bytes, outline: Outline, element: int) -> bool:
    """Tell whether the text of a link is a mere mark, as generators put it behind a heading."""
    at, end, text, size = outline[element, INNER], outline[element, CLOSED], 0, 0
    while at < end and size <= 4:
        if data[at] == _LESS:
            at = find(data, at, _GREATER) + 1
        else:
            text = text << 8 | int(data[at])
            size += 1
            at += 1
    if size <= 4:
        for anchor in _HEADING_ANCHORS:
            if anchor == text:
                return True
    return False
