"""Last stage over inputs: a range is read once more, and what became of its records is done."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np

from mind_core.files import as_json
from mind_core.runner import StreamOptions, run_stream
from mind_core.summary import Summary
from mind_core.tasks import OUTPUT, REJECTS, SUMMARIES
from mind_core.tasks.commit import TaskResult
from mind_core.tasks.merge import comparable_summary, counts_of
from mind_core.tasks.task import TaskContext
from mind_dedup.tasks.apply_units import UNITS_GONE, ApplyingUnits
from mind_dedup.tasks.cluster_table import Members
from mind_dedup.tasks.resolve import clusters_of_indexes, verdicts_of_range
from mind_dedup.tasks.settings import TOOL, DedupSettings
from mind_dedup.tasks.settle import Applying, PassRecords
from mind_dedup.tasks.work_files import WorkFiles, facts_of, work_files


def apply(settings: DedupSettings, context: TaskContext) -> TaskResult:
    """Write what stays of a range, what goes, and the summary of all that was done to it."""
    files, scratch = work_files(context.job_folder), context.scratch
    name, plan = context.task.name, settings.plan
    bad = np.fromfile(files.of_range(name, "bad"), np.int64)
    verdicts = verdicts_of_range(files, context.task.place, settings.partitions)
    applying = _applying(settings, files, name, verdicts)
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
    if settings.cuts:
        told["details"] |= {"units": facts["rows"], **{n: summary.details[n] for n in UNITS_GONE
                            if n in summary.details}}  # fmt: skip
    (scratch / "summary.json").write_bytes(as_json(told))
    suffix = "jsonl" if settings.level == 0 else "jsonl.zst"
    return TaskResult(
        {
            f"{OUTPUT}/{name}.{suffix}": scratch / "output",
            f"{REJECTS}/{name}.jsonl.zst": scratch / "rejects",
            f"{SUMMARIES}/{name}.json": scratch / "summary.json",
            **(applying.members.write(scratch / "members", name) if applying.members else {}),
        },
        counts_of(told),
    )


def _applying(
    settings: DedupSettings, files: WorkFiles, name: str, verdicts: list[list[Any]]
) -> Applying:
    """Return what settles the records of a range."""
    plan = settings.plan
    if settings.cuts:
        ends = files.unit_ends(name)
        return ApplyingUnits(plan, settings.mark, iter(verdicts), ends=ends)
    records = int(files.firsts[-1])
    members = Members(plan.compared, settings.partitions, records) if settings.clusters else None
    return Applying(plan, settings.mark, iter(verdicts), members)


def _details(
    settings: DedupSettings, applying: Applying, sources: dict[str, int]
) -> dict[str, Any]:
    scheme = getattr(settings.plan.signature, "scheme", None)
    names = [saved.name for saved in settings.against]
    ends = accumulate(saved.records for saved in settings.against)
    return {
        **({"scheme": scheme} if scheme else {}),
        **({"compared_with": dict(zip(names, ends, strict=True))} if names else {}),
        "documents_with_duplicates": applying.clusters.total(),
        "cluster_sizes": {str(size): n for size, n in sorted(applying.clusters.items())},
        "largest_clusters": applying.largest,
        "sources": {
            name: {"in": records, "duplicates": applying.removed[name]}
            for name, records in sources.items()
        },
    }
