"""First stage: a range of the input to the keys of its records, and to what is no record in it.

Where paragraphs or lines are compared, these are the rows of a range, and not its records; how many
each record has is left as well.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from mind_core.files import as_json
from mind_core.runner import BatchResult, StreamOptions, run_stream
from mind_core.stream import Batch
from mind_core.summary import Summary
from mind_core.tasks.commit import TaskResult
from mind_core.tasks.merge import comparable_summary, counts_of
from mind_core.tasks.task import TaskContext
from mind_dedup.columns import counts_of as counts_by_name
from mind_dedup.fingerprint_batch import FingerprintBatch
from mind_dedup.fingerprints import Fingerprints
from mind_dedup.signature import BatchSignature, reason_of
from mind_dedup.tasks.key_runs import KeyFiles, KeyWriter
from mind_dedup.tasks.settings import DedupSettings
from mind_dedup.tasks.work_files import RangeFiles
from mind_dedup.units import FingerprintUnits, Units


@dataclass(frozen=True)
class _Keys:
    """Take of a batch only what connects its records; runs in the workers of a task."""

    take: FingerprintBatch | FingerprintUnits

    def __call__(self, batch: Batch) -> BatchResult:
        outcome = self.take(batch)
        units: Units | None = outcome.payload if isinstance(outcome.payload, Units) else None
        prints: Fingerprints = units.prints if units is not None else outcome.payload
        bad: list[int] = []
        if outcome.bad:
            good = set(units.numbers if units is not None else prints.at.tolist())
            # By line, as later stages read the range again and number its records by what is left.
            bad = [number for number, _ in batch.lines() if number not in good]
        counts = [len(spans) for spans in units.spans] if units is not None else []
        sources = counts_by_name(prints.sources)
        whole = self.take.take if isinstance(self.take, FingerprintUnits) else self.take
        outcome.payload = (*_connecting(whole, prints), bad, sources, counts)
        outcome.kept_records = len(units.lines if units is not None else prints)
        return outcome


def _connecting(take: FingerprintBatch, prints: Fingerprints) -> tuple[Any, Any]:
    """Return the keys by which records are brought together.

    The last key of a record, its exact text, is left out where all others follow from the text:
    who shares it shares them all. An index lacks keys that were a template's when it was made, so
    with indexes none is left out.
    """
    if (
        not take.short_keys
        and reason_of(take.signature) is None
        and isinstance(take.signature, BatchSignature)
    ):
        width = take.signature.keys_in_batch + 1
        keys = prints.keys.reshape(-1, width)[:, :-1]
        return keys.reshape(-1), np.arange(1, len(keys) + 1) * (width - 1)
    return prints.keys, prints.key_ends


def fingerprint(settings: DedupSettings, context: TaskContext) -> TaskResult:
    """Write the keys of a range, and what is no record."""
    scratch = context.scratch
    files = KeyFiles.at(scratch / "range")
    writer = KeyWriter(files, settings.partitions)
    bad: list[int] = []
    sources: Counter[str] = Counter()
    units: list[int] = []

    def settle(outcome: BatchResult) -> BatchResult:
        keys, ends, numbers, counted, counts = outcome.payload
        outcome.payload = None
        writer.add(keys, ends)
        bad.extend(numbers)
        sources.update(counted)
        units.extend(counts)
        return outcome

    stream = StreamOptions(
        rejects=scratch / "rejects", jobs=context.cores, skip_bad=settings.skip_bad, quiet=True,
        progress=False,
    )  # fmt: skip
    summary = Summary(settings.tool, recipe=settings.recipe, components=settings.plan.components)
    batches = settings.batches(context)
    work = _Keys(settings.take(with_policy=False))
    run_stream(summary, work, stream, settle, passes_on=False, batches=batches)
    writer.close()
    np.array(bad, np.int64).tofile(scratch / "bad")
    told = comparable_summary(summary)
    facts = {"rows": writer.rows, "summary": told, "sources": dict(sorted(sources.items()))}
    (scratch / "facts.json").write_bytes(as_json(facts))
    named = RangeFiles(context.task.name).named
    more = {}
    if settings.cuts:
        np.array(units, np.int32).tofile(scratch / "units")
        more[named("units")] = scratch / "units"
    return TaskResult(
        {
            named("keys"): files.entries,
            named("runs"): files.table,
            named("bad"): scratch / "bad",
            named("json"): scratch / "facts.json",
            named("rejects.zst"): scratch / "rejects",
            **more,
        },
        counts_of(told),
    )
