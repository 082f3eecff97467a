"""Read what others packed, within bounds: bytes in all, their ratio, depth and number of members.

For files that are read whole (benchmarks, lists, replies); streams of records have bounds of their
own in `stream`.
"""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mind_core.compressions import content_of
from mind_core.errors import MindError
from mind_core.zstd_frames import MAGIC

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
# Without a member a zip file is nothing but the record at its end.
_EMPTY_ZIP = b"PK\x05\x06"
_DAMAGES = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, RuntimeError, ValueError,
    LookupError, OverflowError, OSError, EOFError,
)  # fmt: skip
"""What `zipfile` raises for damaged archives, encrypted ones, and ways of packing it lacks."""

_AT_ONCE = 1 << 20
_FREE = 1 << 24
"""Bytes that any file may become, however small it is: a ratio says little of small files."""


@dataclass
class Bounds:
    """What unpacking may take, counted over all that is read with one of these."""

    total: int = 1 << 30
    ratio: int = 1000
    depth: int = 2
    """Zip files within zip files: 1 is a zip file, 2 one in a zip file."""
    members: int = 10_000

    def spend(self, bytes_: int, packed: int, became: int, position: str) -> None:
        """Count bytes that were unpacked; raise `MindError` beyond a bound."""
        self.total -= bytes_
        if self.total < 0:
            raise _too_much(position, "more than the bytes that are read of such files, 1 GiB")
        # A bomb has a ratio of a million; what people pack has one of 100 at most.
        if became > max(_FREE, self.ratio * packed):
            raise _too_much(position, f"more than {self.ratio:,} times its {packed:,} bytes")


def read_packed(path: str | Path, bounds: Bounds | None = None) -> bytes:
    """Return a file's content, decompressed if it is zstd or gzip; a zip stays one.

    Raises `MindError` for what cannot be read, is damaged, or becomes more than the bounds allow.
    """
    bounds = bounds or Bounds()
    try:
        with Path(path).open("rb") as file:
            # One more than allowed, so that a file that grows while it is read is noticed too.
            data = file.read(bounds.total + 1)
    except OSError as error:
        raise MindError(f"cannot read {path}", cause=error.strerror, hint="check it") from None
    if len(data) > bounds.total:
        raise _too_much(str(path), f"{Path(path).stat().st_size:,} bytes")
    return unpack(data, str(path), bounds)


def unpack(data: bytes, position: str, bounds: Bounds) -> bytes:
    """Return bytes decompressed, if they are zstd or gzip, else as they are."""
    if not data.startswith((MAGIC, _GZIP)):
        return data
    became, parts = 0, []
    for chunk in content_of(io.BytesIO(data), position):
        became += len(chunk)
        bounds.spend(len(chunk), len(data), became, position)
        parts.append(chunk)
    return b"".join(parts)


def is_zip(data: bytes) -> bool:
    """Return whether bytes are a zip file."""
    return data.startswith((_ZIP, _EMPTY_ZIP))


def zip_members(
    data: bytes, position: str, bounds: Bounds, depth: int = 1
) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of the files of a zip file, by name, read one by one.

    The caller goes into a zip file within it with `depth` + 1. Raises `MindError` for one that is
    damaged, needs a password, or goes beyond the bounds: what it says of its sizes is not believed.
    """
    if depth > bounds.depth:
        raise _too_much(position, f"zip files within zip files, more than {bounds.depth} deep")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        inside = sorted(
            (one for one in archive.infolist() if not one.is_dir()), key=lambda one: one.filename
        )
    except _DAMAGES as error:
        raise _damaged(position, error) from None
    bounds.members -= len(inside)
    if bounds.members < 0:
        raise _too_much(position, "more members than are read of such files, 10,000")
    for member in inside:
        yield member.filename, _member(archive, member, f"{position}:{member.filename}", bounds)


def read_member(archive: zipfile.ZipFile, name: str, position: str, bounds: Bounds) -> bytes:
    """Return one file of an open zip file, within the bounds; each reading counts as a member."""
    bounds.members -= 1
    if bounds.members < 0:
        raise _too_much(position, "more members than are read of such files, 10,000")
    try:
        member = archive.getinfo(name)
    except KeyError as error:
        raise _damaged(position, error) from None
    return _member(archive, member, position, bounds)


def _member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, position: str, bounds: Bounds
) -> bytes:
    parts, became = [], 0
    try:
        with archive.open(member) as file:
            # Bit by bit: the size that the file gives of itself is whatever its maker wrote.
            while chunk := file.read(_AT_ONCE):
                became += len(chunk)
                bounds.spend(len(chunk), member.compress_size, became, position)
                parts.append(chunk)
    except _DAMAGES as error:
        raise _damaged(position, error) from None
    return b"".join(parts)


def _too_much(position: str, what: str) -> MindError:
    return MindError(
        f"{position} becomes too large to be read",
        cause=what,
        hint="unpack it first, and give the files that are needed",
    )


def _damaged(position: str, error: Exception) -> MindError:
    return MindError(f"{position} is damaged", cause=error, hint="get the file again")
