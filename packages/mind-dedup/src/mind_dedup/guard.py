"""The guard: no source loses more than its share before a person has looked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mind_core.errors import GateError, UsageError
from mind_core.summary import Summary

_EXAMPLES = 3
_SOURCES_NAMED = 5


@dataclass
class Source:
    """Count what one source sent in and lost, with a few examples."""

    records: int = 0
    removed: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Return the share that was removed."""
        return self.removed / self.records


@dataclass(frozen=True)
class Guard:
    """Say how much a source may lose; sources of fewer records are not judged."""

    max_removed: float = 0.6
    min_documents: int = 100
    allow: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.max_removed <= 1:
            raise UsageError(f"max_removed = {self.max_removed} is not a share between 0 and 1")

    def check(self, sources: Mapping[str, Source]) -> None:
        """Raise `GateError` naming the worst sources, if any lost too much."""
        over = [
            (name, source)
            for name, source in sources.items()
            if source.records >= self.min_documents and source.share > self.max_removed
        ]
        if self.allow or not over:
            return
        over.sort(key=lambda item: (-item[1].share, -item[1].records, item[0]))
        told = [_told(name, source) for name, source in over[:_SOURCES_NAMED]]
        if len(over) > _SOURCES_NAMED:
            told.append(f"and {len(over) - _SOURCES_NAMED} more")
        raise GateError(
            f"{len(over)} source{'s' * (len(over) > 1)} would lose more than "
            f"{self.max_removed:.0%} of their records; the output was not completed",
            cause="; ".join(told),
            hint="look at these pairs; --allow goes on, --max-removed SHARE moves the bound, "
            "--mark shows the matches and removes nothing",
        )


@dataclass
class SummaryBySource(Summary):
    """Count by source as well, for the guard."""

    sources: dict[str, Source] = field(default_factory=dict)

    def count(self, records: Mapping[str, int]) -> None:
        """Count records by source."""
        for source, number in records.items():
            self.sources.setdefault(source, Source()).records += number

    def count_removed(self, source: str, own_id: Any, kept_id: Any) -> None:
        """Note a counted record that goes, with the id of the one that stays."""
        counts = self.sources[source]
        counts.removed += 1
        if len(counts.examples) < _EXAMPLES:
            counts.examples.append((str(own_id), str(kept_id)))

    def as_dict(self) -> dict[str, Any]:
        """Return the summary with the counts by source under `details`."""
        self.details["sources"] = {
            name: {"in": source.records, "duplicates": source.removed}
            for name, source in sorted(self.sources.items())
        }
        return super().as_dict()


def _told(name: str, source: Source) -> str:
    pairs = ", ".join(f"{own} as {kept}" for own, kept in source.examples)
    return (
        f"{name} loses {source.removed:,} of {source.records:,} ({source.share:.0%}), "
        f"for example {pairs}"
    )
