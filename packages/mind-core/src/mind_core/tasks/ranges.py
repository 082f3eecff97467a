"""Cut large files into ranges of whole lines, and read a range with a check of what was read."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO, cast

from mind_core import zstd_frames
from mind_core.errors import MindError
from mind_core.foreign import check_not_foreign, missing
from mind_core.remote import open_file
from mind_core.stream import Batch, content_of, lines_of

_AT_ONCE = 1 << 20
_GZIP = b"\x1f\x8b"


class InputChanged(MindError):
    """Report an input that is not what it was when the job was planned."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} has changed since the job was planned",
            cause="its SHA-256 is not the one in plan.json",
            hint="put the old file back, or make a new job in another folder",
        )


@dataclass(frozen=True)
class ByteRange:
    """Bytes of a file, from the start of a line to the end of one."""

    start: int
    stop: int
    first_line: int
    sha256: str


@dataclass
class _Cutter:
    """Take the bytes of a file in order; close a range wherever asked."""

    ranges: list[ByteRange]
    start: int = 0
    first_line: int = 1

    def __post_init__(self) -> None:
        self.whole, self._part = hashlib.sha256(), hashlib.sha256()

    def take(self, data: bytes | memoryview) -> None:
        self.whole.update(data)
        self._part.update(data)

    def close(self, stop: int, next_line: int) -> None:
        self.ranges.append(ByteRange(self.start, stop, self.first_line, self._part.hexdigest()))
        self.start, self.first_line, self._part = stop, next_line, hashlib.sha256()


def cut_file(
    path: str,
    size: int,
    max_bytes: int,
    *,
    lines: bool,
    on_read: Callable[[int], None],
    together: int = 1,
) -> tuple[str, list[ByteRange]]:
    """Return the SHA-256 of a file and its ranges, each of about `max_bytes` or one line more.

    Cut are plain files of lines, after a line feed, and zstd files of several frames, after a frame
    that ends with one. All else is one range: a single frame and gzip have no place to begin in.
    `lines` says whether the reader of the job takes lines; of one that takes so many records
    `together`, plain files alone are cut, after a multiple of them. `on_read` gets the size of what
    was read.
    """
    cutter = _Cutter([])
    try:
        with io.BufferedReader(cast(io.RawIOBase, open_file(path)), _AT_ONCE) as file:
            start = file.read(1 << 10)
            file.seek(0)
            if size > max_bytes and lines and together > 1 and _is_plain(start):
                _cut_records(file, max_bytes, together, cutter, on_read)
            elif size > max_bytes and lines and _is_plain(start):
                _cut_plain(file, max_bytes, cutter, on_read)
            elif size > max_bytes and lines and together == 1 and _is_zstd(start):
                _cut_frames(file, path, max_bytes, cutter, on_read)
            else:
                while data := file.read(_AT_ONCE):
                    cutter.take(data)
                    on_read(len(data))
            end = file.tell()
    except OSError as error:
        raise missing(path, error.strerror) from None
    if end > cutter.start or not cutter.ranges:
        # No range comes after, so its line is never asked for. An empty file has one range of no
        # bytes.
        cutter.close(end, 0)
    return cutter.whole.hexdigest(), cutter.ranges


def _is_plain(start: bytes) -> bool:
    """Return whether a file seems to be plain JSON Lines: an object first, and nothing foreign."""
    try:
        check_not_foreign(start, "")
    except MindError:
        return False
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def _is_zstd(start: bytes) -> bool:
    return start.startswith(zstd_frames.MAGIC)


def _cut_records(
    file: BinaryIO, max_bytes: int, together: int, cutter: _Cutter, on_read: Callable[[int], None]
) -> None:
    """Cut after a multiple of so many lines that are not blank, as `batches_of_lines` counts them;
    not at all where a record goes over several lines."""
    from mind_core.chats.json_values import is_pretty

    if is_pretty(file.readline(_AT_ONCE)):
        # A record has several lines here, and nothing is cut that is not counted.
        together = sys.maxsize
    file.seek(0)
    position = records = line_feeds = 0
    blank = True
    while data := file.readline(_AT_ONCE):  # of a longer line, a piece
        cutter.take(data)
        on_read(len(data))
        position += len(data)
        blank = blank and data.isspace()
        if not data.endswith(b"\n"):
            continue
        line_feeds += 1
        records += not blank
        if not blank and records % together == 0 and position - cutter.start >= max_bytes:
            cutter.close(position, line_feeds + 1)
        blank = True


