"""The bytes of a web archive, decompressed member by member; after a damaged one, from the next.

An archive is a row of gzip members or zstd frames, one for each record (WARC 1.1, annex D), so what
is damaged costs the records in it and no more.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

from mind_core.compressions import content_of
from mind_core.errors import MindError

CHUNK = 1 << 18
_AT_ONCE = 1 << 20
# The magic number, method 8, and flags of which the upper three bits must be 0 (RFC 1952, 2.3.1):
# eleven bits more that damaged bytes have to have by chance.
_GZIP = re.compile(rb"\x1f\x8b\x08[\x00-\x1f]")
_MARK = 4


@dataclass(frozen=True)
class Gap:
    """A place where something could not be read; what follows begins anew."""

    cause: str


Pieces: TypeAlias = Iterator[bytes | Gap]


def pieces_of(source: BinaryIO, name: str) -> Pieces:
    """Yield the content of an archive, with a `Gap` for each part that cannot be read."""
    start = b""
    while len(start) < _MARK and (more := source.read(_MARK - len(start))):
        start += more
    joined = _PeekedSource(start, source)
    if start.startswith(b"\x1f\x8b"):
        yield from _members(joined)
        return
    try:
        yield from content_of(joined, name)  # type: ignore[arg-type]
    except MindError as error:
        # A source without a byte is told as anywhere else: the tool before this one failed.
        if not start:
            raise
        yield Gap(error.cause or error.message)


class _PeekedSource:
    """The bytes that were looked at, then the rest of the source."""

    def __init__(self, start: bytes, source: BinaryIO) -> None:
        self._start, self._source = start, source

    def read(self, size: int = CHUNK, /) -> bytes:
        """Return up to so many bytes, none at the end."""
        if self._start:
            start, self._start = self._start[:size], self._start[size:]
            return start
        return self._source.read(size)


def _members(source: _PeekedSource) -> Pieces:
    """Yield the content of gzip members; zeros between and after them are padding."""
    member: zlib._Decompress | None = None
    data, began = b"", 0
    while data or (data := source.read()):
        if member is None:
            data = data.lstrip(b"\0")
            while len(data) < _MARK and (more := source.read()):
                data = (data + more).lstrip(b"\0")
            if not data.strip(b"\0"):
                data = b""
                continue
            if _GZIP.match(data) is None:
                yield Gap("there is no gzip member where one should begin")
                data = _next_member(source, data, 0)
                continue
            # `began` is where to look for the next member if this one is damaged: not at its own
            # start.
            member, began = zlib.decompressobj(wbits=31), 1
        try:
            content = member.decompress(data, _AT_ONCE)
        except zlib.error as error:
            yield Gap(f"damaged gzip member: {error}")
            member, data = None, _next_member(source, data, began)
            continue
        if content:
            yield content
        if member.eof:
            data = member.unused_data
            member = None
        else:
            data = member.unconsumed_tail
            began = 0
    if member is not None:
        yield Gap("the archive ends inside a gzip member")


def _next_member(source: _PeekedSource, data: bytes, start: int) -> bytes:
    """Return what comes from the next place on that looks like the start of a member."""
    while True:
        if (found := _GZIP.search(data, start)) is not None:
            return data[found.start() :]
        more = source.read()
        if not more:
            return b""
        # The start of a member may lie across two reads.
        data, start = data[-_MARK + 1 :] + more, 0
