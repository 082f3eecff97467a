"""mind-train plot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core import cli, options
from mind_train.commands import shared

WHAT = "Draw the loss curves of runs as one SVG: training loss, and held-out bits per byte."
EXAMPLES = [
    "mind-train plot run/ -o curves.svg",
    "mind-train plot run-a/ run-b/ -o both.svg",
    "mind-train plot run/ --by source > curves.svg",
    "mind-train plot run/ --reference shipped -o here.svg",
]
COST = "Reads metrics.jsonl of each run; a run may still be going on."


def plot(
    context: typer.Context,
    runs: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Argument(metavar="RUN...", help="Run folders.", show_default=False),
    ] = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            callback=options.only_svg,
            help="Write the SVG here, not to stdout.",
        ),
    ] = None,
    by: Annotated[
        str, typer.Option(metavar="WHAT", help="Held-out curves by language, or by source.")
    ] = "language",
    reference: shared.Reference = None,
) -> None:
    """Read the options, then draw."""
    folders = shared.required(context, runs, "RUN, one or more run folders")
    from mind_train.plot import plot as draw

    cli.write_out(draw(folders, output, by, reference))
