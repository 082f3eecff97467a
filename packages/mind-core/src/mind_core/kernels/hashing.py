"""The finaliser of MurmurHash3 (Appleby 2011), which spreads a value over all its 64 bits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.library import kernel

Hashes = npt.NDArray[np.uint64]

# The constants of fmix64 in MurmurHash3. Both steps can be undone, so that different values stay
# different.
_FIRST, _SECOND = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
# A multiplication carries upwards only; the shift brings the upper half back down.
_SHIFT = np.uint64(33)


def finalize(values: Hashes) -> Hashes:
    """Return new values, each spread over all its 64 bits."""
    # The first step makes a new array, the others work in it.
    values = values ^ (values >> _SHIFT)
    values *= _FIRST
    values ^= values >> _SHIFT
    values *= _SECOND
    values ^= values >> _SHIFT
    return values


@kernel
def finalize_one(value: np.uint64) -> np.uint64:
    """Return one value spread over all its 64 bits."""
    value ^= value >> _SHIFT
    value *= _FIRST
    value ^= value >> _SHIFT
    value *= _SECOND
    value ^= value >> _SHIFT
    return value
