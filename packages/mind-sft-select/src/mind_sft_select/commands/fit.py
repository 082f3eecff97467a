"""mind-sft-select fit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core import cli, options
from mind_sft_select.commands import shared

WHAT = (
    "Fit a metric against the entropy of the clusters that were tuned on: constant, linear, "
    "quadratic, Gaussian peak, isotonic. Says peak, edge, no effect, or cannot tell."
)
EXAMPLES = [
    "mind-sft-select fit cells.jsonl --metric nll",
    "mind-sft-select fit cells.jsonl --metric acc --higher --smallest 0.005 -o fit.json",
    "mind-sft-select fit cells.csv",
]
COST = (
    "A row is one tuned model: cluster, gap, seed, and items {item: value}, one value, or the "
    "folder that mind-eval wrote for it. Every cell needs the same seeds and items. A band is "
    "recommended only for a peak whose interval is inside the range and narrower than half of it."
)
Table = Annotated[
    Path, typer.Argument(metavar="CELLS", help="JSON Lines or CSV, one row for each tuned model.")
]
Metric = Annotated[
    str, typer.Option("--metric", metavar="NAME", help="Metric of items in mind-eval folders.")
]
Higher = Annotated[bool, typer.Option("--higher/--lower", help="Whether a larger value is better.")]
Smallest = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(
        "--smallest",
        metavar="X",
        help="Smallest effect that matters, in units of the metric. Default: 0.5 % of its mean.",
        show_default=False,
    ),
]


def fit(
    table: Table,
    metric: Metric = "nll",
    higher: Higher = False,
    smallest: Smallest = None,
    output: shared.NewFile = None,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Fit and judge a table of cells."""
    from mind_core.files import as_json, write_json
    from mind_core.output import check_distinct
    from mind_sft_select.fitting.cells import make_cells
    from mind_sft_select.fitting.inputs import read_rows, with_items
    from mind_sft_select.fitting.report import fit_lines
    from mind_sft_select.fitting.verdict import judge_curve

    check_distinct([table], output)
    rows = list(with_items(read_rows(table), metric, table.parent))
    cells = make_cells(rows, higher)
    found = judge_curve(cells, smallest=smallest, seed=seed)
    if output is not None:
        write_json(output, found.as_dict())
    if json:
        cli.write_out(as_json(found.as_dict()).decode())
    else:
        cli.write_out("\n".join(fit_lines(cells, found, metric)) + "\n")
