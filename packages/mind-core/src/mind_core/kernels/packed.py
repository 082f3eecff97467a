"""Many texts in one array of bytes, as the kernels read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]


class Packed(NamedTuple):
    """Hold texts end to end as UTF-8; text i is `data[offsets[i] : offsets[i + 1]]`."""

    data: Bytes
    offsets: Offsets


def pack(texts: Sequence[str]) -> Packed:
    """Return the texts as one read-only array of UTF-8; lone surrogates become three bytes each."""
    # Joining bytes once is faster than writing each text into an array.
    encoded = [encode(text) for text in texts]
    # One more than texts: the last offset is the end of the last text.
    offsets = np.zeros(len(encoded) + 1, np.int64)
    # Of bytes, not of characters: the kernels know no others.
    np.cumsum([len(data) for data in encoded], out=offsets[1:])
    return Packed(np.frombuffer(b"".join(encoded), np.uint8), offsets)


def encode(text: str) -> bytes:
    """Return a text as UTF-8; a lone surrogate, which has no form there, is written as it is."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


INTRINSIC = "__intrinsic__"
"""Marks a function whose machine code `compiler` writes by hand."""


def load_word(data: Bytes, at: int) -> int:
    """Return the eight bytes from a place on as a number, int64; all of them must be there."""
    # Run as plain Python. Compiled it is one load, at any address and in the order of the machine's
    # bytes.
    return int(data[at : at + 8].view(np.int64)[0])


setattr(load_word, INTRINSIC, True)
