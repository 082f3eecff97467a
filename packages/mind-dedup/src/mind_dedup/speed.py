"""When the compiled kernels are worth their start: numba takes 0.7 s to be ready.

The answer never changes a result: numpy and kernels give the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from mind_core.errors import UsageError

CHOICES = ("auto", "numba", "numpy")

WORTH_BYTES = 32_000_000
"""Of records, after which the start is won back: file to file the kernels save 20 ms a megabyte."""


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
        return max(self.seen, self.expected) >= WORTH_BYTES and find_spec("numba") is not None
