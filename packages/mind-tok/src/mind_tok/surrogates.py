"""Texts that no UTF-8 can hold are refused where texts become bytes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mind_core import MindError


def packed(
    texts: Sequence[str], encoded: Sequence[bytes] | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return texts end to end as UTF-8, and where each begins and the last ends.

    `encoded` are the texts in UTF-8, if they are at hand.

    Raises `MindError` for a text that holds half of a surrogate pair.
    """
    try:
        encoded = [text.encode() for text in texts] if encoded is None else encoded
    except UnicodeEncodeError:
        for text in texts:
            refuse_surrogates(text)
        raise
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(data) for data in encoded], out=offsets[1:])
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def refuse_surrogates(text: str) -> None:
    """Raise `MindError` for a text that no UTF-8 can hold."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise MindError(
            f"the text holds half of a surrogate pair at character {error.start:,}",
            hint="mend it with text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')",
        ) from None
