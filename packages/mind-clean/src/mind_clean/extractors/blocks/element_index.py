"""Find the elements in the source of a page as its parser writes it, and what each one means.

What a parser of HTML writes has one form only (HTML §13.3): attributes in double quotes, `<` and
`&` in texts as entities, an end tag for each element but the void ones. One loop over its bytes
finds what a traversal of the tree would read object by object.
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
    find_number,
    hash_name,
    hash_name_at,
)
from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes, Offsets

ATTRIBUTES, HIDDEN, LINKED, ANCHOR = 1, 2, 4, 8
"""Bits of an element: it has attributes; it says that it is not to be seen; its `href` leads to
another page; its `href` leads to a place on this page."""

_HIDDEN_NAME, _STYLE, _HREF = (np.uint64(hash_name(n)) for n in ("hidden", "style", "href"))
_MAIN = NUMBERS["main"]
_SPACE, _QUOTE, _EQUALS, _MARK, _SLASH, _HASH = (np.uint8(ord(c)) for c in ' "=!/#')
_LESS, _GREATER, _DASH, _QUERY = (np.uint8(ord(c)) for c in "<>-?")
_DISPLAY, _NONE, _SCRIPT = (
    np.frombuffer(text, np.uint8) for text in (b"display:", b"none", b"javascript")
)


ElementIndex = npt.NDArray[np.int64]
"""A row for each element, in the order of their start tags, with these fields."""

(
    NUMBER,
    MEANING,
    BITS,
    WEIGHT,
    NAME,
    IS_MAIN,
    OPENED,
    INNER,
    CLOSED,
    AFTER,
    LAST,
    HIDDEN_BEFORE,
) = range(12)
"""The element's number and meaning (see `tags`), its bits, its weight, names and whether it says
that it is the main text (see `page`; as if it had no attributes); where its start tag begins and
ends, where its end tag begins and ends (all where the first ends, if it has none); the last element
inside (itself, if none is); how many elements before it are not to be seen."""

FIELDS = 12


@kernel("(i8, i8)(u1[], (u8[], i8[], i8[], i8[], i8[]), i8[,], i8[], i8[])")
def find_elements(
    data: Bytes, tags: Tags, index: ElementIndex, open_elements: Offsets, to_weigh: Offsets
) -> tuple[int, int]:
    """Write the elements of a page into an outline; return how many there are.

    `to_weigh` gets those whose weight is a matter of their attributes, the second count. With an
    element whose text is written without entities, which no reader could tell from tags, both
    counts are -1. `open_elements` is working memory; all have room for each `<` of the page.
    """
    at = 0
    found = 0  # elements so far: the row of the next one
    to_weigh_count = 0
    depth = 0  # of `open_elements`
    hidden = 0  # elements so far that are not to be seen; a sum, so that ranges are differences
    size = len(data)
    while at < size:
        if data[at] != _LESS:
            at += 1
            continue
        second = data[at + 1] if at + 1 < size else _SPACE
        if second == _SLASH:
            end = find_byte(data, at + 2, _GREATER)
            number = find_number(hash_name_at(data, at + 2, end), tags)
            # As parsers do: the nearest open element of this name, and all inside it, end here; an
            # end tag of none is passed over.
            level = -1 if tags.ends[number] == VOID else depth - 1
            while level >= 0 and index[open_elements[level], NUMBER] != number:
                level -= 1
            if level >= 0:
                while depth > level:
                    depth -= 1
                    _close_element(index, open_elements[depth], at, at, found)
                # The end tag is that of this element alone: what was still open inside has none.
                index[open_elements[level], AFTER] = end + 1
            at = end + 1
        elif second in (_MARK, _QUERY):
            at = _skip_comment(data, at)
        else:
            at = _read_start_tag(data, at, found, tags, index)
            hidden = _count_hidden(index, found, hidden)
            number = index[found, NUMBER]
            if tags.ends[number] == VERBATIM:
                return -1, -1
            if index[found, BITS] & ATTRIBUTES and index[found, MEANING] >= LEAF:
                to_weigh[to_weigh_count] = found
                to_weigh_count += 1
            if tags.ends[number] == VOID:
                _close_element(index, found, at, at, found + 1)
            else:
                open_elements[depth] = found
                depth += 1
            found += 1
    while depth > 0:
        depth -= 1
        _close_element(index, open_elements[depth], size, size, found)
    return found, to_weigh_count


@kernel
def skip_markup(data: Bytes, at: int) -> int:
    """Return where an end tag, a comment, or what else begins with `<!` or `<?`, ends."""
    return find_byte(data, at, _GREATER) + 1 if data[at + 1] == _SLASH else _skip_comment(data, at)


@kernel
def _skip_comment(data: Bytes, at: int) -> int:
    """Return where a comment, or what else begins with `<!` or `<?`, ends."""
    dashes = at + 3 < len(data) and data[at + 2] == _DASH and data[at + 3] == _DASH
    if not dashes or data[at + 1] != _MARK:  # <?php …?> and <![CDATA[…]]> end at the first ">"
        return find_byte(data, at, _GREATER) + 1
    # The shortest comment is <!---->.
    at = find_byte(data, at + 6, _GREATER)
    while at < len(data) and not (data[at - 1] == _DASH and data[at - 2] == _DASH):
        at = find_byte(data, at + 1, _GREATER)
    return at + 1


@kernel
def find_byte(data: Bytes, at: int, byte: np.uint8) -> int:
    """Return where a byte stands next; the end if nowhere."""
    while at < len(data) and data[at] != byte:
        at += 1
    return at


@kernel
def _count_hidden(index: ElementIndex, element: int, hidden: int) -> int:
    index[element, HIDDEN_BEFORE] = hidden
    if index[element, BITS] & HIDDEN:
        hidden += 1
    index[element + 1, HIDDEN_BEFORE] = hidden
    return hidden


@kernel
def _close_element(index: ElementIndex, element: int, closed: int, after: int, found: int) -> None:
    index[element, CLOSED] = closed
    index[element, AFTER] = after
    index[element, LAST] = found - 1


@kernel
def _read_start_tag(data: Bytes, at: int, element: int, tags: Tags, index: ElementIndex) -> int:
    """Read a start tag; return where it ends."""
    size = len(data)
    end = at + 1
    while end < size and data[end] != _SPACE and data[end] != _GREATER:
        end += 1
    index[element, OPENED] = at
    number = find_number(hash_name_at(data, at + 1, end), tags)
    index[element, NUMBER], index[element, MEANING] = number, tags.meanings[number]
    index[element, WEIGHT], index[element, NAME] = tags.weights[number], 0
    index[element, IS_MAIN] = number == _MAIN
    bits = 0
    # What a parser writes has one blank before each attribute and quotes around each value.
    while end < size and data[end] != _GREATER:
        start = end + 1
        # From the second byte on: a name may begin with an equals sign.
        end = find_byte(data, start + 1, _EQUALS)
        value = end + 2
        name = hash_name_at(data, start, end)
        end = find_byte(data, value, _QUOTE)
        bits |= ATTRIBUTES | _attribute_bits(data, name, value, min(end, size))
        end += 1
    index[element, BITS] = bits
    index[element, INNER] = end + 1
    return end + 1


@kernel
def _attribute_bits(data: Bytes, name: np.uint64, value: int, end: int) -> int:
    if name == _HIDDEN_NAME:
        return HIDDEN
    if name == _STYLE:
        return HIDDEN if _has_display_none(data, value, end) else 0
    if name == _HREF and end > value:
        if data[value] == _HASH:
            return ANCHOR
        # href="javascript:…" is a button.
        return 0 if _has_word_at(data, value, end, _SCRIPT) else LINKED
    return 0


@kernel
def _has_word_at(data: Bytes, at: int, end: int, word: Bytes) -> bool:
    """Tell whether a word in small letters stands at a place, in letters of any size."""
    if at + len(word) > end:
        return False
    for place in range(len(word)):
        if data[at + place] | np.uint8(32) != word[place] | np.uint8(32):
            return False
    return True


@kernel
def _has_display_none(data: Bytes, at: int, end: int) -> bool:
    while at < end:
        if _has_word_at(data, at, end, _DISPLAY):
            at += len(_DISPLAY)
            while at < end and (data[at] == _SPACE or (data[at] >= 9 and data[at] <= 13)):
                at += 1
            if _has_word_at(data, at, end, _NONE):
                return True
        else:
            at += 1
    return False


EMPTY_BLOCK, LINE_BREAK, SKIPPED_ELEMENT = range(HIDDEN_FROM_READERS - 3, HIDDEN_FROM_READERS)
"""Elements whose inside is not read: nothing inside, <br>, boilerplate that is skipped."""

_BR, _P = NUMBERS["br"], NUMBERS["p"]
_HEADING_ANCHORS = np.array(
    [int.from_bytes(anchor.encode(), "big") for anchor in "¶#§🔗\uf0c1∞⚓"], np.int64
)


@kernel
def classify_element(data: Bytes, index: ElementIndex, element: int, skip_boilerplate: bool) -> int:
    """Return what an element means at its place on the page."""
    meaning, bits = index[element, MEANING], index[element, BITS]
    number = index[element, NUMBER]
    if meaning == HIDDEN_FROM_READERS:
        return HIDDEN_FROM_READERS
    if index[element, INNER] == index[element, CLOSED]:
        if number == _BR:
            return LINE_BREAK
        return EMPTY_BLOCK if meaning >= LEAF else HIDDEN_FROM_READERS
    if meaning == LINK:
        if bits & LINKED:
            return LINK
        # a generator's mark behind a heading (¶) is no text; a link to a footnote is
        of_heading = bits & ANCHOR and _is_heading_anchor(data, index, element)
        return HIDDEN_FROM_READERS if of_heading else INLINE
    if meaning == INLINE:
        return INLINE
    if bits & HIDDEN:
        return HIDDEN_FROM_READERS
    if meaning == SPAN:
        return INLINE
    # Of leaves only <p> is a container by its names: sites mark whole bylines and notices so.
    if meaning == LEAF and not (bits & ATTRIBUTES and number == _P):
        return LEAF
    if index[element, WEIGHT] >= 0:
        return LEAF if number == _P else CONTAINER
    last = index[element, LAST]
    hidden = index[last + 1, HIDDEN_BEFORE] - index[element + 1, HIDDEN_BEFORE]
    return SKIPPED_ELEMENT if skip_boilerplate and hidden == 0 else CONTAINER


@kernel
def _is_heading_anchor(data: Bytes, index: ElementIndex, element: int) -> bool:
    """Tell whether the text of a link is a mere mark, as generators put it behind a heading."""
    at, end, text, size = index[element, INNER], index[element, CLOSED], 0, 0
    while at < end and size <= 4:  # bytes: the longest mark is one character of four
        if data[at] == _LESS:
            at = find_byte(data, at, _GREATER) + 1
        else:
            # The bytes as one number, which is compared in one step.
            text = text << 8 | int(data[at])
            size += 1
            at += 1
    if size <= 4:
        for anchor in _HEADING_ANCHORS:
            if anchor == text:
                return True
    return False
