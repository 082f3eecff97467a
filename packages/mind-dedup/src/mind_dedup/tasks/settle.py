"""What becomes of the records of a range, by what `resolve` told of those that have copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from mind_core.runner import BatchResult
from mind_core.stream import Batch
from mind_dedup.clusters import weight_of
from mind_dedup.config import DedupConfig
from mind_dedup.single_pass import marked, measured
from mind_dedup.tasks.cluster_table import Members
from mind_dedup.tasks.settings import TOOL

LARGEST = 5
"""Clusters that a summary names, the largest first."""


class RecordLines(NamedTuple):
    """The records of a batch: the name of their file, and number and bytes of each line."""

    name: str
    numbers: list[int]
    lines: list[bytes]


@dataclass(frozen=True)
class PassRecords:
    """Hand the lines of a batch over that are records; the first stage has seen which are."""

    bad: frozenset[int]

    def __call__(self, batch: Batch) -> BatchResult:
        """Return the batch with `RecordLines` as payload."""
        good = [(number, line) for number, line in batch.lines() if number not in self.bad]
        records = RecordLines(batch.name, [n for n, _ in good], [line for _, line in good])
        return BatchResult(records_in=len(good), bytes_in=len(batch.data), payload=records)


@dataclass
class Applying:
    """Keep, mark or reject the records of a range in their order."""

    plan: DedupConfig
    mark: bool
    verdicts: Iterator[list[Any]]
    members: Members | None = None
    removed: Counter[str] = field(default_factory=Counter)
    """By source."""

    clusters: Counter[int] = field(default_factory=Counter)
    """Of records that stay, with copies that go: how many there are of each size."""

    largest: list[list[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._row = 0
        self._next = next(self.verdicts, None)

    def __call__(self, outcome: BatchResult) -> BatchResult:
        """Settle a batch in its turn."""
        records: RecordLines = outcome.payload
        outcome.payload = None
        lines = records.lines
        first, self._row = self._row, self._row + len(lines)
        begin = 0
        # There is no verdict for a record without copies: it is kept.
        for told in self.until(self._row):
            place = told[0] - first
            outcome.kept += [line + b"\n" for line in lines[begin:place]]
            self._settle(outcome, lines[place], told)
            if self.members is not None:
                at = f"{records.name}:{records.numbers[place]}"
                self.members.add(lines[place], at, told)
            begin = place + 1
        outcome.kept += [line + b"\n" for line in lines[begin:]]
        return outcome

    def until(self, row: int) -> Iterator[list[Any]]:
        """Yield the verdicts on rows before this one that are left; they ascend by row."""
        while self._next is not None and self._next[0] < row:
            told, self._next = self._next, next(self.verdicts, None)
            yield told

    def add_clusters(self, clusters: list[list[Any]]) -> None:
        """Count clusters of records that stay, by size and id."""
        self.clusters.update(size for size, _ in clusters)
        self.largest = largest([*self.largest, *clusters])

    def _settle(self, outcome: BatchResult, line: bytes, told: list[Any]) -> None:
        _, size, _, identity, *match = told
        if match:
            self._duplicate(outcome, line, size, *match)
            return
        self.add_clusters([[size, identity]])
        if not (self.mark or self.plan.weights):
            outcome.kept.append(line + b"\n")
            return
        notes: dict[str, Any] = {"cluster_size": size}
        if self.plan.weights:
            notes["weight"] = weight_of(size, self.plan.weights)
        marked(outcome, line, self.plan, "", notes)

    def _duplicate(
        self,
        outcome: BatchResult,
        line: bytes,
        size: int,
        reason: str,
        similarity: float | None,
        told: dict[str, Any],
        source: str,
    ) -> None:
        if self.mark:
            notes = {"signature": self.plan.name, "reason": reason, **told, "cluster_size": size}
            marked(outcome, line, self.plan, reason, notes)
            return
        self.removed[source] += 1
        why = measured(self.plan, reason, similarity)
        record = orjson.loads(line)
        outcome.reject(record, TOOL, self.plan.name, why, **told, cluster_size=size)


def largest(clusters: list[list[Any]]) -> list[list[Any]]:
    """Return the largest clusters, each with its size and the id of what stays; of equal ones the
    first."""
    return sorted(clusters, key=lambda one: -int(one[0]))[:LARGEST]
