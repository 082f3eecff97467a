"""What a processor does in one instruction, and numba has no word for."""

from __future__ import annotations

import numpy as np

from mind_core.kernels.packed import Bytes

INTRINSIC = "__intrinsic__"
"""Marks a function whose machine code `compiler` writes by hand."""


def load_word(data: Bytes, at: int) -> int:
    """Return the eight bytes from a place on as a number, int64; all of them must be there."""
    return int(data[at : at + 8].view(np.int64)[0])


setattr(load_word, INTRINSIC, True)
