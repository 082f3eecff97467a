"""Inputs that are JSON arrays or pretty-printed objects as batches of lines, one value a line.

A file that begins with `[` is an array of records, unless its first line is a whole list and others
follow: then each line is a list of turns. What is a list comes as `{"turns": …}`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import orjson

from mind_core.columns import Renaming, given_columns
from mind_core.errors import BadRecord, MindError
from mind_core.formats import files_of, rows_in
from mind_core.records import BOM
from mind_core.stream import (
    BATCH_BYTES,
    LINE_LIMIT,
    Batch,
    check_inputs,
    content_of,
    lines_of,
    open_input,
    renamed,
)

# A whole string, a bracket, or the quote of a string whose end is not there yet. The possessive
# `++` never tries a long string again in other ways.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]|"', re.DOTALL)
_QUOTE = b'"'
_BETWEEN = b" \t\r\n,"


@dataclass(frozen=True)
class ValueBatch(Batch):
    """Values of one array; a "line" is the number of a value, counted from 1."""

    def position(self, number: int) -> str:
        """Return "file: value N" for a value of this batch."""
        return f"{self.name}: value {number}"


def read_chat_batches(
    inputs: Sequence[str | Path], *, batch_bytes: int = BATCH_BYTES
) -> Iterator[Batch]:
    """Yield the records of all inputs in order, one JSON object a line, whatever they came as.

    JSON Lines pass as they are. Raises `MindError` as `read_batches` does, and for an array that
    ends too early.
    """
    check_inputs(inputs)
    columns = given_columns()
    for item in files_of(inputs or ["-"]):
        with open_input(item) as (source, name):
            yield from chat_batches(source, name, columns, batch_bytes=batch_bytes)


def chat_batches(
    source: BinaryIO,
    name: str,
    columns: Renaming | None = None,
    *,
    batch_bytes: int = BATCH_BYTES,
) -> Iterator[Batch]:
    """Yield the records of one open file; see `read_chat_batches`."""
    columns = given_columns() if columns is None else columns
    if (rows := rows_in(source, name, columns, batch_bytes)) is not None:
        yield from rows
        return
    chunks = content_of(source, name)
    start = _start(chunks)
    first = b"".join(start)
    chunks = itertools.chain(start, chunks)
    if first.removeprefix(BOM).lstrip()[:1] == b"[" or is_pretty(first):
        batches: Iterator[Batch] = _value_batches(chunks, name, batch_bytes)
    else:
        batches = lines_of(chunks, name, batch_bytes=batch_bytes)
    yield from renamed(batches, columns)


def _start(chunks: Iterator[bytes]) -> list[bytes]:
    """Take chunks until it can be told what an input is: its first line, or its first bracket."""
    taken: list[bytes] = []
    size, is_blank = 0, True
    for chunk in chunks:
        taken.append(chunk)
        size += len(chunk)
        text = chunk.removeprefix(BOM) if is_blank else chunk
        if is_blank and text.lstrip():
            is_blank, text = False, text.lstrip()
            # An array may come without a line feed for gigabytes, and its bracket says enough.
            if text.startswith(b"["):
                break
        if not is_blank and (b"\n" in text or size > LINE_LIMIT):
            break
    return taken


def is_pretty(first: bytes) -> bool:
    """Tell whether an input begins with an object that goes over several lines."""
    line = first.removeprefix(BOM).lstrip().split(b"\n", 1)
    return len(line) == 2 and line[0].strip() == b"{"


def _value_batches(chunks: Iterator[bytes], name: str, batch_bytes: int) -> Iterator[ValueBatch]:
    waiting: list[bytes] = []
    size, first = 0, 1
    for number, value in enumerate(values(chunks, name), 1):
        line = _one_line(value, f"{name}: value {number}")
        waiting.append(line)
        size += len(line)
        # A value is one line of its batch, so that lines count on from `first` as values do.
        if size >= batch_bytes:
            yield ValueBatch(name, first, b"".join(waiting))
            waiting, size, first = [], 0, number + 1
    if waiting:
        yield ValueBatch(name, first, b"".join(waiting))


def _one_line(value: bytes, position: str) -> bytes:
    """Return a value as a line; what is no JSON goes on as it is, for the worker to name."""
    try:
        # Parsed and written anew, so that a value that was printed over several lines is one.
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        # Its own line ends would make several lines of it.
        return b" ".join(value.split(b"\n")) + b"\n"
    try:
        return orjson.dumps({"turns": found} if isinstance(found, list) else found) + b"\n"
    except TypeError:
        raise BadRecord("too_nested", position, value) from None


def values(chunks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Yield the elements of the arrays of a stream, and its objects outside of arrays, as bytes.

    Of several arrays in one stream, each on its own line, each is a value itself. Memory: the
    longest value, which may be as long as a line may be.
    """
    data = _first_line(chunks).removeprefix(BOM)
    # The depth at which a value begins: 1 within an array of records; 0 for lines that are lists,
    # and for objects one after another.
    in_array = 0 if _is_lines_of_lists(data) or not data.lstrip().startswith(b"[") else 1
    level = in_array
    depth = at = done = 0  # done: all before it was yielded; depth > level: inside of a value
    while True:
        for found in _TOKEN.finditer(data, at):
            token = found[0]
            if token == _QUOTE:
                break  # a string that goes on in the next chunk
            at = found.end()
            if token in (b"[", b"{"):
                if depth == 0:
                    # Behind an array an object may stand by itself.
                    level = in_array if token == b"[" else 0
                if depth <= level:
                    yield from _between(data[done : found.start()])
                    done = found.start() if depth == level else at
                depth += 1
            elif token in (b"]", b"}"):
                if depth <= level:
                    yield from _between(data[done : found.start()])
                    done = at
                depth -= 1
                # The bracket that closes an array of records itself ends no value.
                if depth == level and data[done] in b"[{":
                    yield data[done:at]
                    done = at
                elif depth < 0:
                    raise MindError(
                        f"{name}: a bracket is closed that was never opened",
                        hint="check the JSON, for example with `jq . FILE`",
                    )
        if len(data) - done > LINE_LIMIT:
            raise BadRecord("line_too_long", f"{name}: a value",
                            cause=f"no end within {LINE_LIMIT >> 20} MiB")  # fmt: skip
        begun = data[done:]
        if not (more := _at_least(chunks, len(begun))):
            break
        # What was yielded goes. The scan continues behind the last whole token, so that the
        # brackets of a long value are counted once.
        data, at, done = begun + more, at - done, 0
    if depth != 0:
        raise MindError(
            f"{name}: the JSON array ends too early",
            cause=f"{depth} brackets are still open at its end",
            hint="the file was cut: fetch it again",
        )
    yield from _between(data[done:])


