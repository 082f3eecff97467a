"""Read streams of records from files and stdin: JSONL, plain or compressed, and tables.

A stream is cut into batches of whole lines, and a batch knows its file and line, so that a worker
process can name the position of a bad record. What is no JSONL (Parquet, CSV, WET …) comes as
lines too, one a row.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from mind_core.batches import BATCH_BYTES, LINE_LIMIT, Batch, refused
from mind_core.columns import Renaming, given_columns
from mind_core.compressions import content_of
from mind_core.errors import UsageError
from mind_core.foreign import check_not_foreign, missing
from mind_core.formats import files_of, rows_in
from mind_core.formats.names import table_kind
from mind_core.records import BOM, Record, decode

__all__ = [
    "BATCH_BYTES", "LINE_LIMIT", "Batch", "batches_of", "check_inputs", "content_of", "lines_of",
    "open_input", "read_batches", "read_lines", "read_records", "widen_pipe",
]  # fmt: skip

# Linux gives a pipe 64 KiB: two tools of a chain would wake each other for every few lines. 1 MiB
# is the most that an unprivileged process may ask for.
PIPE_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031


class InputShare:
    """How much of the inputs was read, where all of them are files."""

    def __init__(self, inputs: Sequence[str | Path]) -> None:
        self._sizes = [_size_of(item) for item in files_of(inputs)]
        self.read = 0

    @property
    def share(self) -> float | None:
        """Return 0 to 1, None for what has no size: stdin, a pipe."""
        # A size of 0 is also what a growing or special file has: then there is no share to show.
        if not self._sizes or not all(self._sizes):
            return None
        return self.read / sum(size or 0 for size in self._sizes)

    def at(self, number: int, source: BinaryIO) -> None:
        """Note where the reader is in the file of a number."""
        if self.share is not None:
            self.read = sum(size or 0 for size in self._sizes[:number]) + source.tell()


def _size_of(item: str | Path) -> int | None:
    if str(item) == "-" or table_kind(item) in ("parquet", "arrow"):
        return None  # what is read from its end, row group by row group, has no place
    found = Path(item).stat()
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def read_batches(
    inputs: Sequence[str | Path],
    *,
    batch_bytes: int = BATCH_BYTES,
    progress: InputShare | None = None,
) -> Iterator[Batch]:
    """Yield the lines of all inputs in order, about `batch_bytes` at a time.

    No inputs, or "-", is stdin. Raises `MindError` for a missing, cut or damaged input, and for one
    of zero bytes: a tool that wrote nothing at all did not start; an empty stream is an empty
    frame.
    """
    check_inputs(inputs)
    columns = given_columns()
    for number, item in enumerate(files_of(inputs or ["-"])):
        with open_input(item) as (source, name):
            # None says that the name and the first bytes are of no table: then it is lines.
            batches = rows_in(source, name, columns, batch_bytes)
            if batches is None:
                batches = renamed(batches_of(source, name, batch_bytes=batch_bytes), columns)
            for batch in batches:
                if progress is not None:
                    progress.at(number, source)
                yield batch


def read_lines(item: str | Path) -> Iterator[Batch]:
    """Yield the lines of one input as they are, of a CSV too, for what reads rows of its own."""
    check_inputs([item])
    with open_input(item) as (source, name):
        yield from batches_of(source, name)


def renamed(batches: Iterator[Batch], columns: Renaming) -> Iterator[Batch]:
    """Yield batches with the fields of their records called as `--field` says."""
    # Without --field nothing is split: the second line passes all batches on as they are.
    for batch in batches if columns else ():
        yield replace(batch, data=b"\n".join(map(columns.renamed_line, batch.data.split(b"\n"))))
    yield from batches


def batches_of(source: BinaryIO, name: str, *, batch_bytes: int = BATCH_BYTES) -> Iterator[Batch]:
    """Yield the lines of one open input, about `batch_bytes` at a time; see `read_batches`."""
    yield from lines_of(content_of(source, name), name, batch_bytes=batch_bytes)


def lines_of(
    chunks: Iterable[bytes], name: str, *, batch_bytes: int = BATCH_BYTES
) -> Iterator[Batch]:
    """Yield the lines of decompressed chunks, about `batch_bytes` at a time."""
    for first_line, block in _whole_lines(_checked(chunks, name), batch_bytes):
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
    seen: set[tuple[int, int]] = set()
    if [str(item) for item in inputs].count("-") > 1:
        raise UsageError("stdin is named twice", hint="it can be read once")
    for item in files_of(inputs):
        if str(item) == "-":
            continue
        if Path(item).is_dir() or not os.access(item, os.R_OK):
            raise missing(item, "there is no such file, or it may not be read")
        found = Path(item).stat()
        # By device and inode: two names of one file are one file. A pipe may well be named twice,
        # as each reader gets other lines of it.
        if stat.S_ISREG(found.st_mode) and (found.st_dev, found.st_ino) in seen:
            raise UsageError(
                f"{item} is given twice",
                hint="each of its records would come twice; `cat FILE FILE |` is for that",
            )
        seen.add((found.st_dev, found.st_ino))


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


def _checked(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Pass chunks on; raise `MindError` if the first one is of a format that holds no lines."""
    chunks = iter(chunks)
    for chunk in chunks:
        check_not_foreign(chunk, name)
        yield chunk
        break
    yield from chunks


def _whole_lines(chunks: Iterable[bytes], batch_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Join chunks and cut them after line feeds; a last line without one counts.

    Yields blocks of whole lines, each with the number of its first line. A line over `LINE_LIMIT`
    becomes a refused one (`batches.refused`): one bad record, and the memory stays bounded.
    """
    # Chunks wait unjoined until a batch is full: joining at each would copy a long line again and
    # again.
    waiting: list[bytes | memoryview] = []
    size = since_line_feed = 0
    line = 1
    at_start, too_long = True, False
    for chunk in chunks:
        if at_start:
            chunk, at_start = chunk.removeprefix(BOM), False
        # The rest of a refused line is dropped as it comes, so that memory stays bounded.
        if too_long:
            if (feed := chunk.find(b"\n")) < 0:
                continue
            chunk, too_long = chunk[feed + 1 :], False
        cut = chunk.rfind(b"\n") + 1
        # Bytes of the line in progress, which may have begun chunks ago.
        since_line_feed = len(chunk) - cut if cut else since_line_feed + len(chunk)
        if since_line_feed > LINE_LIMIT:
            cause = f"no line feed within {LINE_LIMIT >> 20} MiB"
            block = b"".join((*waiting, chunk))[:-since_line_feed]
            block += refused("line_too_long", cause, b"")
            yield line, block
            line += _line_feeds(block)
            waiting, size, since_line_feed, too_long = [], 0, 0, True
            continue
        waiting.append(chunk)
        size += len(chunk)
        # At least one line is whole: else the batch grows until the line ends, up to LINE_LIMIT.
        if size >= batch_bytes and size > since_line_feed:
            if cut:
                # A view, so that the part that goes is copied once, by the join.
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
