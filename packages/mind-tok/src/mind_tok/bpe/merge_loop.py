"""Merge the symbols of segments into ids: the lowest rank first, the leftmost of equal ones.

That order is the definition of byte-pair encoding in SentencePiece (ranks by score) and in
`tokenizers` (ranks by the list of merges). Here are only the loops; `tables` makes their arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mind_core.kernels.library import kernel
from mind_core.kernels.utf8 import character
from mind_tok.bpe import I32, I64, U8
from mind_tok.bpe.word_cache import (
    LONG_BYTES,
    MIX,
    SHORT_BYTES,
    find_long,
    find_short,
    keep_long,
    keep_short,
    take_long,
    take_short,
)

NONE = 1 << 62
"""A rank above all others: these two symbols do not merge."""

SHORT = 40
"""Symbols up to which looking at all pairs for each merge is quicker than a heap."""


@kernel
def pair_value(left: int, right: int, merges: I64) -> int:
    """Return `rank << 32 | merged symbol` of two symbols, or NONE."""
    # A character without an entry is written in bytes, and merges with nothing.
    if left < 0 or right < 0:
        return NONE
    # Both symbols in one number; the table is open-addressed and at most half full
    # (`tables.hashed`).
    key = np.int64(left) << np.int64(32) | np.int64(right)
    mixed = key * MIX
    mask = len(merges) - 1
    at = (mixed ^ (mixed >> 29)) & mask
    while merges[at, 0] != -1:
        if merges[at, 0] == key:
            found: Any = merges[at, 1]
            return found  # type: ignore[no-any-return]
        at = (at + 1) & mask
    return NONE


@kernel("i8(i4[], i8, i8[], i8[,])")
def merge_short(symbols: I32, count: int, pairs: I64, merges: I64) -> int:
    """Merge the first `count` symbols in place and return how many are left."""
    for i in range(count - 1):
        pairs[i] = pair_value(symbols[i], symbols[i + 1], merges)
    while count > 1:
        best, at = NONE, 0
        for i in range(count - 1):
            # Ranks stand above the symbol, and the leftmost of equal ranks wins.
            if pairs[i] >> 32 < best >> 32:
                best, at = pairs[i], i
        if best == NONE:
            break
        # The merged symbol takes the left one's place, and all behind it move up by one: with at
        # most 40 symbols that is cheaper than a list of links.
        symbols[at] = best & 0x7FFFFFFF
        count -= 1
        for i in range(at + 1, count):
            symbols[i] = symbols[i + 1]
        for i in range(at + 1, count - 1):
            pairs[i] = pairs[i + 1]
        # Only the two pairs beside the merged symbol are new.
        if at > 0:
            pairs[at - 1] = pair_value(symbols[at - 1], symbols[at], merges)
        if at + 1 < count:
            pairs[at] = pair_value(symbols[at], symbols[at + 1], merges)
    return count


@kernel
def heap_push(heap: I64, size: int, item: int) -> int:
    """Put an item onto a heap of `size` items; return the new size."""
    at = size
    # A binary heap in an array: below place i lie 2 i + 1 and 2 i + 2, and nothing
    # above is greater.
    while at > 0:
        above = (at - 1) >> 1
        if heap[above] <= item:
            break
        heap[at] = heap[above]
        at = above
    heap[at] = item
    return size + 1


@kernel
def heap_pop(heap: I64, size: int) -> int:
    """Take the lowest item, heap[0], off a heap; return the new size."""
    size -= 1
    # The last item sinks from the top, and the lesser of the two below comes up each time.
    item = heap[size]
    at = 0
    while True:
        below = 2 * at + 1
        if below >= size:
            break
        if below + 1 < size and heap[below + 1] < heap[below]:
            below += 1
        if heap[below] >= item:
            break
        heap[at] = heap[below]
        at = below
    heap[at] = item
    return size


@kernel("i8(i4[], i8, i8[,])")
def merge_long(symbols: I32, count: int, merges: I64) -> int:
    """Merge the first `count` symbols in place with a heap; return how many are left.

    Needs about 32 bytes for each symbol. The heap holds `rank << 32 | place`; what it holds may be
    out of date, so each is looked up again.
    """
    # A doubly linked list over places: a merge takes the right neighbour out without moving others.
    after = np.arange(1, count + 1).astype(np.int32)
    before = np.arange(-1, count - 1).astype(np.int32)
    # Each merge enters two pairs at most, and there are count - 1 merges and as many pairs at
    # first.
    heap = np.empty(3 * count, np.int64)
    size = 0
    for i in range(count - 1):
        value = pair_value(symbols[i], symbols[i + 1], merges)
        # In this order the lowest rank comes first, and of equal ranks the leftmost place.
        if value != NONE:
            size = heap_push(heap, size, (value >> 32) << 32 | i)
    while size:
        item = heap[0]
        size = heap_pop(heap, size)
        left = item & 0x7FFFFFFF
        right = after[left]
        # -2 marks a symbol that was merged into its left neighbour: the entry is out of date.
        if symbols[left] == -2 or right >= count:
            continue
        value = pair_value(symbols[left], symbols[right], merges)
        # The pair at this place is another one by now, which has an entry of its own.
        if value == NONE or value >> 32 != item >> 32:
            continue
        symbols[left] = value & 0x7FFFFFFF
        symbols[right] = -2
        after[left] = after[right]
        if after[left] < count:
            # `count` stands for no right neighbour, -1 for no left one.
            before[after[left]] = left
            value = pair_value(symbols[left], symbols[after[left]], merges)
            if value != NONE:
                size = heap_push(heap, size, (value >> 32) << 32 | left)
        if before[left] >= 0:
            value = pair_value(symbols[before[left]], symbols[left], merges)
            if value != NONE:
                size = heap_push(heap, size, (value >> 32) << 32 | before[left])
    kept = 0
    for i in range(count):
        if symbols[i] != -2:
            symbols[kept] = symbols[i]
            kept += 1
    return kept


@kernel
def segment_ids(
    data: U8, start: int, end: int, symbols_of: I32, byte_ids: I32, merges: I64,
    room: I32, pairs: I64, out: I32, filled: int,
) -> int:  # fmt: skip
    """Encode one segment into `out` from `filled` on; return where it is filled up to.

    `symbols_of` gives the id of a code point, or of a byte if it has 256 entries. A code point with
    -1 has no entry and is written in bytes; it is always a segment of its own.
    """
    # Byte-level BPE starts from bytes, SentencePiece from characters.
    bytewise = len(symbols_of) == 256
    if end - start > len(room):
        room = np.empty(end - start, np.int32)
    count, at, whole = 0, start, True
    while at < end:
        if bytewise:
            room[count] = symbols_of[data[at]]
            at += 1
        else:
            code, length = character(data, at)
            room[count] = symbols_of[code]
            whole = whole and room[count] >= 0
            at += length
        count += 1
    # Byte fallback: a character without an entry is one token for each of its bytes.
    if not whole and count == 1:
        for i in range(start, end):
            out[filled] = byte_ids[data[i]]
            filled += 1
        return filled
    if count <= SHORT:
        count = merge_short(room, count, pairs, merges)
    else:
        count = merge_long(room, count, merges)
    for i in range(count):
        out[filled + i] = room[i]
    return filled + count


@kernel("void(u1[], i8[], i8[], i4[], i8, i4[], i4[], i8[,], i8[,], i8[,], i4[], i8[])")
def encode_segments(
    data: U8, segments: I64, texts: I64, special: I32, end_id: int, symbols_of: I32,
    byte_ids: I32, merges: I64, short: I64, long: I64, out: I32, ends: I64,
) -> None:  # fmt: skip
    """Encode all segments; write where each text's ids end in `out` into `ends`, (texts,).

    `segments` are the ends of segments in `data`, text t has those below `texts[t]`; `special`
    holds an id for a segment that is a token by itself, else -1; `end_id` follows each text unless
    it is negative. `short` and `long` are caches. `out` has room for `MAX_SHORT_IDS` ids more
    than there can be.
    """
    # Scratch for one segment, made once; a longer segment makes its own.
    room, pairs = np.empty(4096, np.int32), np.empty(SHORT, np.int64)
    wide = len(symbols_of) > 256
    filled: Any = 0
    start: Any = 0
    segment = 0
    for text in range(len(texts)):
        while segment < texts[text]:
            end = segments[segment]
            if special[segment] >= 0:
                out[filled] = special[segment]
                filled += 1
            elif wide and end - start == 6 and data[start] >= 0xE0 and data[start + 3] >= 0xE0:
                # Two Chinese characters: they merge, or they do not.
                # Both have entries, as a character without one is a segment of its own.
                left: Any = symbols_of[character(data, start)[0]]
                right: Any = symbols_of[character(data, start + 3)[0]]
                value: Any = pair_value(left, right, merges)
                out[filled], out[filled + 1] = left, right
                if value == NONE:
                    filled += 2
                else:
                    out[filled] = value & 0x7FFFFFFF
                    filled += 1
            else:
                line: Any = 0
                after: Any = filled
                # `after == filled` stands for "not in the cache": no segment has no ids.
                if end - start <= SHORT_BYTES:
                    line = find_short(data, start, end, short)
                    if line >= 0:
                        after = take_short(short, line, out, filled)
                if after == filled:
                    after = rarer_ids(
                        data, start, end, symbols_of, byte_ids, merges, room, pairs, short, line,
                        long, out, filled,
                    )  # fmt: skip
                filled = after
            start = end
            segment += 1
        if end_id >= 0:
            out[filled] = end_id
            filled += 1
        ends[text] = filled


@kernel
def rarer_ids(
    data: U8, start: int, end: int, symbols_of: I32, byte_ids: I32, merges: I64, room: I32,
    pairs: I64, short: I64, line: int, long: I64, out: I32, filled: int,
) -> int:  # fmt: skip
    """Encode as `segment_ids` does a segment that is too long for `short`, or new there."""
    place: Any = 0
    if line >= 0 and end - start <= LONG_BYTES:
        place = find_long(data, start, end, long)
        if place >= 0:
            return take_long(long, place, out, filled)
    after = segment_ids(data, start, end, symbols_of, byte_ids, merges, room, pairs, out, filled)
    # Only now: a line was given up for this segment, but its ids were not known before.
    if line < 0:
        keep_short(short, -1 - line, out, filled, after)
    if place < 0:
        keep_long(long, -1 - place, out, filled, after)
    return after