def _first_line(chunks: Iterator[bytes]) -> bytes:
    """Take chunks up to the first line feed, or as many as a line may be long."""
    taken: list[bytes] = []
    size = 0
    for chunk in chunks:
        taken.append(chunk)
        size += len(chunk)
        if b"\n" in chunk or size >= LINE_LIMIT:
            break
    return b"".join(taken)


def _at_least(chunks: Iterator[bytes], size: int) -> bytes:
    """Take chunks of so many bytes together, or one; fewer at the end of the input.

    As much again as is there of a long value: added chunk by chunk, its begin would be copied, and
    a long string be read from its begin, for each of them.
    """
    taken: list[bytes] = []
    for chunk in chunks:
        taken.append(chunk)
        size -= len(chunk)
        if size <= 0:
            break
    return b"".join(taken)


def _between(gap: bytes) -> Iterator[bytes]:
    """Yield what stands between values and is no separator, for the worker to name as bad."""
    if gap := gap.strip(_BETWEEN):
        yield gap


def _is_lines_of_lists(data: bytes) -> bool:
    """Tell whether the first line is a whole list, and another list follows on the next."""
    first, _, rest = data.lstrip().partition(b"\n")
    if not rest.lstrip().startswith(b"["):
        return False
    try:
        return isinstance(orjson.loads(first), list)
    except orjson.JSONDecodeError:
        return False
