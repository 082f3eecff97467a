"""Bound from above how deep the elements of a page nest, in linear time, whatever it holds.

A stack of open elements is kept as the parser of HTML keeps one (§13.2.6), with fewer end tags
taken for the end of something: only one that names the innermost open element. So no end tag that
the parser passes over (`</b>` where no <b> is open, `</div>` in a comment, a script or an
attribute) hides a level. Where tags overlap the bound is too high; `bounds` asks the parser then.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mind_clean.extractors.blocks.element_rules import hash_name, hash_name_at, word_set
from mind_clean.extractors.tag_scan import (
    BANG,
    LESS,
    QUESTION,
    SLASH,
    end_of_comment,
    end_of_name,
    end_of_raw,
    end_of_script,
    end_of_tag,
    is_letter,
    same_name,
)
from mind_core.kernels.library import kernel
from mind_core.kernels.packed import Bytes

NESTS, NEVER, LI, DD, RAW, SVG, IN_SVG, OF_SVG, SELECT, TEMPLATE, ODD = range(11)
"""How an element nests.

`NEVER`: it is empty, or closed by the next of its kind, and nests within others only. `LI` and `DD`
close their own kind and not each other. `RAW` holds text. `IN_SVG` is no element of HTML, `OF_SVG`
may be both. In `SELECT` and `TEMPLATE` tags may mean nothing. Behind `ODD` no tag is as it looks.
"""

_KINDS = {
    NEVER: word_set(
        "area base basefont bgsound br col embed frame hr img input keygen link meta param source "
        "wbr option p tbody td tfoot th thead tr html head body"
    ),
    LI: word_set("li"),
    DD: word_set("dd dt"),
    RAW: word_set("script style textarea title xmp iframe noembed noframes"),
    SVG: word_set("svg math"),
    IN_SVG: word_set(
        "path circle rect line polyline polygon ellipse use stop g image defs symbol clippath mask "
        "lineargradient radialgradient filter pattern marker text tspan animate animatetransform "
        "animatemotion set feblend fecolormatrix fecomposite feflood fegaussianblur femerge "
        "femergenode feoffset"
    ),
    OF_SVG: word_set("a desc metadata switch foreignobject"),
    SELECT: word_set("select"),
    TEMPLATE: word_set("template"),
    ODD: word_set("frameset plaintext"),
}
_SLOTS = 512

HEIGHT, DEEPEST, MORE, LAST_ITEM, FOREIGN, UNKNOWN, OUTSIDE, DOUBT, FIELDS = range(9)
"""What is known at one place of a page.

