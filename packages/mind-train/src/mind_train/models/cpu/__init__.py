"""Faster and smaller operations for a plain processor; elsewhere torch's own take over.

``train.cpu_kernels = false`` leaves them all to torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_on = True


def is_on() -> bool:
    """Tell whether a plain processor takes this package's ways; torch's own are taken if not."""
    return _on


@contextmanager
def cpu_kernels(on: bool) -> Iterator[None]:
    """Turn them on or off for the forward and backward passes inside; for one thread's work."""
    global _on
    before, _on = _on, on
    try:
        yield
    finally:
        # What was, not True: a block inside of one that turned them off leaves them off.
        _on = before
