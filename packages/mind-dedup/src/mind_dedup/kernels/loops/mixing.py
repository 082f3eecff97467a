"""The finaliser of `fold.mix` for one value."""

from __future__ import annotations

import numpy as np

from mind_core.kernels.compiling import loop

_FIRST, _SECOND = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_SHIFT = np.uint64(33)


@loop
def mixed(value: np.uint64) -> np.uint64:
    """Spread a 64-bit value over all its bits."""
    value ^= value >> _SHIFT
    value *= _FIRST
    value ^= value >> _SHIFT
    value *= _SECOND
    value ^= value >> _SHIFT
    return value
