"""When the compiled kernels are worth their start.

Machine code that is there already takes 0.04 s to be ready; numba makes it in five, once a machine.

The answer never changes a result: numpy and kernels give the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from mind_core.errors import UsageError

CHOICES = ("auto", "numba", "numpy")

WORTH_BYTES = 2_000_000
"""Of records, after which the start is won back: file to file the kernels save 20 ms a megabyte."""

WORTH_MAKING = 32_000_000
"""The same where the machine code has to be made first: it will be there the next time, too."""


_TELLS = 8_000_000
"""Bytes from which the rest can be foretold."""


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
