"""Read streams of records: zstd, gzip or plain JSONL, from files and stdin.

A stream is cut into batches of whole lines, and a batch knows its file and line, so that a worker
process can name the position of a bad record.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mind_core import zstd_frames
from mind_core.errors import BadRecord, MindError, UsageError
from mind_core.foreign import check_not_foreign, missing
from mind_core.records import BOM, Record, decode
from mind_core.zstd_frames import ByteSource, TruncatedStream

BATCH_BYTES = 1 << 20
LINE_LIMIT = 1 << 26
"""64 MiB. A longer line is refused: one record would fill the memory of every tool of a chain."""

PIPE_BYTES = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_AT_ONCE = 1 << 20
_F_SETPIPE_SZ = 1031


@dataclass(frozen=True)
class Batch:
    """Hold whole lines of one input, with its name and the number of the first line."""

    name: str
    first_line: int
    data: bytes

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield each line that is not blank with its number, without its line feed."""
        number = self.first_line
        for line in self.data.split(b"\n"):
            if line and not line.isspace():
                yield number, line
            number += 1

    def position(self, number: int) -> str:
        """Return "file:line" for a line number of this batch."""
        return f"{self.name}:{number}"


def read_batches(
    inputs: Sequence[str | Path], *, batch_bytes: int = BATCH_BYTES
) -> Iterator[Batch]:
    """Yield the lines of all inputs in order, about `batch_bytes` at a time.

    No inputs, or "-", is stdin. Raises `MindError` for a missing, cut or damaged input, and for one
    of zero bytes: a tool that wrote nothing at all did not start; an empty stream is an empty
    frame.
    """
    check_inputs(inputs)
    for item in inputs or ["-"]:
        with open_input(item) as (source, name):
            yield from batches_of(source, name, batch_bytes=batch_bytes)


def batches_of(source: BinaryIO, name: str, *, batch_bytes: int = BATCH_BYTES) -> Iterator[Batch]:
    """Yield the lines of one open input, about `batch_bytes` at a time; see `read_batches`."""
    yield from lines_of(content_of(source, name), name, batch_bytes=batch_bytes)


def lines_of(
    chunks: Iterable[bytes], name: str, *, batch_bytes: int = BATCH_BYTES
) -> Iterator[Batch]:
    """Yield the lines of decompressed chunks, about `batch_bytes` at a time."""
    for first_line, block in _whole_lines(_checked(chunks, name), name, batch_bytes):
        yield Batch(name, first_line, block)


def read_records(
    inputs: Sequence[str | Path] = (), *, limit: int | None = None
) -> Iterator[Record]:
    """Yield the records of all inputs one by one; the first bad one raises `BadRecord`."""
    count = 0
    for batch in read_batches(inputs):
        for number, line in batch.lines():
            if limit is not None and count >= limit:
                return
            yield decode(line, batch.position(number))
            count += 1


def check_inputs(inputs: Sequence[str | Path]) -> None:
    """Raise `MindError` for an input that cannot be read, `UsageError` if stdin is named twice."""
    if [str(item) for item in inputs].count("-") > 1:
        raise UsageError("stdin is named twice", hint="it can be read once")
    for item in inputs:
        if str(item) != "-" and (Path(item).is_dir() or not os.access(item, os.R_OK)):
            raise missing(item, "there is no such file, or it may not be read")


def widen_pipe(file: BinaryIO) -> None:
    """Ask for a pipe buffer of 1 MiB; where the system refuses, the pipe works as it is."""
    if not sys.platform.startswith("linux"):
        return
    import fcntl

    try:
        fcntl.fcntl(file.fileno(), _F_SETPIPE_SZ, PIPE_BYTES)
    except OSError:
        return


@contextmanager
def open_input(item: str | Path) -> Iterator[tuple[BinaryIO, str]]:
    """Open a file, or stdin for "-", for reading; yield it with its name for people."""
    if str(item) == "-":
        widen_pipe(sys.stdin.buffer)
        yield sys.stdin.buffer, "stdin"
        return
    try:
        file = Path(item).open("rb")  # noqa: SIM115 - closed below, the error is told apart here
    except OSError as error:
        raise missing(item, error.strerror) from None
    with file:
        yield file, str(item)


