"""Give freed memory back to the system before much is needed at once.

The C library keeps what the backward pass has freed, in pieces between activations; a chunk of
scores over a large vocabulary does not fit into them and comes on top. One call before the head
costs milliseconds; letting the library give back everything at once costs a tenth of a step.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

LARGE = 32 << 20  # bytes; less is not worth the call


@cache
def _trimmer() -> Callable[[int], Any] | None:
    """Find glibc's ``malloc_trim``; None with another C library."""
    if sys.platform != "linux":
        return None
    trim: Callable[[int], Any] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim


def make_room(size: int) -> None:
    """Return free pages to the system where ``size`` bytes on the heap are going to be taken."""
    trim = _trimmer() if size >= LARGE else None
    if trim is not None:
        trim(0)
