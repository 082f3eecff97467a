"""Raw files of data sets as records: JSON lines, a JSON array, or CSV with a header."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from mind_core import MindError, Record
from mind_core.formats.names import table_kind
from mind_core.records import encode
from mind_core.stream import Batch, read_batches, read_lines

ROWS_AT_ONCE = 2000
_FIELD_LIMIT = 1 << 26


def raw_batches(inputs: Sequence[str]) -> Iterator[Batch]:
    """Yield batches of JSON lines, whatever the inputs are.

    JSON lines are passed on as they come. A JSON array (of objects, or of arrays of them) is held
    in memory whole, and a position counts its items. Of CSV a position counts rows from 2, the
    header being 1. All may be compressed.
    """
    for name in inputs or ["-"]:
        batches = read_lines(name) if table_kind(name) == "csv" else read_batches([name])
        first = next(batches, None)
        if first is None:
            continue
        # By what is in it: data sets name JSON lines .json, and CSV .txt.
        start = first.data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        if start == b"{":
            yield first
            yield from batches
        elif start == b"[":
            data = b"".join([first.data, *(batch.data for batch in batches)])
            yield from _as_batches(first.name, 1, _array(data, first.name))
        else:
            yield from _as_batches(first.name, 2, _csv_rows(first, batches))


def _array(data: bytes, name: str) -> Iterator[Any]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise MindError(
            f"{name} begins like a JSON array and is none",
            cause=error,
            hint="give JSON lines, one array, or CSV",
        ) from None
    # A stack rather than recursion: arrays may lie in arrays to any depth.
    stack = [iter(value)]
    while stack:
        for item in stack[-1]:
            if isinstance(item, list):
                stack.append(iter(item))
                break
            yield item
        else:
            stack.pop()


def _csv_rows(first: Batch, batches: Iterator[Batch]) -> Iterator[Record]:
    csv.field_size_limit(_FIELD_LIMIT)

    def lines() -> Iterator[str]:
        # A quoted field may hold line feeds, so lines are cut here and joined by the reader.
        encoding = "utf-8-sig"
        for batch in (first, *batches):
            try:
                text = batch.data.decode(encoding)
            except UnicodeDecodeError as error:
                raise MindError(
                    f"{batch.name}: not UTF-8",
                    cause=error,
                    hint=f"convert it first: iconv -f GB18030 -t UTF-8 {batch.name}",
                ) from None
            # Only the first batch may begin with a byte order mark.
            encoding = "utf-8"
            yield from io.StringIO(text, newline="")

    reader = csv.DictReader(lines(), strict=True)
    try:
        for number, row in enumerate(reader, 2):
            if None in row:
                raise MindError(
                    f"{first.name}:{number}: more cells than the header has",
                    hint="is it CSV with commas and a header?",
                )
            # An empty cell is no value: other fields may then be taken in its place.
            yield {key: value for key, value in row.items() if value not in (None, "")}
    except csv.Error as error:
        raise MindError(
            f"{first.name}: line {reader.line_num} is no CSV",
            cause=error,
            hint="give JSON lines, a JSON array, or CSV with commas and a header",
        ) from None


def _as_batches(name: str, number: int, rows: Iterator[Any]) -> Iterator[Batch]:
    lines: list[bytes] = []
    for row in rows:
        lines.append(encode(row))
        if len(lines) == ROWS_AT_ONCE:
            yield Batch(name, number, b"".join(lines))
            number += len(lines)
            lines = []
    if lines:
        yield Batch(name, number, b"".join(lines))
