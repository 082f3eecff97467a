"""Read UTF-8 inside of a loop."""

from __future__ import annotations

from typing import Any

import numpy as np

from mind_core.kernels.library import kernel
from mind_tok.bpe.arrays import U8


@kernel
def character(data: U8, at: int) -> tuple[int, int]:
    """Return the code point that begins at a place of valid UTF-8, and its length in bytes."""
    b: Any = np.int64(data[at])
    if b < 0x80:
        return b, 1
    c: Any = np.int64(data[at + 1]) & 0x3F
    if b < 0xE0:
        return (b & 0x1F) << 6 | c, 2
    d: Any = np.int64(data[at + 2]) & 0x3F
    if b < 0xF0:
        return (b & 0x0F) << 12 | c << 6 | d, 3
    return (b & 0x07) << 18 | c << 12 | d << 6 | (np.int64(data[at + 3]) & 0x3F), 4
