"""How records ended: at which step, why, of which source and language; and samples to look at."""

from __future__ import annotations

import heapq
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mind_clean.hans_hant import language_of
from mind_core import Record

KEPT = "kept"
SAMPLES = 10
"""Samples of each reason."""

MAX_SOURCES = 1000
"""More sources are counted together: a corpus may name a source for each page."""

OTHER = "(other)"


class End(NamedTuple):
    """Where records ended: the step (`KEPT` for none), its reason, their source and language."""

    step: str
    reason: str
    source: str
    language: str


@dataclass
class Funnel:
    """Count the ends of records, with the characters of their texts, and keep samples of drops.

    The samples of a reason are those ten whose lines have the smallest checksums: a random choice
    that is the same however the stream is cut.
    """

    records: Counter[End] = field(default_factory=Counter)
    characters: Counter[End] = field(default_factory=Counter)
    samples: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)
    max_sources: int | None = MAX_SOURCES
    """None for a part of a whole, as which sources are the first is known of the whole alone."""
    _sources: set[str] = field(default_factory=set)

    def add(self, record: Record, step: str, reason: str = "", line: bytes = b"") -> None:
        """Count the end of a record; `line` is what goes to the rejects."""
        text = record.get("text")
        source = record.get("source")
        end = End(
            step,
            str(reason),
            self._source(source if isinstance(source, str) else "unknown"),
            language_of(record),
        )
        self.records[end] += 1
        self.characters[end] += len(text) if isinstance(text, str) else 0
        if line:
            self._sample(f"{step}.{reason}", zlib.crc32(line), line)

    def merge(self, other: Funnel) -> None:
        """Add what another funnel counted."""
        for end, records in other.records.items():
            # Workers count all sources; which of them get a row of their own is decided here, in
            # the order of the stream.
            own = end._replace(source=self._source(end.source))
            self.records[own] += records
            self.characters[own] += other.characters[end]
        for reason, samples in other.samples.items():
            for checksum, line in samples:
                # Heaps hold checksums negated.
                self._sample(reason, -checksum, line)

    def rows(self) -> list[dict[str, Any]]:
        """Return the counts as JSON values, sorted."""
        return sorted(self.rows_as_met(), key=lambda row: tuple(row[name] for name in End._fields))

    def rows_as_met(self) -> list[dict[str, Any]]:
        """Return the counts as JSON values, in the order in which the ends were met."""
        return [
            {**end._asdict(), "records": records, "characters": self.characters[end]}
            for end, records in self.records.items()
        ]

    def add_rows(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add counts that another funnel gave as they were met."""
        for row in rows:
            end = End(row["step"], row["reason"], self._source(row["source"]), row["language"])
            self.records[end] += row["records"]
            self.characters[end] += row["characters"]

    def _source(self, source: str) -> str:
        if source not in self._sources:
            if self.max_sources is not None and len(self._sources) >= self.max_sources:
                return OTHER
            self._sources.add(source)
        return source

    def _sample(self, reason: str, checksum: int, line: bytes) -> None:
        """Keep the ten smallest checksums; the heap holds them negated, the largest first."""
        heap = self.samples.setdefault(reason, [])
        if len(heap) < SAMPLES:
            heapq.heappush(heap, (-checksum, line))
        elif -checksum > heap[0][0]:
            heapq.heapreplace(heap, (-checksum, line))
