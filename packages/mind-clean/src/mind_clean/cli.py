"""The command line of mind-clean: options → recipe → pipeline."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from mind_clean.quality.cli import QUALITY, quality_app
from mind_core.cli import epilog, help_text, new_app, run, write_out
from mind_core.errors import UsageError, did_you_mean
from mind_core.options import only_html
from mind_core.runner import check_stream
from mind_core.stream_command import SharedOptions, stream_command
from mind_core.tasks import options as jobs_of

if TYPE_CHECKING:
    from mind_core.plugins import Plugins

TOOL = "mind-clean"

WHAT = (
    "Turn web pages into text worth training on, and say why each other page was dropped.\n\n"
    "Reads records with `html` (or `text`), takes them through the steps of a recipe and writes "
    "those that are left, with `text` in the place of `html`."
)
EXAMPLES = (
    "mind-clean pages.jsonl.zst -o text.jsonl.zst --rejects dropped.jsonl.zst",
    "zstdcat pages.jsonl.zst | mind-clean --set running_text.min=500 -j 4 | mind-dedup > text.zst",
    "mind-clean --step blocks pages.jsonl.zst | mind-clean --step pii | zstdcat | head",
    "mind-clean --from files books/ -o books.jsonl.zst",
    "mind-clean --from warc crawl/*.warc.gz --without site_phrases -j 8 -o text.jsonl.zst",
    "zcat cdx-00042.gz | grep '\"zho' | mind-clean --from cdx --archives crawl/ -o text.jsonl.zst",
    "mind-clean quality train --good books.zst --bad crawl.zst -o quality/",
    "mind-clean pages/ --into text/ -j 8    # killed, it goes on; `mind-clean status text/`",
)
COST = (
    "Memory: a few MiB per worker, whatever the size of the input, and for site_phrases what its "
    "option `memory` allows. That step counts over the whole input first: until then records wait "
    "in a temporary file, and nothing comes out. Output keeps the order of the input and is the "
    "same for any -j."
)

READS = (
    "records",
    "warc",
    "cdx",
    "files",
    "datatrove",
    "cc_net",
    "wudao",
    "mnbvc",
    "wanjuan",
    "chinesewebtext",
)

app = new_app()


def make_plugins(files: Sequence[Path] = ()) -> Plugins:
    """Return the plugins of this tool; its hooks are imported here, not for --version."""
    from mind_clean import pipeline

    return pipeline.make_plugins(files)


def complete_step(incomplete: str) -> list[str]:
    """Return the names of the steps that begin so, for the shell."""
    from mind_clean.steps import HOOKS

    plugins = make_plugins()
    names = [name for hook in HOOKS.values() for name in plugins.components(hook)]
    return [name for name in names if name.startswith(incomplete)]


Steps = Annotated[
    Optional[list[str]],  # noqa: UP045 - typer reads this at run time
    typer.Option(
        "--step",
        metavar="NAME",
        autocompletion=complete_step,
        help="Run only this step, with the recipe's options; repeat it for more, in that order.",
    ),
]
Without = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--without",
        metavar="NAME",
        autocompletion=complete_step,
        help="Leave this step of the recipe out.",
    ),
]
From = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="SHAPE",
        autocompletion=lambda incomplete: [name for name in READS if name.startswith(incomplete)],
        help=f"What comes in: {', '.join(READS)}. files are texts, HTML and EPUB, or folders."
        " cdx is an index of archives: only what it names is read. dolma's records are records.",
    ),
]
Archives = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--archives",
        metavar="FOLDER",
        help="With --from cdx: where the archives lie. Default: beside the index.",
    ),
]
Report = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--report",
        metavar="FILE.html",
        callback=only_html,
        help="Write a page with what each step dropped, by source and language, and samples.",
    ),
]
KeepHtml = Annotated[
    bool, typer.Option("--keep-html", help="Leave `html` on the record after extraction.")
]


@app.command(help=help_text(WHAT, EXAMPLES), epilog=epilog(COST))
@stream_command(
    "inputs _fields output read_as archives recipe step without assignments rejects mark keep_html "
    "summary report limit skip_bad record_seconds jobs level dry_run print_recipe into "
    "from_list task_size engine address retries shard plan_only plugin list_components "
    "list_plugins json progress quiet version",
    questions=(TOOL, make_plugins),
)
def clean(
    shared: SharedOptions,
    read_as: From = "records",
    archives: Archives = None,
    step: Steps = None,
    without: Without = None,
    keep_html: KeepHtml = False,
    report: Report = None,
) -> None:
    """Clean a stream of records, or print what would be done."""
    from mind_clean.pipeline import CleanOptions, run_clean
    from mind_clean.steps import effective_recipe

    if read_as not in READS:
        hint = did_you_mean(read_as, READS) or f"known: {', '.join(READS)}"
        raise UsageError(f"--from {read_as!r} is no shape of records", hint=hint)
    plugins = make_plugins(shared.plugin_files)
    effective = effective_recipe(
        plugins, shared.recipe, step or (), shared.assignments, shared.mark, without=without or ()
    )
    if shared.print_recipe:
        from mind_clean.steps import recipe_text

        write_out(recipe_text(plugins, effective))
        return
    made = CleanOptions(
        shared.mark, keep_html, read_as, _archives(archives, read_as), report, shared.record_seconds
    )
    stream = shared.stream
    job = shared.job(report=report)
    if job is not None:
        from mind_clean.tasks import run_clean_job
        from mind_core.tasks.inputs import find_files

        _check_records(read_as)
        if shared.dry_run:
            from mind_clean.steps import list_steps

            find_files(job.inputs, job.from_list, TOOL)
            write_out(list_steps(plugins, effective))
        else:
            run_clean_job(
                plugins, effective, job, made, level=stream.level, skip_bad=stream.skip_bad
            )
        return
    stream = replace(stream, inputs=_inputs(plugins, read_as, stream.inputs))
    if shared.dry_run:
        from mind_clean.steps import list_steps

        check_stream(stream, report)
        write_out(list_steps(plugins, effective))
        return
    shared.require_input()
    run_clean(plugins, effective, stream, made)


def _check_records(read_as: str) -> None:
    """Raise `UsageError` for inputs that are no tasks of a job yet."""
    if read_as == "files":
        raise UsageError(
            "--from files does not go with --into",
            hint="turn the files into records first: mind-clean --from files FOLDER -o FILE",
        )


def _archives(folder: Path | None, read_as: str) -> str:
    """Return the folder of the archives; raise `UsageError` if it is none, or nobody asks it."""
    if folder is None:
        return ""
    if read_as != "cdx":
        raise UsageError("--archives goes with --from cdx", hint="it says where archives lie")
    if not folder.is_dir():
        raise UsageError(f"--archives {folder} is no folder", hint="check the path")
    return str(folder)


def _inputs(plugins: Plugins, read_as: str, inputs: Sequence[str]) -> tuple[str, ...]:
    """Return the inputs; of documents also those that lie in folders."""
    if read_as != "files":
        return tuple(inputs)
    from mind_clean.documents.files import files_in

    return files_in(plugins, inputs)


_COLLECT_AFTER = 100_000
"""New objects after which Python looks for unreachable circles; by itself it does after 700, over
and over while modules are loaded. Records leave none behind."""


def other_apps() -> dict[str, typer.Typer]:
    """Return the verbs that `main` looks for, as mind-clean has none by itself."""
    return {jobs_of.STATUS: jobs_of.status_app(TOOL), QUALITY: quality_app()}


def main() -> None:
    """Run mind-clean."""
    # Nothing here multiplies matrices, and OpenBLAS's threads would spin for 0.1 s at the start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(_COLLECT_AFTER)
    try:
        verb = sys.argv[1] if len(sys.argv) > 1 else ""
        if verb in (jobs_of.STATUS, QUALITY):
            # Not a sub-command of typer, as the first argument of mind-clean itself is the name of
            # an input.
            run(other_apps()[verb], f"{TOOL} {verb}", sys.argv[2:])
        run(app, TOOL)
    finally:
        gc.freeze()  # at the exit Python would walk through all that is about to go
