"""Records with the same letters and digits."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import xxhash

from mind_core.records import Record, text_of

_NOT_CONTENT = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Normalized:
    """Compare the letters and digits of the text: no case, width, space or punctuation."""

    decides: ClassVar[str] = "normalized_duplicate"

    def __call__(self, record: Record) -> Sequence[bytes]:
        """Return the 128-bit hash of the folded text; a text of marks alone stands for itself."""
        text = text_of(record)
        folded = _NOT_CONTENT.sub("", unicodedata.normalize("NFKC", text).casefold())
        return (xxhash.xxh3_128_digest((folded or text).encode()),)
