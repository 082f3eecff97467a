"""Sort hashes, which lie evenly, by their upper bits and then where they stand."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mind_core.kernels.library import kernel

_ONE = np.uint64(1)
SMALL = np.uint64(24)
"""So few are sorted where they stand."""

_LARGE = np.uint64(64)
"""So many in one bucket are no chance: they are sorted in a way that nobody can slow down."""

MAX_BUCKETS = 1 << 16
Values = npt.NDArray[np.uint32]


@kernel
def sorted_distinct(
    values: Values, size: int, ends: Values, sorting: Values, out: Values, at: int
) -> int:
    """Write `size` hashes from `out[at]` on, sorted and without repetition; return their end.

    `ends` holds one counter for each bucket and one more, `sorting` as many values as there are.
    """
    rows = np.uint64(size)
    if rows <= SMALL:
        for row in range(rows):
            sorting[row] = values[row]
        insertion_sort(sorting, rows)
    elif _by_bucket(values, rows, ends, sorting) > _LARGE:
        heap_sort(sorting, rows)
    else:
        insertion_sort(sorting, rows)
    last = np.uint64(at)
    out[last] = sorting[0]
    # Equal values are neighbours now; each is written, and counted only if it differs.
    for row in range(_ONE, rows):
        last += np.uint64(sorting[row] != out[last])
        out[last] = sorting[row]
    return int(last) + 1


@kernel
def _by_bucket(values: Values, rows: np.uint64, ends: Values, sorting: Values) -> np.uint64:
    """Lay values down by their upper bits, one in two buckets or so; return the most in one."""
    # Members are hashes, so their upper bits spread evenly: two values a bucket or fewer on
    # average.
    buckets, shift = np.uint64(256), np.uint32(24)
    while buckets < np.uint64(2) * rows and buckets < np.uint64(MAX_BUCKETS):
        buckets <<= _ONE
        shift -= np.uint32(1)
    for bucket in range(buckets + _ONE):
        ends[bucket] = np.uint32(0)
    for row in range(rows):
        ends[np.uint64(values[row] >> shift) + _ONE] += np.uint32(1)
    fullest = np.uint32(0)
    for bucket in range(buckets):
        fullest = max(fullest, ends[bucket + _ONE])
        # From counts to the place where each bucket begins.
        ends[bucket + _ONE] += ends[bucket]
    for row in range(rows):
        own = np.uint64(values[row] >> shift)
        sorting[np.uint64(ends[own])] = values[row]
        # In the end each bucket's place is where the next one begins.
        ends[own] += np.uint32(1)
    return np.uint64(fullest)


@kernel
def insertion_sort(values: npt.NDArray[Any], rows: np.uint64) -> None:
    """Sort the first values in place; fast if each is near its place."""
    for row in range(_ONE, rows):
        value = values[row]
        place = np.uint64(row)
        while place > np.uint64(0) and values[place - _ONE] > value:
            values[place] = values[place - _ONE]
            place -= _ONE
        values[place] = value


@kernel
def heap_sort(values: npt.NDArray[Any], rows: np.uint64) -> None:
    """Sort the first values in place, however they lie."""
    # Heap first, from the last parent back (Floyd 1964).
    for back in range(rows // np.uint64(2)):
        _sink(values, rows // np.uint64(2) - _ONE - np.uint64(back), rows)
    for back in range(_ONE, rows):
        # The greatest of the heap goes behind its end, and the heap gets shorter by it.
        end = rows - np.uint64(back)
        values[0], values[end] = values[end], values[0]
        _sink(values, np.uint64(0), end)


@kernel
def _sink(values: npt.NDArray[Any], place: np.uint64, end: np.uint64) -> None:
    """Let a value sink in the heap `values[:end]` until none below it is greater."""
    value = values[place]
    below = place * np.uint64(2) + _ONE
    # The place of the value is a hole that moves down: one write a step instead of two.
    while below < end:
        if below + _ONE < end and values[below + _ONE] > values[below]:
            below += _ONE
        if values[below] <= value:
            break
        values[place] = values[below]
        place, below = below, below * np.uint64(2) + _ONE
    values[place] = value
