"""CSV and TSV with a header as lines of records: one a row, every value a string.

A position is the number of a row as a spreadsheet counts them, blank ones too. An empty cell is a
field that is not there; `metadata` and `messages` are read if they are JSON.
"""

from __future__ import annotations

import codecs
import csv
import itertools
from collections.abc import Iterator
from typing import BinaryIO

import orjson

from mind_core.batches import LINE_LIMIT, Batch, batched, refused
from mind_core.columns import Renaming
from mind_core.compressions import content_of
from mind_core.errors import BadRecord, MindError
from mind_core.foreign import check_not_foreign
from mind_core.records import Record, encode

_NESTED = ("metadata", "messages")
_HINT = "CSV has commas, TSV tabs, both a first row of names: is the file called as it is?"


def csv_batches(
    source: BinaryIO, name: str, delimiter: str, columns: Renaming, batch_bytes: int
) -> Iterator[Batch]:
    """Yield the rows of a table; raise `MindError` for one without a usable header."""
    csv.field_size_limit(LINE_LIMIT)
    rows = _rows(_text_lines(source, name), name, delimiter)
    numbered = ((number, row) for number, row in enumerate(rows, 1) if row)
    at, header = next(numbered, (0, None))
    if header is None:
        return
    _check_header(header, name)
    columns.check(header, name)
    lines = (_line(header, row, columns) for row in rows)
    yield from batched(lines, name, at + 1, batch_bytes)


def _text_lines(source: BinaryIO, name: str) -> Iterator[str]:
    """Yield lines of text with their line feeds; what is not UTF-8 comes as lone surrogates."""
    # What is no UTF-8 goes through as lone surrogates, so that it costs its own row and not the
    # rest of the file.
    decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
    waiting, is_first = "", True
    # The empty chunk at the end makes the decoder give back what it holds, and lets the last line
    # end without a line feed.
    for chunk in itertools.chain(content_of(source, name), (b"",)):
        if is_first:
            check_not_foreign(chunk, name)
            is_first = False
        waiting += decoder.decode(chunk, final=not chunk)
        if len(waiting) > LINE_LIMIT:
            raise BadRecord("line_too_long", f"{name}: a row",
                            cause=f"no line feed within {LINE_LIMIT >> 20} MiB")  # fmt: skip
        lines = _split(waiting)
        waiting = lines.pop() if lines and chunk else ""
        yield from lines


def _split(text: str) -> list[str]:
    """Cut after line feeds only: U+2028 and its like belong to a cell."""
    parts = text.split("\n")
    return [*(part + "\n" for part in parts[:-1]), *([parts[-1]] if parts[-1] else [])]


def _rows(lines: Iterator[str], name: str, delimiter: str) -> Iterator[list[str]]:
    # Strict: else a quote that is never closed would swallow all rows after it in silence.
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        yield from reader
    except csv.Error as error:
        what = f"{name}: line {reader.line_num} is no row of a table"
        raise MindError(what, cause=error, hint=_HINT) from None


def _check_header(header: list[str], name: str) -> None:
    if any("\udc80" <= character <= "\udcff" for cell in header for character in cell):
        raise MindError(f"{name} is not UTF-8", hint=f"`iconv -f gb18030 -t utf-8 {name}` if it "
                        "is a Chinese spreadsheet's")  # fmt: skip
    twice = sorted({cell for cell in header if header.count(cell) > 1})
    if twice or "" in header:
        what = f"has the column {twice[0]!r} twice" if twice else "has a column without a name"
        raise MindError(f"{name} {what}", hint=_HINT)


def _line(header: list[str], row: list[str], columns: Renaming) -> bytes:
    """Return a row as a line, or as one that says why it is no record; a blank one stays blank."""
    if not row:
        return b"\n"
    raw = ",".join(row)
    if len(row) != len(header):
        cause = f"it has {len(row)} cells, the header has {len(header)}"
        return refused("wrong_columns", cause, raw.encode("utf-8", "surrogateescape"))
    record: Record = {}
    for key, cell in zip(header, row, strict=True):
        if cell:
            record[key] = _value(cell) if key in _NESTED else cell
    try:
        # orjson refuses lone surrogates: here they are bytes that were no UTF-8.
        return encode(columns.renamed(record) if columns else record)
    except TypeError:
        return refused("broken_utf8", "", raw.encode("utf-8", "surrogateescape"))


def _value(cell: str) -> object:
    if cell[0] not in "{[":
        return cell
    try:
        return orjson.loads(cell)
    except orjson.JSONDecodeError:
        return cell