def content_of(source: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield the decompressed bytes of a source, whichever of the three formats it is in.

    Raises `MindError` for one that is cut, damaged or of zero bytes.
    """
    start = _read_at_least(source, 4)
    if not start:
        raise MindError(
            f"{name}: no input at all, not even an empty stream",
            cause="the tool before this one failed to start, or the file is empty",
            hint="look at the messages above; an empty stream is made by `zstd < /dev/null`",
        )
    joined = _Joined(start, source)
    if start == zstd_frames.MAGIC or int.from_bytes(start, "little") in zstd_frames.SKIPPABLE_MAGIC:
        yield from zstd_frames.decompress(joined, name)
    elif start.startswith(_GZIP_MAGIC):
        yield from _gunzip(joined, name)
    else:
        while chunk := joined.read(zstd_frames.INPUT_CHUNK):
            yield chunk


def _checked(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Pass chunks on; raise `MindError` if the first one is of a format that holds no lines."""
    chunks = iter(chunks)
    for chunk in chunks:
        check_not_foreign(chunk, name)
        yield chunk
        break
    yield from chunks


def _read_at_least(source: BinaryIO, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := source.read(size - len(data))):
        data += more
    return data


class _Joined:
    """The bytes that were looked at, then the rest of the source as soon as it arrives."""

    def __init__(self, start: bytes, source: BinaryIO) -> None:
        self.start, self.source = start, source
        # read1 hands over what a pipe holds now instead of waiting for a full buffer.
        self.read_some = getattr(source, "read1", source.read)

    def read(self, size: int, /) -> bytes:
        start, self.start = self.start, b""
        data: bytes = self.read_some(size)
        return start + data if start else data


def _gunzip(source: ByteSource, name: str) -> Iterator[bytes]:
    """Yield the content of all members, at most 1 MiB at a time."""
    member = None
    data = b""
    while data or (data := source.read(zstd_frames.INPUT_CHUNK)):
        member = member or zlib.decompressobj(wbits=31)
        try:
            content = member.decompress(data, _GZIP_AT_ONCE)
        except zlib.error as error:
            raise MindError(
                f"{name}: damaged gzip data", cause=error, hint="check the file with `gzip -t`"
            ) from None
        if content:
            yield content
        data = member.unconsumed_tail
        if member.eof:
            data, member = member.unused_data, None
    if member is not None:
        raise TruncatedStream(name, "gzip member")


def _whole_lines(
    chunks: Iterable[bytes], name: str, batch_bytes: int
) -> Iterator[tuple[int, bytes]]:
    """Join chunks and cut them after line feeds; a last line without one counts.

    Yields blocks of whole lines, each with the number of its first line.
    """
    waiting: list[bytes | memoryview] = []
    size = since_line_feed = 0
    line = 1
    at_start = True
    for chunk in chunks:
        if at_start:
            chunk, at_start = chunk.removeprefix(BOM), False
        cut = chunk.rfind(b"\n") + 1
        since_line_feed = len(chunk) - cut if cut else since_line_feed + len(chunk)
        if since_line_feed > LINE_LIMIT:
            line += sum(bytes(part).count(b"\n") for part in waiting) + chunk.count(b"\n")
            raise BadRecord(
                "line_too_long",
                f"{name}:{line}",
                cause=f"no line feed within {LINE_LIMIT >> 20} MiB",
            )
        waiting.append(chunk)
        size += len(chunk)
        if size >= batch_bytes and size > since_line_feed:
            if cut:
                waiting[-1] = memoryview(chunk)[:cut]
                block, rest = b"".join(waiting), chunk[cut:]
            else:
                data = b"".join(waiting)
                block, rest = data[:-since_line_feed], data[-since_line_feed:]
            yield line, block
            line += _line_feeds(block)
            waiting, size = [rest] if rest else [], len(rest)
    if size:
        yield line, b"".join(waiting)


def _line_feeds(block: bytes) -> int:
    """Count line feeds: with numpy, which is four times as fast, where a tool has loaded it."""
    if (numpy := sys.modules.get("numpy")) is None:
        return block.count(b"\n")
    return int(numpy.count_nonzero(numpy.frombuffer(block, numpy.uint8) == 0x0A))
