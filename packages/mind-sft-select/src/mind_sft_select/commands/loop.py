"""mind-sft-select loop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core import cli, options
from mind_sft_select.commands import shared

WHAT = (
    "Run the whole rule on one model: score, cluster, tune each cluster and each baseline at equal "
    "tokens and steps, evaluate, fit on one half of the items, select, compare on the other half."
)
EXAMPLES = [
    "mind-sft-select loop PLAN.toml -o loop/",
    "mind-sft-select loop PLAN.toml -n",
    "mind-sft-select loop PLAN.toml --scale ci -o loop-ci/",
]
COST = (
    "Memory: the model with its optimizer, and the records. Every cell is a folder and what is "
    "whole is never done twice: the same command goes on after a kill. Exit 0 whatever the verdict."
)
PlanFile = Annotated[
    Path,
    typer.Argument(metavar="PLAN.toml", help="The plan: what to run on; the manual shows one."),
]
Scale = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--scale", metavar="ci|cpu", help="Sizes in place of the plan's own."),
]
Folder = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("-o", "--output", metavar="FOLDER", help="The loop's folder."),
]


def loop(
    context: typer.Context,
    plan_file: PlanFile,
    output: Folder = None,
    scale: Scale = None,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
) -> None:
    """Run a loop, or only say what it would be."""
    from mind_core.errors import UsageError
    from mind_core.progress import log
    from mind_sft_select.loop.estimate import estimate_lines
    from mind_sft_select.loop.plan_file import read_plan
    from mind_sft_select.loop.run import run_loop

    plan = read_plan(plan_file, scale)
    if dry_run:
        cli.write_out("\n".join(estimate_lines(plan)) + "\n")
        return
    if output is None:
        raise UsageError("missing -o FOLDER", hint=f"`{context.command_path} --help`")

    def say(line: str) -> None:
        if not quiet:
            log(shared.TOOL, line)

    result = run_loop(plan, output, say)
    say(f"{result['verdict']}; {output / 'page.md'}")
