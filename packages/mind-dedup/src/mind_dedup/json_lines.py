"""Lines of JSON read without objects: where things are, and the texts as UTF-8."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mind_core.kernels.packed import Packed
from mind_dedup.char_folding import composing
from mind_dedup.columns import DictionaryColumn, LineSpans
from mind_dedup.loops.json_lines import group, scan
from mind_dedup.loops.json_strings import (
    BACKSLASH,
    FOUR_BYTES,
    ILLEGAL,
    PLAIN,
    QUOTE,
    THREE_BYTES,
    TWO_BYTES,
)

_PADDING = 16
"""Line feeds behind the data, so that a loop may look so far ahead."""

_MIN_LINE_BYTES = len(b'{"text":""}')

_room = np.empty(0, np.uint8)


class ScannedLines(NamedTuple):
    """Hold what was read of some lines, a record each."""

    lines: LineSpans
    ids: LineSpans
    """As JSON; empty for a record without an id."""

    sources: DictionaryColumn
    texts: Packed
    composes: npt.NDArray[np.bool_]
    """Which texts may not be in composed form."""


def scan_lines(data: bytes, unknown: str) -> ScannedLines | None:
    """Read whole lines; return None if any of them is not plain, which says nothing against it.

    `unknown` is the source of records that name none.
    """
    if not data.endswith(b"\n"):
        # The loop ends a line, and the data, by a line feed alone.
        data += b"\n"
    codes = _padded(data)
    # No record is shorter, so there are no more; blank lines are none.
    max_rows = len(data) // _MIN_LINE_BYTES + 2
    # No string gets longer: an escape of six bytes is three of UTF-8 at most.
    out, ends = np.empty(len(codes), np.uint8), np.empty(max_rows, np.int64)
    spans, composes = np.empty(6 * max_rows, np.int64), np.empty(max_rows, np.bool_)
    rows = scan(codes, len(data), _CLASSES, composing(), out, ends, spans, composes)
    if rows < 0:
        return None
    offsets = np.concatenate((np.zeros(1, np.int64), ends[:rows]))
    table = np.zeros(1 << max(int(2 * rows).bit_length(), 4), np.int64)
    first = np.empty(rows, np.int64)
    group(codes, spans, rows, table, first)
    columns = np.ascontiguousarray(spans[: 6 * rows].reshape(rows, 6).T)
    return ScannedLines(
        LineSpans(data, columns[0], columns[1]),
        LineSpans(data, columns[2], columns[3]),
        _sources(LineSpans(data, columns[4], columns[5]), first, unknown),
        Packed(out[: int(offsets[-1])], offsets),
        composes[:rows],
    )


def _padded(data: bytes) -> npt.NDArray[np.uint8]:
    """Return a copy that goes on with line feeds, in the same memory each time."""
    global _room
    size = len(data) + _PADDING
    # A quarter more, so that batches of about one size need new memory once.
    if size > len(_room):
        _room = np.empty(size + size // 4, np.uint8)
    _room[: len(data)] = np.frombuffer(data, np.uint8)
    _room[len(data) : size] = 0x0A
    return _room[:size]


def _sources(spans: LineSpans, first: npt.NDArray[np.int64], unknown: str) -> DictionaryColumn:
    """Return the sources by name, from the first record that has the same."""
    distinct = np.flatnonzero(first == np.arange(len(first))).tolist()
    numbers = np.zeros(len(first) + 1, np.int64)  # the last is that of -1
    numbers[[*distinct, -1]] = np.arange(len(distinct) + 1)
    return DictionaryColumn([*(spans[row].decode() for row in distinct), unknown], numbers[first])


def _classes() -> npt.NDArray[np.uint8]:
    classes = np.full(256, ILLEGAL, np.uint8)
    classes[0x20:0x80] = PLAIN
    classes[0x22], classes[0x5C] = QUOTE, BACKSLASH
    # C0 and C1 begin overlong forms, F5 and above no character: illegal (RFC 3629 §3).
    classes[0xC2:0xE0], classes[0xE0:0xF0], classes[0xF0:0xF5] = TWO_BYTES, THREE_BYTES, FOUR_BYTES
    return classes


_CLASSES = _classes()
