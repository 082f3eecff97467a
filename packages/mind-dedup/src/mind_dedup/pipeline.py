"""A run: recipe → components; batches → fingerprints in the workers → decisions in order."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from mind_core.chats import read_chat_batches
from mind_core.errors import UsageError
from mind_core.files import check_folder
from mind_core.progress import log
from mind_core.runner import Pass, StreamOptions, Work, check_stream, run_passes
from mind_core.summary import Summary
from mind_dedup.backend import Backend
from mind_dedup.clusters import ClusterTable
from mind_dedup.compared_text import Restoring
from mind_dedup.config import PASSAGE, DedupConfig, describe, make_plugins, plan
from mind_dedup.deduplicator import Deduplicator
from mind_dedup.fingerprint_batch import FingerprintBatch
from mind_dedup.guard import SummaryBySource
from mind_dedup.index_files import (
    append_to_index,
    check_free,
    fitted,
    index_lock,
    open_index,
    read_index_manifest,
)
from mind_dedup.input_size import InputSize, expected_bytes
from mind_dedup.pool_facts import PoolReader
from mind_dedup.pool_report import PoolReport
from mind_dedup.signature import needs_text, reason_of
from mind_dedup.single_pass import TOOL, RemovalCounts, SinglePass
from mind_dedup.sorted_runs import ChunkedDeduplicator
from mind_dedup.store import Store
from mind_dedup.two_pass import TwoPass
from mind_dedup.two_pass_passages import PassageCounter, TwoPassPassages
from mind_dedup.two_pass_units import TwoPassUnits
from mind_dedup.units import FingerprintUnits, SinglePassUnits, UnitRemover

COMPARE = ("self", "index", "both")


@dataclass(frozen=True)
class Job:
    """Hold what the command line asks for beside the recipe."""

    mark: bool = False
    clusters: Path | None = None
    index: Path | None = None
    against: Sequence[Path] = ()
    compare: str = "both"
    backend: str = ""
    restore: Sequence[Path] = ()
    """Rejects of earlier runs whose records are compared once more, after all others."""

    report: Path | None = None
    """Where the report of the pool goes; `benchmarks` are looked for in its records."""

    benchmarks: Sequence[str] = ()
    open_backend: Backend | None = None
    """What opens the index at the URL `backend`."""

    @property
    def indexes(self) -> tuple[Path, ...]:
        """Return the indexes that records go with."""
        return (*self.against, *((self.index,) if self.index else ()))


def deduplicate(plan: DedupConfig, options: StreamOptions, job: Job | None = None) -> Summary:
    """Run the stream and return its summary; raise `GateError` if the guard stops it."""
    job = job or Job()
    if job.restore:
        inputs = (*(options.inputs or ("-",)), *map(str, job.restore))
        options = replace(options, inputs=inputs)
    # Before all else: the bands of an index decide which keys are made.
    plan = fitted(plan, job.indexes)
    check(plan, options, job)
    if not plan.verified and reason_of(plan.signature) is None:
        log(TOOL, "warning: unverified, so texts go that only resemble others (--unverified)")
    with ExitStack() as stack:
        if job.index is not None:
            stack.enter_context(index_lock(job.index))
        tally = _tally(plan, options, job, stack)
        first = len(tally.decider.store)
        table = ClusterTable(job.clusters) if job.clusters is not None else None
        if job.report is not None:
            tally.pool = PoolReport(job.report, first)

        def finish(_: Summary) -> None:
            tally.check()
            if table is not None:
                table.write()
            if tally.pool is not None:
                tally.pool.write()

        passes = _passes(tally, options, job, table)
        batches = read_chat_batches(options.inputs) if plan.compared.chat else None
        run_passes(tally.summary, passes, options, finish, batches=batches)
        tally.decider.store.commit()
        # After the output: a run that is killed between the two can be done again, and no record
        # is in the index that was not written.
        if job.index is not None:
            append_to_index(job.index, plan, tally.decider.store, first)
    return tally.summary


def check(plan: DedupConfig, options: StreamOptions, job: Job) -> None:
    """Raise what a run would, as far as it can be known without reading a record."""
    plan = fitted(plan, job.indexes)
    check_stream(options, job.clusters, job.report)
    check_choices(plan, job)
    for folder in job.against:
        read_index_manifest(folder, plan)
    if job.index is not None:
        check_free(job.index)
        if not job.index.exists():
            check_folder(job.index)


def _tally(plan: DedupConfig, options: StreamOptions, job: Job, stack: ExitStack) -> RemovalCounts:
    """Return what decides and counts, with the indexes that records are compared with."""
    expected = expected_bytes(options.inputs)
    if job.backend:
        assert job.open_backend is not None
        store, index = stack.enter_context(job.open_backend(job.backend, plan))
    else:
        store, index = Store(plan.memory // 4 if plan.memory else 1 << 62), None
    names, ends = [], []
    # A first run has no index yet; with --compare self the own one only grows.
    own = [job.index] if job.index and (job.index / "manifest.json").exists() else []
    for folder in [*job.against, *(own if job.compare != "self" else [])]:
        open_index(folder, plan, store)
        names.append(str(folder))
        ends.append(len(store))
    decider = Deduplicator(
        plan.signature,
        measure=plan.measure,
        verified=plan.verified,
        within=job.compare != "index",
        size=InputSize(expected + 1000 * len(store)),
        store=store,
    )
    if index is not None:
        decider.index = index
    summary = SummaryBySource(TOOL, recipe=plan.recipe.values, components=plan.components)
    if names:
        summary.details["compared_with"] = dict(zip(names, ends, strict=True))
    return RemovalCounts(plan, summary, decider, names, ends)


def _passes(
    tally: RemovalCounts, options: StreamOptions, job: Job, table: ClusterTable | None
) -> list[Pass]:
    """Return one pass if records can be settled as they come, else two."""
    plan = tally.plan
    want_rejects = options.rejects is not None
    work: Work
    if plan.unit == PASSAGE:
        passages = TwoPassPassages(tally, job.mark, want_rejects)
        work = PassageCounter(plan.units.tokens)
        if job.restore:
            work = Restoring(work, frozenset(map(str, job.restore)))
        return [
            Pass(lambda: work, passages.collect, "the first pass"),
            Pass(passages.second, passages.emit),
        ]
    policy = None if plan.streams else plan.policy
    pool = PoolReader(bool(plan.compared.chat), tuple(job.benchmarks)) if job.report else None
    if pool is not None:
        pool.prepare()
    # An index holds half of each key, and what is compared with it has to be cut alike.
    short = bool(job.index or job.against) and reason_of(plan.signature) is None
    take = FingerprintBatch(plan.signature, policy, plan.compared, pool, short)
    cuts = plan.unit != "document"
    work = FingerprintUnits(take, plan.unit, plan.min_characters) if cuts else take
    if job.restore:
        work = Restoring(work, frozenset(map(str, job.restore)))
    # Sizes of clusters, and copies of a unit, are known when all has been read.
    needs_all = table or (cuts and plan.units.needs_all)
    if plan.streams and not (needs_all or plan.weights or plan.memory or (job.mark and not cuts)):
        shorten = UnitRemover(tally, job.mark, want_rejects)
        settle = SinglePassUnits(tally, shorten) if cuts else SinglePass(tally, want_rejects)
        return [Pass(lambda: work, settle)]
    chunked = (
        ChunkedDeduplicator(tally.decider, plan.memory) if plan.memory and not job.backend else None
    )
    kind = TwoPassUnits if cuts else TwoPass
    review = kind(tally, job.mark, want_rejects, table, chunked)
    return [Pass(lambda: work, review.collect, "the first pass"), Pass(review.second, review.emit)]


def check_choices(plan: DedupConfig, job: Job) -> None:
    """Refuse what does not go together."""
    if job.compare not in COMPARE:
        raise UsageError(f"--compare {job.compare} is none of {', '.join(COMPARE)}")
    if job.compare == "index" and not (job.index or job.against):
        raise UsageError("--compare index wants an index", hint="--against DIR or --index DIR")
    if job.compare == "self" and job.against:
        raise UsageError("--compare self compares with no index", hint="leave --against out")
    if job.backend and (job.index or job.against):
        raise UsageError("--backend is an index of its own", hint="leave --index and --against out")
    if plan.unit != "document" and not plan.compared.is_text:
        raise UsageError(f"--scope {plan.unit} cuts the field text", hint="leave the other out")
    if not plan.compared.is_text and not needs_text(plan.signature):
        raise UsageError(f"signature {plan.name} compares no text, so there is no other to take")
    if plan.unit == PASSAGE:
        _check_passages(plan, job)
    if job.benchmarks and not job.report:
        raise UsageError("--benchmark is for the report of a pool", hint="add --report FILE")
    if job.report and plan.unit != "document":
        raise UsageError(f"--report counts records, and --scope {plan.unit} compares others")
    if plan.unit != "document" and plan.weights:
        raise UsageError(
            f"--weights says how often to take a record, and --scope {plan.unit} counts "
            f"copies of its {plan.unit}s",
            hint="leave --weights out, or run once more with --scope document",
        )


def _check_passages(plan: DedupConfig, job: Job) -> None:
    """Refuse what passages have no use for: they are compared exactly, within one run."""
    given = {
        "--index": job.index,
        "--against": job.against,
        "--backend": job.backend,
        "--clusters": job.clusters,
        "--keep": plan.policy_name != "first",
        "--memory": plan.memory,
    }
    for name, value in given.items():
        if value:
            hint = "hashes wait on disk anyway" if name == "--memory" else "leave it out"
            raise UsageError(f"{name} does not go with --scope passage", hint=hint)


__all__ = ["COMPARE", "DedupConfig", "Job", "deduplicate", "describe", "make_plugins", "plan"]
