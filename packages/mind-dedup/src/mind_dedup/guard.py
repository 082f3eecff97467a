"""The guard: no source loses more than its share, and no cluster grows over all bounds, unseen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from mind_core.errors import GateError, UsageError
from mind_core.summary import Summary
from mind_dedup.clusters import Sizes

_EXAMPLES = 3
_NAMED = 5


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
    """Say how much a source may lose and how large a cluster may be; small sources pass."""

    max_removed: float = 0.6
    min_documents: int = 100
    max_cluster: int = 10_000
    allow: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.max_removed <= 1:
            raise UsageError(f"max_removed = {self.max_removed} is not a share between 0 and 1")
        if self.max_cluster < 2:
            raise UsageError(f"max_cluster = {self.max_cluster}: a cluster has two members")

    def check(
        self,
        sources: Mapping[str, Source],
        sizes: Sizes | None = None,
        id_of: Callable[[int], Any] = str,
    ) -> None:
        """Raise `GateError` naming the worst, if a source lost too much or a cluster is too large.

        `id_of` gives the id of a kept record by its number.
        """
        if self.allow:
            return
        over = [
            (name, source)
            for name, source in sources.items()
            # Of a few records a large share may go by chance.
            if source.records >= self.min_documents and source.share > self.max_removed
        ]
        large = (
            sorted(
                ((sizes.of(number), number) for number in sizes.examples),
                key=lambda c: (-c[0], c[1]),
            )
            if sizes is not None
            else []
        )
        large = [cluster for cluster in large if cluster[0] > self.max_cluster]
        if not over and not large:
            return
        # The name last, so that a message is the same in every run.
        over.sort(key=lambda item: (-item[1].share, -item[1].records, item[0]))
        told = [_told(name, source) for name, source in over[:_NAMED]]
        if len(over) > _NAMED:
            told.append(f"and {len(over) - _NAMED} more")
        for size, number in large[:_NAMED]:
            assert sizes is not None
            told.append(f"{size:,} copies of {id_of(number)}{_for(sizes.examples[number])}")
        raise GateError(
            self._what(len(over), len(large)),
            cause="; ".join(told),
            hint="look at these pairs; --allow goes on, --max-removed SHARE and --max-cluster N "
            "move the bounds, --mark shows the matches and removes nothing",
        )

    def _what(self, sources: int, clusters: int) -> str:
        what = []
        if sources:
            what.append(
                f"{sources} source{'s' * (sources > 1)} would lose more than "
                f"{self.max_removed:.0%} of their records"
            )
        if clusters:
            what.append(
                f"{clusters} cluster{'s' * (clusters > 1)} would have more than "
                f"{self.max_cluster:,} records"
            )
        return f"{' and '.join(what)}; the output was not completed"


@dataclass
class SummaryBySource(Summary):
    """Count by source as well, for the guard."""

    sources: dict[str, Source] = field(default_factory=dict)

    def count(self, records: Mapping[str, int]) -> None:
        """Count records by source."""
        for source, number in records.items():
            self.sources.setdefault(source, Source()).records += number

    def count_removed(self, source: str, own_id: bytes, kept_id: bytes) -> None:
        """Note a counted record that goes, with the id of the one that stays, both as JSON."""
        counts = self.sources[source]
        counts.removed += 1
        # A message names a few; of millions of removals ids would take memory for nothing.
        if len(counts.examples) < _EXAMPLES:
            counts.examples.append((str(orjson.loads(own_id)), str(orjson.loads(kept_id))))

    def as_dict(self) -> dict[str, Any]:
        """Return the summary with the counts by source under `details`."""
        self.details["sources"] = {
            name: {"in": source.records, "duplicates": source.removed}
            for name, source in sorted(self.sources.items())
        }
        return super().as_dict()


def _told(name: str, source: Source) -> str:
    pairs = _for([f"{own} as {kept}" for own, kept in source.examples])
    return f"{name} loses {source.removed:,} of {source.records:,} ({source.share:.0%}){pairs}"


def _for(examples: Sequence[str]) -> str:
    """Return the end of a sentence that names examples, if there are any."""
    return f", for example {', '.join(examples)}" if examples else ""
