"""mind-train average."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core import options
from mind_train.commands import shared

WHAT = "Average the weights of the last checkpoints of a run, or of several models."
EXAMPLES = [
    "mind-train average run/ --last 3 -o mean/",
    "mind-train average run/checkpoints/step-0000080* -o mean/",
    "mind-train average run/ --ema -o smooth/",
    "mind-train average branch-a/ branch-b/ -o mean/",
]
COST = "Memory: 4 bytes a parameter. The result is a checkpoint for sample, export and --from."


def average(
    context: typer.Context,
    models: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Argument(
            metavar="MODEL...", help="A run folder, or several models.", show_default=False
        ),
    ] = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("-o", "--output", metavar="FOLDER", help="A folder that does not exist yet."),
    ] = None,
    last: Annotated[
        int, typer.Option(metavar="N", min=2, help="Checkpoints of a run folder, the newest.")
    ] = 3,
    ema: Annotated[
        bool, typer.Option("--ema", help="Take the moving average that train.ema has kept.")
    ] = False,
    plugin: options.PluginFiles = None,
) -> None:
    """Read the options, then average."""
    folders = shared.required(context, models, "MODEL, a run folder or several models")
    target = shared.required(context, output, "-o FOLDER")
    from mind_train.average import average as mean
    from mind_train.average import take_ema

    if ema:
        take_ema(folders, target, shared.plugins_of(plugin))
        return
    mean(folders, last, target, shared.plugins_of(plugin))
