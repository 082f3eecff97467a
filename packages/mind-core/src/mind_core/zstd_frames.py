"""Decompress zstd within bounds, and notice a stream that was cut.

python-zstandard either accepts a truncated stream in silence or inflates a whole chunk of input at
once, however large it grows. So this module reads the frames itself: frame header, then the three
bytes before every block (RFC 8878 §3.1), and hands whole runs of blocks to the decompressor. A
block inflates to at most 128 KiB, so a run of 8 inflates to at most 1 MiB, whatever a hostile file
says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import zstandard

from mind_core.errors import MindError

MAGIC = b"\x28\xb5\x2f\xfd"
SKIPPABLE_MAGIC = range(0x184D2A50, 0x184D2A60)
WINDOW_LIMIT = 1 << 27
"""128 MiB, the limit of the zstd command line without --long=31 and --memory."""

BLOCKS_AT_ONCE = 8
INPUT_CHUNK = 1 << 18

_DICTIONARY_ID_BYTES = (0, 1, 2, 4)
_CONTENT_SIZE_BYTES = (0, 2, 4, 8)
_RLE_BLOCK, _RESERVED_BLOCK = 1, 3


class ByteSource(Protocol):
    """Anything with a blocking `read(n)` that returns b"" at the end."""

    def read(self, size: int, /) -> bytes:
        """Read up to `size` bytes."""


class TruncatedStream(MindError):
    """Report a stream that ends before its writer closed it."""

    def __init__(self, name: str, where: str) -> None:
        super().__init__(
            f"{name}: the stream ends inside a {where}",
            cause="its writer stopped before it was done, or the file was cut",
            hint="look at the messages of the tool before this one; a partial result is not used",
        )


def decompress(source: ByteSource, name: str) -> Iterator[bytes]:
    """Yield the content of all frames of a zstd stream, at most 1 MiB at a time.

    Raises `TruncatedStream` if the last frame never ends, and `MindError` for damaged data or a
    window over `WINDOW_LIMIT` bytes.
    """
    window = _Window(source, name)
    # Frames follow each other freely: `cat a.zst b.zst` is a stream (RFC 8878 §3).
    while window.fill(4):
        magic = window.take(4)
        if int.from_bytes(magic, "little") in SKIPPABLE_MAGIC:
            _skip_frame(window)
        elif magic == MAGIC:
            yield from _frame(window, magic)
        else:
            raise MindError(
                f"{name}: other bytes follow after a zstd frame, at byte {window.position - 4}",
                hint="a zstd stream holds zstd frames only; compress each part before joining them",
            )
    if window.left():
        raise TruncatedStream(name, "zstd frame header")


def frame_ends(source: ByteSource, name: str) -> Iterator[tuple[int, int, bytes]]:
    """Yield for each frame where it ends in the source, its line feeds, and its last byte.

    Frames that hold nothing, or are to be skipped, have no last byte. Raises as `decompress` does.
    """
    window = _Window(source, name)
    while window.fill(4):
        magic = window.take(4)
        line_feeds, last = 0, b""
        if int.from_bytes(magic, "little") in SKIPPABLE_MAGIC:
            _skip_frame(window)
        elif magic == MAGIC:
            for data in _frame(window, magic):
                line_feeds, last = line_feeds + data.count(b"\n"), data[-1:]
        else:
            raise _damaged(window, "other bytes follow after a frame")
        yield window.position, line_feeds, last
    if window.left():
        raise TruncatedStream(name, "zstd frame header")


class _Window:
    """A look at the next bytes of a source."""

    def __init__(self, source: ByteSource, name: str) -> None:
        self.source, self.name = source, name
        self.buffer, self.start, self.position = b"", 0, 0

    def left(self) -> int:
        return len(self.buffer) - self.start

    def fill(self, size: int) -> bool:
        """Have `size` bytes at hand; return False if the source ends first."""
        while self.left() < size:
            more = self.source.read(max(INPUT_CHUNK, size - self.left()))
            if not more:
                return False
            # What was taken goes when more is read, so the buffer holds little more than one block.
            self.buffer, self.start = self.buffer[self.start :] + more, 0
        return True

    def take(self, size: int, where: str = "zstd frame") -> bytes:
        if not self.fill(size):
            raise TruncatedStream(self.name, where)
        taken = self.buffer[self.start : self.start + size]
        self.start += size
        self.position += size
        return taken


def _skip_frame(window: _Window) -> None:
    # Four bytes of length, then as many that mean nothing to us (RFC 8878 §3.1.2).
    left = int.from_bytes(window.take(4), "little")
    while left:
        left -= len(window.take(min(left, INPUT_CHUNK)))


def _frame(window: _Window, magic: bytes) -> Iterator[bytes]:
    header, has_checksum = _frame_header(window)
    decompressor = zstandard.ZstdDecompressor(max_window_size=WINDOW_LIMIT).decompressobj()
    run = [magic, header]
    last = False
    while not last:
        block_header = window.take(3)
        fields = int.from_bytes(block_header, "little")
        # Bit 0: the last block; bits 1 and 2: its type; the rest: its size (RFC 8878 §3.1.1.2).
        last, kind, size = bool(fields & 1), (fields >> 1) & 3, fields >> 3
        if kind == _RESERVED_BLOCK:
            raise _damaged(window, "reserved block type")
        # A block of one repeated byte is one byte long; its size says how often.
        run += (block_header, window.take(1 if kind == _RLE_BLOCK else size))
        if last and has_checksum:
            run.append(window.take(4))
        # Two pieces a block. Handing over one at a time costs a call for each 128 KiB.
        if last or len(run) >= 2 * BLOCKS_AT_ONCE:
            try:
                data = decompressor.decompress(b"".join(run))
            except zstandard.ZstdError as error:
                raise _damaged(window, str(error)) from None
            run = []
            if data:
                yield data
    assert decompressor.eof


def _frame_header(window: _Window) -> tuple[bytes, bool]:
    """Return the frame header after the magic number, and whether a checksum ends the frame."""
    descriptor = window.take(1)
    flags = descriptor[0]
    single_segment = bool(flags & 0x20)
    # 0 stands for one byte in a frame of a single segment (RFC 8878 §3.1.1.1.1).
    content_size_bytes = _CONTENT_SIZE_BYTES[flags >> 6] or int(single_segment)
    rest = window.take(
        int(not single_segment) + _DICTIONARY_ID_BYTES[flags & 3] + content_size_bytes
    )
    if single_segment:
        size = int.from_bytes(rest[len(rest) - content_size_bytes :], "little")
        # Two bytes start at 256, as one byte says what is less.
        size += 256 if content_size_bytes == 2 else 0
    else:
        # The window's size as a float of five and three bits (RFC 8878 §3.1.1.1.2).
        exponent, mantissa = rest[0] >> 3, rest[0] & 7
        size = (1 << (10 + exponent)) * (8 + mantissa) // 8
    if size > WINDOW_LIMIT:
        raise MindError(
            f"{window.name}: decompression would need a window of {size >> 20} MiB, "
            f"the limit is {WINDOW_LIMIT >> 20} MiB",
            hint="compress it again without --long or --ultra",
        )
    return descriptor + rest, bool(flags & 4)


def _damaged(window: _Window, cause: str) -> MindError:
    return MindError(
        f"{window.name}: damaged zstd data before byte {window.position}",
        cause=cause,
        hint="check the file with `zstd -t`, and fetch or make it again",
    )