def _cut_plain(
    file: BinaryIO, max_bytes: int, cutter: _Cutter, on_read: Callable[[int], None]
) -> None:
    position, line = 0, 1
    while data := file.read(_AT_ONCE):
        on_read(len(data))
        view, taken = memoryview(data), 0
        while True:
            # The first place at which the range has `max_bytes` with a line feed there. It may lie
            # in data that comes later: `position` is where this data begins in the file.
            wanted = max(taken, cutter.start + max_bytes - position - 1)
            end = data.find(b"\n", wanted) + 1 if wanted < len(data) else 0
            if not end:
                break
            cutter.take(view[taken:end])
            line += data.count(b"\n", taken, end)
            cutter.close(position + end, line)
            taken = end
        cutter.take(view[taken:])
        line += data.count(b"\n", taken)
        position += len(data)


class _WatchedSource:
    """A source that hands what is read to the cutter, once it is known where it belongs."""

    def __init__(self, file: BinaryIO, on_read: Callable[[int], None]) -> None:
        self.file, self.on_read = file, on_read
        self.waiting, self.position = bytearray(), 0

    def read(self, size: int, /) -> bytes:
        data = self.file.read(size)
        self.waiting += data
        self.on_read(len(data))
        return data

    def pass_on(self, cutter: _Cutter, stop: int) -> None:
        """Hand over what lies before a place in the file."""
        size = stop - self.position
        cutter.take(bytes(self.waiting[:size]))
        del self.waiting[:size]
        self.position = stop


def _cut_frames(
    file: BinaryIO, name: str, max_bytes: int, cutter: _Cutter, on_read: Callable[[int], None]
) -> None:
    watched, line = _WatchedSource(file, on_read), 1
    try:
        for stop, line_feeds, last in zstd_frames.frame_ends(watched, name):
            watched.pass_on(cutter, stop)
            line += line_feeds
            if last == b"\n" and stop - cutter.start >= max_bytes:
                cutter.close(stop, line)
    except MindError:
        # Damage is reported by the task that reads it, as without a plan.
        while watched.read(_AT_ONCE):
            pass
    watched.pass_on(cutter, file.tell())


class RangeReader(io.RawIOBase):
    """Read a range of a file, and know whether it was what the plan says."""

    def __init__(self, file: BinaryIO, name: str, range_: ByteRange) -> None:
        super().__init__()
        self._file, self._name, self._range = file, name, range_
        self._left, self._hash = range_.stop - range_.start, hashlib.sha256()
        file.seek(range_.start)

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: object, /) -> int:
        """Read into a buffer; return how many bytes."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        data = self._file.read(min(len(view), self._left))
        view[: len(data)] = data
        self._left -= len(data)
        self._hash.update(data)
        return len(data)

    def verify(self) -> None:
        """Read what is left; raise `InputChanged` if the bytes are not those of the plan."""
        while self.read(_AT_ONCE):
            pass
        # The file grew: its first bytes are those of the plan, and its last record may be another.
        longer = self._file.seek(0, 2) > self._range.stop and self._is_last
        if self._left or longer or self._hash.hexdigest() != self._range.sha256:
            raise InputChanged(self._name)

    _is_last = False

    def expect_end(self) -> None:
        """Note that the file ends where the range does."""
        self._is_last = True


@contextmanager
def open_range(path: str, name: str, range_: ByteRange, size: int) -> Iterator[BinaryIO]:
    """Open a range of a file of `size` bytes for reading; when done, check that it is the plan's.

    An error within the block is raised as `InputChanged` if that is what it comes from.
    """
    try:
        file = open_file(path)
    except OSError as error:
        raise missing(path, error.strerror) from None
    with file:
        reader = RangeReader(file, name, range_)
        if range_.stop == size:
            reader.expect_end()
        try:
            yield cast(BinaryIO, reader)
        # A record that cannot be read is most often one that was changed: that is told instead.
        except Exception:
            reader.verify()
            raise
        reader.verify()


def batches_of_range(source: BinaryIO, name: str, range_: ByteRange) -> Iterator[Batch]:
    """Yield the lines of an open range in batches, with their numbers in the whole file."""
    chunks = content_of(source, name)
    if range_.start:
        # A mark or a foreign first line is looked for at the start of a file, and this is none.
        chunks = chain([b""], chunks)
    for batch in lines_of(chunks, name):
        yield Batch(batch.name, batch.first_line + range_.first_line - 1, batch.data)
