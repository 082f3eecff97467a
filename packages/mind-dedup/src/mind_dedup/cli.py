"""The command line of mind-dedup: options → recipe → pipeline."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mind_core import cli
from mind_core.errors import UsageError
from mind_core.recipe import Recipe, load_recipe, merged
from mind_core.stream_command import SharedOptions, stream_command
from mind_core.tasks import options as jobs_of
from mind_dedup import options as own

if TYPE_CHECKING:
    from mind_core.plugins import Plugins
    from mind_dedup.config import DedupConfig
    from mind_dedup.pipeline import Job

TOOL = "mind-dedup"
PARTITIONS = 16
WHAT = (
    "Remove duplicates from a stream of texts and keep the first of each.\n\n"
    "MinHash proposes what may be near-duplicates; a record goes only if its exact similarity "
    "with one that stays reaches the threshold. Lines that stay are passed on as they came."
)
EXAMPLES = (
    "mind-dedup clean.jsonl.zst -o distinct.jsonl.zst --rejects duplicates.jsonl.zst",
    "mind-clean pages.jsonl.zst | mind-dedup -j 4 --threshold 0.9 > distinct.jsonl.zst",
    "mind-dedup --keep longest --clusters clusters.jsonl.zst texts.jsonl.zst -o distinct.jsonl.zst",
    "mind-dedup --index seen/ today.jsonl.zst -o new.jsonl.zst",
    "mind-dedup pages/ --into distinct/ -j 8 --partitions 64",
    "mind-dedup --chat question *.jsonl.zst -o distinct.jsonl.zst --report pool.txt",
)
COST = (
    "Memory: 500 bytes for each record that stays, its id, and 4 bytes for each of its shingles; "
    "--memory SIZE bounds it, --plan N reckons. Order: output is in input order and the same "
    "for every -j. Records come out as they go in, but with --mark, --clusters, --weights, "
    "--memory or another --keep than first all are read before the first is written."
)

app = cli.new_app()


def make_plugins(files: Sequence[Path] = ()) -> Plugins:
    """Return the plugins of this tool; numpy is imported here, not for --version."""
    from mind_dedup import config as settings

    return settings.make_plugins(files)


@app.command(help=cli.help_text(WHAT, EXAMPLES), epilog=cli.epilog(COST))
@stream_command(
    "inputs _fields output signature threshold measure unverified text_field chat keep scope "
    "max_removed max_cluster allow mark rejects clusters weights report benchmarks index "
    "against merge compact compare restore memory backend summary jobs level limit skip_bad "
    "recipe assignments plugin into from_list task_size partitions engine address retries shard "
    "plan_only plan_for plot dry_run print_recipe list_components "
    "list_plugins json quiet progress version",
    questions=(TOOL, make_plugins),
    defaults={"recipe": "default"},
)
def dedup(
    shared: SharedOptions,
    signature: own.SignatureName = None,
    threshold: own.Threshold = None,
    measure: own.MeasureName = None,
    unverified: own.Unverified = False,
    text_field: own.TextField = None,
    chat: own.Chat = None,
    keep: own.Keep = None,
    scope: own.Scope = None,
    max_removed: own.MaxRemoved = None,
    max_cluster: own.MaxCluster = None,
    allow: own.Allow = False,
    clusters: own.Clusters = None,
    weights: own.Weights = None,
    report: own.Report = None,
    benchmarks: own.Benchmarks = None,
    index: own.IndexFolder = None,
    against: own.Against = None,
    merge: own.Merge = None,
    compact: own.Compact = False,
    compare: own.Compare = "both",
    restore: own.Restore = None,
    memory: own.Memory = None,
    backend: own.Backend = "",
    partitions: own.Partitions = PARTITIONS,
    plan_for: own.PlanFor = None,
    plot: own.Plot = None,
) -> None:
    stream = shared.stream
    flags: dict[str, dict[str, Any]] = {
        "signature": {"use": signature, "threshold": threshold},
        "compare": {
            "measure": measure,
            "verified": False if unverified else None,
            "text_field": text_field,
            "chat": chat,
        },
        "keep": {"use": keep},
        "scope": {"unit": scope},
        "guard": {"max_removed": max_removed, "max_cluster": max_cluster},
        "run": {"memory": memory, "weights": weights},
    }
    if shared.job_values["into"] is None:
        shared.job()  # refuses what is of jobs
        jobs_of.refuse_without_into(partitions=partitions != PARTITIONS)
    effective = _effective(shared.recipe or "default", flags, shared.assignments)
    from mind_dedup import pipeline
    from mind_dedup.backend import find_backend

    plugins = make_plugins(shared.plugin_files)
    plan = pipeline.plan(effective, plugins, allow)
    job = pipeline.Job(
        shared.mark, clusters, index, tuple(against or ()), compare, backend, tuple(restore or ()),
        report, tuple(benchmarks or ()), find_backend(plugins, backend) if backend else None,
    )  # fmt: skip
    if shared.print_recipe:
        cli.write_out(plan.recipe.to_toml())
    elif shared.job_values["into"] is not None:
        refused = {
            "report": report, "benchmark": benchmarks, "index": index,
            "merge": merge, "compact": compact, "restore": restore, "backend": backend,
            "plan": plan_for, "plot": plot, "compare self": compare == "self",
        }  # fmt: skip
        pipeline.check_choices(plan, job)
        _run_job(shared, plan, partitions, refused, job)
    elif plan_for is not None:
        cli.write_out(_planned(plan, plan_for, plot))
    elif merge or compact:
        from mind_dedup.index_upkeep import upkeep

        if stream.inputs:
            raise UsageError("--merge and --compact read no records", hint="leave the files out")
        upkeep(index, merge or [], compact, stream.quiet)
    elif shared.dry_run:
        pipeline.check(plan, stream, job)
        cli.write_out(pipeline.describe(plan))
    else:
        shared.require_input()
        pipeline.deduplicate(plan, stream, job)


def _run_job(
    shared: SharedOptions,
    plan: DedupConfig,
    partitions: int,
    refused: dict[str, Any],
    asked: Job,
) -> None:
    """Run a job over files, after what it cannot do was refused."""
    from mind_core.tasks.inputs import find_files
    from mind_dedup.pipeline import describe
    from mind_dedup.tasks.cluster_table import write_table
    from mind_dedup.tasks.job import check_job, dedup_settings, refuse_options, run_dedup_job

    options = shared.job()
    assert options is not None
    refuse_options(refused)
    settings = dedup_settings(
        plan,
        partitions,
        mark=shared.mark,
        level=shared.stream.level,
        skip_bad=shared.stream.skip_bad,
        against=asked.against,
        compare=asked.compare,
        clusters=asked.clusters is not None,
    )
    check_job(settings)
    if shared.dry_run:
        find_files(options.inputs, options.from_list, TOOL)
        cli.write_out(describe(plan))
        return
    if run_dedup_job(settings, options) is not None and asked.clusters is not None:
        write_table(options.into, asked.clusters)


def _effective(name: str, flags: dict[str, dict[str, Any]], assignments: Sequence[str]) -> Recipe:
    """Return the recipe with the flags merged in: --set before the flags of their own."""
    recipe = load_recipe(name, "mind_dedup")
    used = {table: _used(recipe, table) for table in _CHOICES}
    for assignment in assignments:
        recipe.set(assignment)
        for table in _CHOICES:
            if _used(recipe, table) not in (used[table], None):
                # Another component has other options.
                used[table] = _used(recipe, table)
                recipe.values[table] = {"use": used[table]}
    for table in _CHOICES:
        if flags[table]["use"] not in (None, used[table]):
            recipe.values[table] = {}
    # A table of the recipe that is none is left for the check, which says so.
    given = {name: t for name, t in flags.items() if any(v is not None for v in t.values())}
    return merged(recipe, given)


_CHOICES = ("signature", "keep")


def _used(recipe: Recipe, name: str) -> Any:
    table = recipe.values.get(name)
    return table.get("use") if isinstance(table, dict) else None


def _planned(plan: DedupConfig, documents: int, plot: Path | None) -> str:
    from mind_dedup.lsh_estimate import format_estimate, plot_curve
    from mind_dedup.signatures.minhash import MinHash

    if not isinstance(plan.signature, MinHash):
        raise UsageError(
            f"--plan reckons for minhash; a record of signature {plan.name!r} takes "
            "about 60 bytes and its id"
        )
    if plot is not None:
        from mind_core.files import atomic_file

        with atomic_file(plot) as file:
            file.write(plot_curve(plan.signature).encode())
    return format_estimate(plan.signature, documents)


_COLLECT_AFTER = 100_000
"""New objects after which Python looks for unreachable circles; by itself it does after 700, over
and over while modules are loaded. Batches leave none behind."""


def other_apps() -> dict[str, typer.Typer]:
    """Return the verb that `main` looks for, as mind-dedup has none by itself."""
    return {jobs_of.STATUS: jobs_of.status_app(TOOL)}


def main() -> None:
    """Run mind-dedup."""
    # Nothing here multiplies matrices, and OpenBLAS's threads would spin for 0.1 s at the start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(_COLLECT_AFTER)
    try:
        if sys.argv[1:2] == [jobs_of.STATUS]:
            cli.run(other_apps()[jobs_of.STATUS], f"{TOOL} {jobs_of.STATUS}", sys.argv[2:])
        cli.run(app, TOOL)
    finally:
        gc.freeze()  # at the exit Python would visit all objects that are about to go
