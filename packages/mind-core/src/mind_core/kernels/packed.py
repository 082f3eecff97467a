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
    encoded = [encode(text) for text in texts]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(data) for data in encoded], out=offsets[1:])
    return Packed(np.frombuffer(b"".join(encoded), np.uint8), offsets)


def encode(text: str) -> bytes:
    """Return a text as UTF-8; a lone surrogate, which has no form there, is written as it is."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
