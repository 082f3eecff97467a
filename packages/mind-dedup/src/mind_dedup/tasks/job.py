"""Near-duplicates over files: six stages of tasks, and the records that one process would keep.

`fingerprint` makes keys of each range of the input. `pairs` brings together who shares one, part by
part. `groups` says which records are connected, over any number of steps: what is in two groups is
compared by nobody, so groups can be decided in any order and place. `candidates` reads what is in a
group again and sends its shingles to the part of its group. `resolve` compares and decides there,
by the loop of a single process and in its order. `apply` writes what stays of each range.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mind_core.columns import given_columns
from mind_core.errors import UsageError
from mind_core.files import MANIFEST, sha256_file
from mind_core.tasks.commit import TaskResult
from mind_core.tasks.merge import check_bad
from mind_core.tasks.options import TaskOptions
from mind_core.tasks.plan import PlannedStage
from mind_core.tasks.run import TaskTool, run_job
from mind_core.tasks.task import TaskContext
from mind_dedup.clusters import Sizes
from mind_dedup.config import PASSAGE, DedupConfig
from mind_dedup.guard import Guard, Source
from mind_dedup.index_files import fitted, read_index_manifest
from mind_dedup.tasks.apply import apply
from mind_dedup.tasks.apply_units import UNITS_GONE
from mind_dedup.tasks.candidates import candidates
from mind_dedup.tasks.cluster_table import clusters
from mind_dedup.tasks.fingerprint import fingerprint
from mind_dedup.tasks.indexes import index_keys
from mind_dedup.tasks.pairs import groups, pairs
from mind_dedup.tasks.resolve import resolve
from mind_dedup.tasks.settings import MAX_PARTITIONS, TOOL, DedupSettings, SavedIndex
from mind_dedup.tasks.settle import largest
from mind_dedup.tasks.work_files import (
    APPLY,
    CANDIDATES,
    CLUSTERS,
    FINGERPRINT,
    GROUPS,
    INDEX,
    PAIRS,
    RESOLVE,
)

_WORK: dict[str, Callable[[DedupSettings, TaskContext], TaskResult]] = {
    INDEX: index_keys,
    FINGERPRINT: fingerprint,
    PAIRS: pairs,
    GROUPS: groups,
    CANDIDATES: candidates,
    RESOLVE: resolve,
    APPLY: apply,
    CLUSTERS: clusters,
}


_STREAM = "leave --into out: as a stream it works, on one machine"
_INDEXES = "run the job first; then add what it kept to an index, as a stream with --index"
_HINTS = {"index": _INDEXES}


@dataclass(frozen=True)
class DedupTasks:
    """Do a task of any stage."""

    settings: DedupSettings

    def __call__(self, context: TaskContext) -> TaskResult:
        """Do a task."""
        return _WORK[context.task.stage](self.settings, context)

    @property
    def stages(self) -> tuple[PlannedStage, ...]:
        """Return the stages in their order."""
        parts, saved = self.settings.partitions, len(self.settings.against)
        return (
            *([PlannedStage(INDEX, tasks=saved)] if saved else []),
            PlannedStage(FINGERPRINT),
            PlannedStage(PAIRS, tasks=parts),
            PlannedStage(GROUPS, tasks=1),
            PlannedStage(CANDIDATES),
            PlannedStage(RESOLVE, tasks=parts),
            PlannedStage(APPLY),
            *([PlannedStage(CLUSTERS, tasks=parts)] if self.settings.clusters else []),
        )

    def check(self, summary: dict[str, Any]) -> None:
        """Raise `MindError` for too many bad records of all tasks, `GateError` for the guard."""
        check_bad(summary, self.settings.skip_bad)
        details = summary["details"]
        sources = {
            name: Source(told["in"], told["duplicates"])
            for name, told in details["sources"].items()
        }
        guard = self.settings.plan.guard
        sizes, ids = Sizes(guard.max_cluster), [one for _, one in details["largest_clusters"]]
        # What is only marked stays, and there is nothing to stop, as in one process.
        for number, size in enumerate([] if self.settings.mark else _large(details, guard)):
            # `Sizes` counts what goes, the details a cluster with the record that stays.
            sizes.removed[number] = size - 1
            sizes.examples[number] = []
        guard.check(sources, sizes, ids.__getitem__)


def _large(details: dict[str, Any], guard: Guard) -> list[int]:
    """Return the sizes of all clusters over the bound, in the order of the largest."""
    counted = sorted(((int(size), n) for size, n in details["cluster_sizes"].items()), reverse=True)
    return [size for size, n in counted if size > guard.max_cluster for _ in range(n)]


def run_dedup_job(settings: DedupSettings, options: TaskOptions) -> dict[str, Any] | None:
    """Remove duplicates over files as a job; see `mind_core.tasks.run.run_job`."""
    check_job(settings)
    plan, work = settings.plan, DedupTasks(settings)
    told = {
        "recipe": settings.recipe,
        "components": plan.components,
        "partitions": settings.partitions,
        "fields": [list(pair) for pair in settings.columns.pairs],
        "mark": settings.mark,
        "level": settings.level,
        "skip_bad": settings.skip_bad,
        "against": [[saved.name, saved.sha256] for saved in settings.against],
        "within": settings.within,
        "clusters": settings.clusters,
    }
    used = sorted({version.partition("==")[0] for version in plan.components.values()})
    tool = TaskTool(
        TOOL,
        told,
        work.stages,
        work,
        added_details,
        roots=tuple(name for name in used if not name.endswith(".py")),
        check=work.check,
        lines=not plan.compared.chat,
    )
    return run_job(tool, options)


def dedup_settings(
    plan: DedupConfig,
    partitions: int,
    *,
    mark: bool,
    level: int | None,
    skip_bad: int,
    against: Sequence[Path] = (),
    compare: str = "both",
    clusters: bool = False,
) -> DedupSettings:
    """Return what the tasks of a job know, with the columns that `--field` names.

    Raises `MindError` for an index that has other keys, or is none.
    """
    plan = fitted(plan, against)
    columns, saved = given_columns(), tuple(_saved(folder, plan) for folder in against)
    within = compare != "index"
    return DedupSettings(plan, partitions, mark, level, skip_bad, columns, saved, within, clusters)


def _saved(folder: Path, plan: DedupConfig) -> SavedIndex:
    records = read_index_manifest(folder, plan)["records"]
    return SavedIndex(str(folder), folder.absolute(), records, sha256_file(folder / MANIFEST))


def refuse_options(given: Mapping[str, Any]) -> None:
    """Raise `UsageError` for the first option that was given: a job cannot do these."""
    for name, value in given.items():
        if value:
            raise UsageError(f"--{name} does not go with --into", hint=_HINTS.get(name, _STREAM))


def check_job(settings: DedupSettings) -> None:
    """Raise `UsageError` for what a deduplication does as a stream alone, not as a job."""
    plan = settings.plan
    if not 1 <= settings.partitions <= MAX_PARTITIONS:
        raise UsageError(
            f"--partitions is 1 to {MAX_PARTITIONS:,}, not {settings.partitions:,}",
            hint="as many as workers, or a few times more",
        )
    if plan.unit == PASSAGE:
        raise UsageError(
            "--scope passage does not go with --into",
            cause="a run of tokens goes where it was anywhere before: all runs meet in one place",
            hint="run it as a stream, on what the job keeps",
        )
    if settings.clusters and settings.cuts:
        raise UsageError(
            f"--clusters of {plan.unit}s does not go with --into",
            cause=f"the table numbers {plan.unit}s in the order in which one process keeps them",
            hint=_STREAM,
        )


def added_details(details: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the details of a job: sources and counts added up, the largest clusters of all."""
    total = dict(details[0])
    counts: Counter[tuple[str, str]] = Counter()
    for each in details:
        for name, told in each["sources"].items():
            for what, count in told.items():
                counts[name, what] += count
    total["documents_with_duplicates"] = sum(one["documents_with_duplicates"] for one in details)
    sizes: Counter[str] = Counter()
    for one in details:
        sizes.update(one["cluster_sizes"])
    total["cluster_sizes"] = {size: sizes[size] for size in sorted(sizes, key=int)}
    for name in ("units", *UNITS_GONE):
        if any(name in one for one in details):
            total[name] = sum(one.get(name, 0) for one in details)
    total["largest_clusters"] = largest([row for one in details for row in one["largest_clusters"]])
    names = sorted({name for name, _ in counts})
    total["sources"] = {
        name: {what: counts[name, what] for what in ("in", "duplicates")} for name in names
    }
    return total
