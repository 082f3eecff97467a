"""How much input there will be, as far as files tell: the table of keys is made that large."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import zstandard

from mind_core import zstd_frames

_TELLS = 8_000_000
"""Bytes from which the rest can be foretold."""

_SAMPLE = 1 << 19
"""Bytes of the first input, from which it is told how much a packed byte holds."""

_MAX_TIMES = 20


@dataclass
class InputSize:
    """Hold how many bytes of records are known to come, and how many were seen."""

    expected: int = 0
    """From the sizes of files."""

    seen: int = 0

    def growth(self) -> float:
        """Return how many times what was seen the whole will be, as far as that is known."""
        return max(self.expected / self.seen, 1.0) if self.seen > _TELLS else 1.0


def expected_bytes(inputs: Sequence[str]) -> int:
    """Return about how many bytes of records the input files hold, as far as that can be seen."""
    size, times = 0, 0.0
    for path in map(Path, inputs):
        if path.is_file():
            with path.open("rb") as file:
                # The first packed file speaks for all: the others are only asked
                # whether they are packed.
                start = file.read(_SAMPLE if not times else 4)
            # The first bytes of zstd frames (28 B5 2F FD) and of gzip (1F 8B).
            packed = start[:1] in (b"\x28", b"\x1f")
            if packed and not times:
                times = _unpacked(start) / len(start)
            size += int(path.stat().st_size * (times if packed else 1))
    return size


def _unpacked(start: bytes) -> int:
    """Return about how many bytes the packed start of an input holds."""
    size = 1 << 16  # half a block, of which the rest is not there
    try:
        if start.startswith(zstd_frames.MAGIC):
            reader = zstandard.ZstdDecompressor().stream_reader(BytesIO(start))
            # Bounded: a few bytes may unpack to gigabytes, and only a ratio is wanted.
            while size < _MAX_TIMES * len(start) and (content := reader.read(1 << 20)):
                size += len(content)
        else:
            size += len(zlib.decompressobj(wbits=31).decompress(start, _MAX_TIMES * len(start)))
    except (zlib.error, zstandard.ZstdError):  # it is told by who reads all of it
        pass
    return size
