"""Records with the very same text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import xxhash

from mind_core.records import Record, text_of


@dataclass(frozen=True)
class Exact:
    """Compare the bytes of the text."""

    decides: ClassVar[str] = "exact_duplicate"

    def __call__(self, record: Record) -> Sequence[bytes]:
        """Return the 128-bit hash of the text."""
        return (xxhash.xxh3_128_digest(text_of(record).encode()),)