Open elements; the most levels so far; levels that no open element stands for; the last item of a
list; open <svg> and <math>; open <select> and <template>; from which place in the stack on SVG is
certain; whether tags are counted and nothing ends any more.
"""
_START, _LENGTH, _KIND, _CUT, _COLUMNS = range(5)
"""An open element: its name in the page, how it nests, and whether its tag is left out."""

_STRICT, _TRUSTED = -1, -2
_CUT_TAG, _KEPT, _RAW_FOLLOWS = range(3)

Stack = npt.NDArray[np.int64]


class Names(NamedTuple):
    """Hold how elements nest: a hash table of names with kinds, and the names themselves."""

    keys: npt.NDArray[np.uint64]
    kinds: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    letters: Bytes


def depth_bound(page: bytes) -> tuple[int, bool]:
    """Return how many elements nest at most, and whether `flattened` can tell which do.

    It cannot where the same words are tags or text by what the parser made of those before them.
    """
    state = _measured(page, _STRICT)
    return int(state[DEEPEST]), not state[DOUBT]


def depth_written(page: bytes) -> int:
    """Return how deep a page nests that a parser wrote, in which no tags overlap."""
    return int(_measured(page, _TRUSTED)[DEEPEST])


def flattened(page: bytes, limit: int) -> bytes:
    """Leave out the tags that open below the deepest allowed level, and their end tags."""
    data, stack, state = _working(page)
    out = np.empty(len(data), np.uint8)
    return out[: _walk(data, _names(), stack, state, out, limit)].tobytes()


def _measured(page: bytes, how: int) -> Stack:
    data, stack, state = _working(page)
    _walk(data, _names(), stack, state, np.empty(0, np.uint8), how)
    return state


def _working(page: bytes) -> tuple[Bytes, Stack, Stack]:
    """Return a page as an array, room for all elements it can open, and a state."""
    room = np.empty((page.count(b"<") + 1, _COLUMNS), np.int64)
    return np.frombuffer(page, np.uint8), room, np.zeros(FIELDS, np.int64)


@cache
def _names() -> Names:
    keys, columns = np.zeros(_SLOTS, np.uint64), np.zeros((3, _SLOTS), np.int64)
    letters = bytearray()
    for kind, names in _KINDS.items():
        for name in sorted(names):
            key = hash_name(name)
            slot = key % _SLOTS
            while keys[slot]:
                slot = (slot + 1) % _SLOTS
            keys[slot], columns[:, slot] = key, (kind, len(letters), len(name))
            letters += name.encode()
    kinds, starts, lengths = columns
    return Names(keys, kinds, starts, lengths, np.frombuffer(bytes(letters), np.uint8))


@kernel
def _kind_of(data: Bytes, start: int, end: int, names: Names) -> int:
    """Return how an element nests; what is not known nests."""
    key = hash_name_at(data, start, end)
    slot = np.int64(key & np.uint64(len(names.keys) - 1))
    while names.keys[slot] != np.uint64(0):
        if names.keys[slot] == key and names.lengths[slot] == end - start:
            # The name itself: other names of the same hash can be made.
            for place in range(end - start):
                letter = data[start + place] | np.uint8(32)
                if letter != names.letters[names.starts[slot] + place]:
                    return NESTS
            return names.kinds[slot]  # type: ignore[no-any-return]
        slot = (slot + 1) % len(names.keys)
    return NESTS


@kernel("i8(u1[], (u8[], i8[], i8[], i8[], u1[]), i8[,], i8[], u1[], i8)")
def _walk(data: Bytes, names: Names, stack: Stack, state: Stack, out: Bytes, limit: int) -> int:
    """Go over a page; with a limit of levels copy it to `out`, and return its new length."""
    at = to = copied = 0
    while at + 1 < len(data):
        if data[at] != LESS:
            at += 1
            continue
        start, sign, does = at, data[at + 1], _KEPT
        is_end = sign == SLASH and at + 2 < len(data) and is_letter(data[at + 2])
        if is_end or is_letter(sign):
            begin = at + 2 if is_end else at + 1
            if state[DOUBT]:
                # What the tag holds may be tags too. Its end is not looked for: one that never
                # comes would be looked for again, to the end of the page, at each tag.
                if not is_end:
                    _count_open(state)
                at = begin
                continue
            end = end_of_name(data, begin)
            behind = end_of_tag(data, end)
            at = behind >> 1
            if is_end:
                does = _close(data, stack, state, begin, end)
            else:
                kind = _kind_of(data, begin, end, names)
                does = _open(stack, state, begin, end - begin, kind, behind & 1, limit)
            if does == _RAW_FOLLOWS:
                is_script = end - begin == 6 and data[begin + 1] | np.uint8(32) == 99
                if is_script:  # of names with raw text, the only one of six letters with "c"
                    at = end_of_script(data, at, begin)
                else:
                    at = end_of_raw(data, at, begin, end - begin)
            if state[DOUBT]:
                at = begin
        elif sign in (SLASH, BANG, QUESTION):
            # In SVG `<![CDATA[` goes on behind the next `>`.
            if limit == _STRICT and state[FOREIGN] and sign == BANG and at + 2 < len(data):
                state[DOUBT] |= data[at + 2] == 91
            at = at + 2 if state[DOUBT] else end_of_comment(data, at)
        else:
            at += 1
        if does == _CUT_TAG:
            for place in range(copied, start):
                out[to] = data[place]
                to += 1
            # A blank keeps apart the words that the tag parted.
            out[to] = np.uint8(32)
            to, copied = to + 1, at
    if limit >= 0:
        for place in range(copied, len(data)):
            out[to] = data[place]
            to += 1
    return to


@kernel
def _count_open(state: Stack) -> None:
    """Count an element that nothing ends any more."""
    state[MORE] += 1
    state[DEEPEST] = max(state[DEEPEST], state[HEIGHT] + state[MORE])


@kernel
def _open(
    stack: Stack, state: Stack, start: int, length: int, kind: int, is_closed: int, limit: int
) -> int:
    """Take in a start tag; return what becomes of it."""
    height = state[HEIGHT]
    inside = state[FOREIGN] > 0
    certain = height > state[OUTSIDE] and (
        stack[height - 1, _KIND] == SVG or stack[height - 1, _KIND] == IN_SVG
    )
    if limit == _STRICT and (
        kind == ODD or (kind == RAW and ((inside and not certain) or state[UNKNOWN] > 0))
    ):
        state[DOUBT] = 1
    if state[DOUBT]:
        _count_open(state)
        return _KEPT
    is_of_svg = kind in (SVG, IN_SVG, OF_SVG, RAW)
    if not certain or not is_of_svg:
        # It may have ended all of the SVG around it.
        state[OUTSIDE] = height
    elif is_closed:
        return _KEPT
    if kind == RAW and not inside:
        return _RAW_FOLLOWS
    if not inside and kind == NEVER:
        return _KEPT
    is_item = not inside and kind in (LI, DD)
    if is_item:
        state[MORE] += (state[LAST_ITEM] + kind) == LI + DD
        state[LAST_ITEM] = kind
    else:
        is_svg = kind == SVG or (kind == IN_SVG and certain)
        stack[height, _START], stack[height, _LENGTH] = start, length
        stack[height, _KIND] = kind if is_svg or kind in (SELECT, TEMPLATE) else NESTS
        height += 1
        state[HEIGHT] = height
        state[FOREIGN] += kind == SVG
        state[UNKNOWN] += kind in (SELECT, TEMPLATE)
        if state[UNKNOWN] > 0:
            state[OUTSIDE] = height
    depth = height + state[MORE]
    state[DEEPEST] = max(state[DEEPEST], depth)
    does = _CUT_TAG if 0 <= limit < depth else _KEPT
    if not is_item:
        stack[height - 1, _CUT] = does
    return does


@kernel
def _close(data: Bytes, stack: Stack, state: Stack, start: int, end: int) -> int:
    """Take in an end tag; return what becomes of it."""
    top = state[HEIGHT] - 1
    if (
        top < 0
        or stack[top, _LENGTH] != end - start
        or not same_name(data, stack[top, _START], start, end - start)
    ):
        state[OUTSIDE] = top + 1
        return _KEPT
    kind = stack[top, _KIND]
    state[HEIGHT] = top
    state[FOREIGN] -= kind == SVG
    state[UNKNOWN] -= kind in (SELECT, TEMPLATE)
    state[OUTSIDE] = min(state[OUTSIDE], top)
    return stack[top, _CUT]  # type: ignore[no-any-return]
