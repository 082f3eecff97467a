"""When the compiled kernels are worth their start.

Machine code that is there already takes 0.04 s to be ready; numba makes it in five, once a machine.

The answer never changes a result: numpy and kernels give the same bits.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import zstandard

from mind_core import zstd_frames
from mind_core.errors import UsageError

CHOICES = ("auto", "numba", "numpy")

WORTH_BYTES = 2_000_000
"""Of records, after which the start is won back: file to file the kernels save 20 ms a megabyte."""

WORTH_MAKING = 32_000_000
"""The same where the machine code has to be made first: it will be there the next time, too."""


_TELLS = 8_000_000
"""Bytes from which the rest can be foretold."""

_SAMPLE = 1 << 19
"""Bytes of the first input, from which it is told how much a packed byte holds."""

_MOST_TIMES = 20


@dataclass
class Speed:
    """Say whether to use the kernels: always, never, or once much has been seen."""

    kernels: str = "auto"
    expected: int = 0
    """Bytes that are known to come, from the sizes of files."""

    seen: int = 0

    def __post_init__(self) -> None:
        if self.kernels not in CHOICES:
            raise UsageError(
                f"kernels = {self.kernels!r} is not one of {', '.join(CHOICES)}",
                hint="auto takes numba for large inputs; results are the same",
            )

    def worth_it(self, size: int) -> bool:
        """Count `size` bytes of text and say whether the kernels are to be used for them."""
        self.seen += size
        if self.kernels != "auto":
            return self.kernels == "numba"
        most = max(self.seen, self.expected)
        return most >= WORTH_BYTES and (_is_ready() or (most >= WORTH_MAKING and _can_be_made()))

    def times_this(self) -> float:
        """Return how many times what was seen the whole will be, as far as that is known."""
        return max(self.expected / self.seen, 1.0) if self.seen > _TELLS else 1.0


@cache
def _can_be_made() -> bool:
    return find_spec("numba") is not None


@cache
def _is_ready() -> bool:
    from mind_dedup.kernels.library import LOOPS

    return LOOPS.is_ready()


def expected_bytes(inputs: Sequence[str]) -> int:
    """Return about how many bytes of records the input files hold, as far as that can be seen."""
    size, times = 0, 0.0
    for path in map(Path, inputs):
        if path.is_file():
            with path.open("rb") as file:
                start = file.read(_SAMPLE if not times else 4)
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
            while size < _MOST_TIMES * len(start) and (content := reader.read(1 << 20)):
                size += len(content)
        else:
            size += len(zlib.decompressobj(wbits=31).decompress(start, _MOST_TIMES * len(start)))
    except (zlib.error, zstandard.ZstdError):  # it is told by who reads all of it
        pass
    return size
