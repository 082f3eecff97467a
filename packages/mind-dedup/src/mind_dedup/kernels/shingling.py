"""UTF-8 to sorted sets of shingles: one pass for tokens, one for shingles, one to sort."""

# Indices are unsigned throughout: a signed one costs a test for a negative value at each access.

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.compiling import kernel
from mind_core.kernels.packed import Packed
from mind_dedup.fold import PART_OF_WORD, TOKEN, Hashes, tables
from mind_dedup.kernels.mixing import mixed
from mind_dedup.shingles import BASE, BLOCK, PLACES, SHINGLE_TOKENS, ShingleSets

_BASE = np.uint64(BASE)
_ONE, _SIX, _LOW = np.uint64(1), np.uint64(6), np.uint64(0x3F)
_SMALL = 24
"""So few are sorted where they stand; a bucket of more than 64 is left to a better sort."""


def shingle_sets(packed: Packed, whole: Hashes) -> ShingleSets:
    """Return the shingle sets of texts in composed form; `whole` are the hashes of the texts.

    A text without any token has the upper half of its own hash for its set.
    """
    kinds, values = tables()
    texts = len(packed.offsets) - 1
    longest = int(np.diff(packed.offsets).max(initial=0)) + 1
    offsets = np.zeros(texts + 1, np.int64)
    flat = np.empty(len(packed.data) + texts, np.uint32)
    tokens, shingles = np.empty(longest, np.uint64), np.empty(longest, np.uint32)
    sorting = np.empty(longest, np.uint32)
    size = _fill(
        packed.data, packed.offsets, kinds, values, PLACES, whole,
        tokens, shingles, sorting, flat, offsets,
    )  # fmt: skip
    return ShingleSets(flat[:size].copy(), offsets)


@kernel
def _fill(
    data: npt.NDArray[np.uint8],
    begins: npt.NDArray[np.int64],
    kinds: npt.NDArray[np.uint8],
    values: Hashes,
    places: Hashes,
    whole: Hashes,
    tokens: Hashes,
    shingles: npt.NDArray[np.uint32],
    sorting: npt.NDArray[np.uint32],
    flat: npt.NDArray[np.uint32],
    offsets: npt.NDArray[np.int64],
) -> int:
    at = 0
    ends = np.zeros(257, np.uint64)
    for text in range(len(begins) - 1):
        found = _tokens(data, begins[text], begins[text + 1], kinds, values, tokens)
        if found == 0:
            flat[at] = np.uint32(whole[text] >> np.uint64(32))
            at += 1
        else:
            size = _shingles(tokens, found, places, shingles)
            at = _sorted_distinct(shingles, size, ends, sorting, flat, at)
        offsets[text + 1] = at
    return at


@kernel
def _tokens(
    data: npt.NDArray[np.uint8],
    begin: int,
    end: int,
    kinds: npt.NDArray[np.uint8],
    values: Hashes,
    tokens: Hashes,
) -> int:
    """Write the tokens of one text and return how many there are."""
    found = np.uint64(0)
    word, power, length = np.uint64(0), _ONE, 0
    at, stop = np.uint64(begin), np.uint64(end)
    last = np.uint64(len(kinds) - 1)
    while at < stop:
        code = np.uint64(data[at])
        if code < np.uint64(0x80):
            at += _ONE
        elif code < np.uint64(0xE0):
            code = ((code & np.uint64(0x1F)) << _SIX) | (np.uint64(data[at + _ONE]) & _LOW)
            at += np.uint64(2)
        elif code < np.uint64(0xF0):
            code = ((code & np.uint64(0x0F)) << _SIX) | (np.uint64(data[at + _ONE]) & _LOW)
            code = (code << _SIX) | (np.uint64(data[at + np.uint64(2)]) & _LOW)
            at += np.uint64(3)
        else:
            code = ((code & np.uint64(0x07)) << _SIX) | (np.uint64(data[at + _ONE]) & _LOW)
            code = (code << _SIX) | (np.uint64(data[at + np.uint64(2)]) & _LOW)
            code = (code << _SIX) | (np.uint64(data[at + np.uint64(3)]) & _LOW)
            code = min(code, last)
            at += np.uint64(4)
        kind = kinds[code]
        if kind == PART_OF_WORD and length < BLOCK:
            word += values[code] * power
            power *= _BASE
            length += 1
            continue
        if length > 0:
            tokens[found] = word
            found += _ONE
            length = 0
        if kind == PART_OF_WORD:  # a word longer than a block goes on as another token
            word, power, length = values[code], _BASE, 1
        else:
            word, power = np.uint64(0), _ONE
            if kind == TOKEN:
                tokens[found] = values[code]
                found += _ONE
    if length > 0:
        tokens[found] = word
        found += _ONE
    return int(found)


@kernel
def _shingles(tokens: Hashes, found: int, places: Hashes, shingles: npt.NDArray[np.uint32]) -> int:
    """Write the shingles of one text and return how many there are; few tokens are one."""
    if found < SHINGLE_TOKENS:
        total = np.uint64(0)
        for place in range(found):
            total += tokens[place] * places[place]
        shingles[0] = np.uint32(mixed(total) >> np.uint64(32))
        return 1
    first, second, third, fourth, fifth = places[0], places[1], places[2], places[3], places[4]
    size = found - SHINGLE_TOKENS + 1
    for row in range(np.uint64(size)):
        total = tokens[row] * first + tokens[row + _ONE] * second
        total += tokens[row + np.uint64(2)] * third + tokens[row + np.uint64(3)] * fourth
        total += tokens[row + np.uint64(4)] * fifth
        shingles[row] = np.uint32(mixed(total) >> np.uint64(32))
    return size


@kernel
def _sorted_distinct(
    values: npt.NDArray[np.uint32],
    size: int,
    ends: npt.NDArray[np.uint64],
    sorting: npt.NDArray[np.uint32],
    out: npt.NDArray[np.uint32],
    at: int,
) -> int:
    """Sort hashes by their upper eight bits, then each bucket; write them without repetition."""
    rows = np.uint64(size)
    if size <= _SMALL:
        for row in range(rows):
            sorting[row] = values[row]
        _insertion_sort(sorting, np.uint64(0), rows)
    else:
        ends[:] = 0
        for row in range(rows):
            ends[(values[row] >> np.uint32(24)) + np.uint32(1)] += _ONE
        for bucket in range(np.uint64(256)):
            ends[bucket + _ONE] += ends[bucket]
        for row in range(rows):
            bucket = values[row] >> np.uint32(24)
            sorting[ends[bucket]] = values[row]
            ends[bucket] += _ONE
        begin = np.uint64(0)
        for bucket in range(np.uint64(256)):
            stop = ends[bucket]
            if stop > begin + np.uint64(64):
                sorting[begin:stop] = np.sort(sorting[begin:stop])
            elif stop > begin + _ONE:
                _insertion_sort(sorting, begin, stop)
            begin = stop
    last = np.uint64(at)
    out[last] = sorting[0]
    for row in range(_ONE, rows):
        last += np.uint64(sorting[row] != out[last])
        out[last] = sorting[row]
    return int(last) + 1


@kernel
def _insertion_sort(values: npt.NDArray[np.uint32], begin: np.uint64, end: np.uint64) -> None:
    for row in range(begin + _ONE, end):
        value = values[row]
        place = np.uint64(row)
        while place > begin and values[place - _ONE] > value:
            values[place] = values[place - _ONE]
            place -= _ONE
        values[place] = value
