"""Decompress zstd, gzip, bzip2 and xz within bounds, and notice a stream that was cut.

Which one it is, the first bytes say, whatever the file is called. At most 1 MiB is inflated at
once, and the window of zstd and xz has a limit, whatever a hostile file says.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from mind_core import zstd_frames
from mind_core.errors import MindError
from mind_core.zstd_frames import ByteSource, TruncatedStream

AT_ONCE = 1 << 20
XZ_MEMORY = 1 << 28
"""256 MiB: xz -9 needs 65 to decompress; the rest is for what a --lzma2=dict= asks for."""

GZIP_MAGIC = b"\x1f\x8b"
# That of xz.
_LONGEST_MAGIC = 6


class _Decompressor(Protocol):
    """What bz2 and lzma have in common."""

    @property
    def eof(self) -> bool:
        """Tell whether the end of the stream was seen."""

    @property
    def needs_input(self) -> bool:
        """Tell whether all of the content so far was given."""

    @property
    def unused_data(self) -> bytes:
        """Return what came after the end."""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Return at most so many bytes of content; the rest comes with the next calls."""


@dataclass(frozen=True)
class _Kind:
    """A compression of whole streams, one after another."""

    name: str
    magic: bytes
    new: Callable[[], _Decompressor]
    errors: tuple[type[Exception], ...]
    check: str
    padding: bytes = b""
    """What may stand between two streams, and after the last."""


def _new_xz() -> _Decompressor:
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=XZ_MEMORY)


KINDS = (
    _Kind("bzip2", b"BZh", bz2.BZ2Decompressor, (OSError, ValueError, EOFError), "bzip2 -t"),
    _Kind("xz", b"\xfd7zXZ\0", _new_xz, (lzma.LZMAError, EOFError), "xz -t", b"\0"),
)


def content_of(source: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield the decompressed bytes of a source: zstd, gzip, bzip2, xz, or plain.

    Raises `MindError` for one that is cut, damaged or of zero bytes.
    """
    # A pipe may give fewer bytes at first than the longest magic number has.
    start = _read_at_least(source, _LONGEST_MAGIC)
    if not start:
        raise MindError(
            f"{name}: no input at all, not even an empty stream",
            cause="the tool before this one failed to start, or the file is empty",
            hint="look at the messages above; an empty stream is made by `zstd < /dev/null`",
        )
    joined = _PeekedSource(start, source)
    first = start[:4]
    if first == zstd_frames.MAGIC or int.from_bytes(first, "little") in zstd_frames.SKIPPABLE_MAGIC:
        yield from zstd_frames.decompress(joined, name)
    elif start.startswith(GZIP_MAGIC):
        yield from _gunzip(joined, name)
    elif kind := next((kind for kind in KINDS if start.startswith(kind.magic)), None):
        yield from _inflate(joined, name, kind)
    else:
        while chunk := joined.read(zstd_frames.INPUT_CHUNK):
            yield chunk


def _read_at_least(source: BinaryIO, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := source.read(size - len(data))):
        data += more
    return data


class _PeekedSource:
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
        # Members follow each other, as `cat a.gz b.gz` makes them (RFC 1952 §2.2).
        member = member or zlib.decompressobj(wbits=31)
        try:
            content = member.decompress(data, AT_ONCE)
        except zlib.error as error:
            raise MindError(
                f"{name}: damaged gzip data", cause=error, hint="check the file with `gzip -t`"
            ) from None
        if content:
            yield content
        # What did not fit into 1 MiB of output is asked for in the next turn.
        data = member.unconsumed_tail
        if member.eof:
            data, member = member.unused_data, None
    if member is not None:
        raise TruncatedStream(name, "gzip member")


def _inflate(source: ByteSource, name: str, kind: _Kind) -> Iterator[bytes]:
    """Yield the content of all streams of a bzip2 or xz file, at most 1 MiB at a time."""
    stream: _Decompressor | None = None
    data = b""
    while True:
        if stream is None or stream.needs_input:
            data = data or source.read(zstd_frames.INPUT_CHUNK)
            if not data:
                break
            # xz pads streams with zeros, of which a chunk may consist altogether.
            if stream is None and not (data := data.lstrip(kind.padding)):
                continue
        stream = stream or kind.new()
        try:
            content = stream.decompress(data, AT_ONCE)
        except kind.errors as error:
            hint = f"check the file with `{kind.check}`"
            raise MindError(f"{name}: damaged {kind.name} data", cause=error, hint=hint) from None
        if content:
            yield content
        data = b""
        if stream.eof:
            data, stream = stream.unused_data, None
    if stream is not None:
        raise TruncatedStream(name, f"{kind.name} stream")
