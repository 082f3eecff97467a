"""A scorer for mind-sft-select: answers that repeat themselves compress well."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from mind_core import Offers, Record
from mind_sft_select import Scorer, hookimpl


@dataclass(frozen=True)
class Compression:
    """Divide the compressed bytes of all answers by their bytes: 0.1 repeats, 0.6 does not."""

    min_bytes: int = 64

    def __call__(self, records: Sequence[Record]) -> list[float | None]:
        """Return a number for each record; None for answers too short to say anything."""
        return [self._score(record) for record in records]

    def _score(self, record: Record) -> float | None:
        said = [m["content"] for m in record["messages"] if m["role"] == "assistant"]
        # Half a surrogate pair from JSON becomes a question mark rather than an error.
        data = "\n".join(said).encode("utf-8", "replace")
        # Short texts do not compress: what zlib adds by itself would be most of the result.
        return len(zlib.compress(data, 6)) / len(data) if len(data) >= self.min_bytes else None


@hookimpl
def register_scorers() -> Offers[Scorer]:
    """Offer the scorer."""
    return {"compression": Compression}
