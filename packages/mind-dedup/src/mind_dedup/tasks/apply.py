"""Last stage: a range is read once more, and what became of its records is done to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np
import orjson

from mind_core.files import as_json
from mind_core.records import Reason
from mind_core.runner import BatchResult, StreamOptions, run_stream
from mind_core.stream import Batch
from mind_core.summary import Summary
from mind_core.tasks import OUTPUT, REJECTS, SUMMARIES
from mind_core.tasks.commit import TaskResult
from mind_core.tasks.merge import comparable_summary, counts_of
from mind_core.tasks.task import TaskContext
from mind_dedup.clusters import weight_of
from mind_dedup.config import DedupConfig
from mind_dedup.signature import threshold_of
from mind_dedup.single_pass import marked
from mind_dedup.tasks.resolve import clusters_of_indexes, verdicts_of_range
from mind_dedup.tasks.settings import TOOL, DedupSettings
from mind_dedup.tasks.work_files import facts_of, work_files

LARGEST = 5
"""Clusters that a summary names, the largest first."""


@dataclass(frozen=True)
class PassRecords:
    """Hand the lines of a batch over that are records; the first stage has seen which are."""

    bad: frozenset[int]

    def __call__(self, batch: Batch) -> BatchResult:
        """Return the batch with the lines of its records as payload."""
        lines = [line for number, line in batch.lines() if number not in self.bad]
        return BatchResult(records_in=len(lines), bytes_in=len(batch.data), payload=lines)


@dataclass
class Applying:
    """Keep, mark or reject the records of a range in their order."""

    plan: DedupConfig
    mark: bool
    verdicts: Iterator[list[Any]]
    removed: Counter[str] = field(default_factory=Counter)
    """By source."""

    clusters: int = 0
    """Of records that stay, with copies that go."""

    largest: list[list[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._row = 0
        self._next = next(self.verdicts, None)

    def __call__(self, outcome: BatchResult) -> BatchResult:
        """Settle a batch in its turn."""
        lines: list[bytes] = outcome.payload
        outcome.payload = None
        first, self._row = self._row, self._row + len(lines)
        begin = 0
        # Verdicts ascend by row, and there is none for a record without copies: it is kept.
        while self._next is not None and self._next[0] < self._row:
            told, self._next = self._next, next(self.verdicts, None)
            place = told[0] - first
            outcome.kept += [line + b"\n" for line in lines[begin:place]]
            self._settle(outcome, lines[place], told)
            begin = place + 1
        outcome.kept += [line + b"\n" for line in lines[begin:]]
        return outcome

    def add_clusters(self, clusters: list[list[Any]]) -> None:
        """Count clusters of records that no range has, by size and id."""
        self.clusters += len(clusters)
        self.largest = largest([*clusters, *self.largest])

    def _settle(self, outcome: BatchResult, line: bytes, told: list[Any]) -> None:
        _, size, identity, *match = told
        if match:
            self._duplicate(outcome, line, size, *match)
            return
        self.clusters += 1
        self.largest = largest([*self.largest, [size, identity]])
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
        why = reason
        if similarity is not None:
            why = Reason(reason, round(similarity, 4), threshold_of(self.plan.signature))
        record = orjson.loads(line)
        outcome.reject(record, TOOL, self.plan.name, why, **told, cluster_size=size)


def largest(clusters: list[list[Any]]) -> list[list[Any]]:
    """Return the largest clusters, each with its size and the id of what stays; of equal ones the
    first."""
    return sorted(clusters, key=lambda one: -int(one[0]))[:LARGEST]


def apply(settings: DedupSettings, context: TaskContext) -> TaskResult:
    """Write what stays of a range, what goes, and the summary of all that was done to it."""
    files, scratch = work_files(context.job_folder), context.scratch
    name, plan = context.task.name, settings.plan
    bad = np.fromfile(files.of_range(name, "bad"), np.int64)
    verdicts = verdicts_of_range(files, context.task.place, settings.partitions)
    applying = Applying(plan, settings.mark, iter(verdicts))
    options = StreamOptions(
        output=scratch / "output", rejects=scratch / "gone", jobs=context.cores,
        level=settings.level, quiet=True, progress=False,
    )  # fmt: skip
    summary = Summary(TOOL, recipe=settings.recipe, components=plan.components)
    work = PassRecords(frozenset(bad.tolist()))
    run_stream(summary, work, options, applying, batches=settings.batches(context))
    with (scratch / "rejects").open("wb") as file:  # frames follow each other in a file
        for part in (files.of_range(name, "rejects.zst"), scratch / "gone"):
            file.write(part.read_bytes())
    facts = facts_of(files, name)
    told = comparable_summary(summary)
    # As the first stage read them: here bad lines were left out before they were counted.
    told |= {key: facts["summary"][key] for key in ("in", "bytes_in", "bad")}
    if context.task.place == 0:  # once for the job: records of indexes are in no range
        applying.add_clusters(clusters_of_indexes(files, settings.partitions))
    told["details"] = _details(settings, applying, facts["sources"])
    (scratch / "summary.json").write_bytes(as_json(told))
    suffix = "jsonl" if settings.level == 0 else "jsonl.zst"
    return TaskResult(
        {
            f"{OUTPUT}/{name}.{suffix}": scratch / "output",
            f"{REJECTS}/{name}.jsonl.zst": scratch / "rejects",
            f"{SUMMARIES}/{name}.json": scratch / "summary.json",
        },
        counts_of(told),
    )


def _details(
    settings: DedupSettings, applying: Applying, sources: dict[str, int]
) -> dict[str, Any]:
    scheme = getattr(settings.plan.signature, "scheme", None)
    names = [saved.name for saved in settings.against]
    ends = accumulate(saved.records for saved in settings.against)
    return {
        **({"scheme": scheme} if scheme else {}),
        **({"compared_with": dict(zip(names, ends, strict=True))} if names else {}),
        "documents_with_duplicates": applying.clusters,
        "largest_clusters": applying.largest,
        "sources": {
            name: {"in": records, "duplicates": applying.removed[name]}
            for name, records in sources.items()
        },
    }
