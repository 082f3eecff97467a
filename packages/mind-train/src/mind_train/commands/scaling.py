"""mind-train scaling."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from mind_core import cli, options
from mind_core.errors import UsageError
from mind_train.commands import shared

if TYPE_CHECKING:
    from mind_train.experiments.isoflop import IsoFlopResult
    from mind_train.experiments.scaling import Result

WHAT = (
    "Fit a scaling law to a table of finished runs, say whether they determine it, and forecast "
    "other sizes with intervals."
)
EXAMPLES = [
    "mind-train scaling runs.csv --size N --tokens D --loss bits_per_byte",
    "mind-train scaling runs.csv --forecast 3e9,500e9 --forecast 7e9,1e12",
    "mind-train scaling runs.csv --group corpus --min-ratio 15 --json",
    "mind-train scaling runs.csv --law C",
    "mind-train scaling runs.csv --isoflop    # compute-optimal sizes, without a law",
]
COST = (
    "CSV or JSONL, one run a row; seconds for a hundred runs. Needs scipy: "
    "pip install 'mind-train[experiments]'. Exit 3 where the runs do not determine the law and "
    "--require-identified is given."
)


class LawName(StrEnum):
    """The laws by the variables they take."""

    BOTH = "N,D"
    FLOPS = "C"
    SIZE = "N"
    TOKENS = "D"


def scaling(
    context: typer.Context,
    table: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Argument(metavar="RUNS", help="CSV or JSONL of runs.", show_default=False),
    ] = None,
    size: Annotated[str, typer.Option(metavar="COLUMN", help="Column of the parameters.")] = "size",
    tokens: Annotated[
        str, typer.Option(metavar="COLUMN", help="Column of the training tokens.")
    ] = "tokens",
    loss: Annotated[
        str, typer.Option(metavar="COLUMN", help="Column of the final loss, in any unit.")
    ] = "loss",
    group: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="COLUMN", help="One law for each value of this column."),
    ] = None,
    name: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="COLUMN", help="Column of the runs' names. Default: line numbers."),
    ] = None,
    pool: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="COLUMN", help="One law for all its values, unless an F test tells them apart."
        ),
    ] = None,
    law: Annotated[
        LawName, typer.Option(help="E + A/N^α + B/D^β, or E + (x/x₀)^−α of FLOPs, N or D alone.")
    ] = LawName.BOTH,
    isoflop: Annotated[
        bool,
        typer.Option(
            "--isoflop",
            help="No law: the lowest loss of each IsoFLOP profile, and a in N ~ C^a of these.",
        ),
    ] = False,
    ahead: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--forecast", metavar="N,D", help="Forecast this run. Repeatable."),
    ] = None,
    min_ratio: Annotated[
        float,
        typer.Option(metavar="X", min=0, help="Fit only runs with X tokens a parameter or more."),
    ] = 0.0,
    draws: Annotated[int, typer.Option(metavar="N", min=20, help="Bootstrap draws.")] = 400,
    seed: options.Seed = 0,
    require: Annotated[
        bool, typer.Option("--require-identified", help="Exit 3 unless the law is identified.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Read the options, then fit."""
    path = shared.required(context, table, "RUNS, a table of runs")
    shared.finite(min_ratio, "--min-ratio")
    wanted = [_run(text) for text in ahead or []]
    # Matrices of five columns: threads would cost a hundred times what they share.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from mind_core.records import encode
    from mind_train.experiments.isoflop import analyse_profiles
    from mind_train.experiments.report import as_text
    from mind_train.experiments.run_table import RunColumns
    from mind_train.experiments.scaling import Settings, analyse_table

    settings = Settings(law.value, wanted, min_ratio, draws, seed or 0, pool is not None)
    if group and pool:
        raise UsageError("--group and --pool exclude each other", hint="one law, or one for each")
    columns = RunColumns(size, tokens, loss, group or pool, name)
    results: Sequence[Result | IsoFlopResult]
    if isoflop:
        if wanted or pool:
            raise UsageError("--isoflop fits no law that --forecast or --pool could use")
        results = analyse_profiles(path, columns, draws, seed or 0)
    else:
        results = analyse_table(path, columns, settings)
    if json:
        cli.write_out(b"".join(encode(result.as_json()) for result in results).decode())
    else:
        cli.write_out("\n".join(as_text(result, loss) for result in results))
    if require:
        for result in results:
            result.require_identified()


def _run(text: str) -> tuple[float, float]:
    """Return the parameters and tokens of `--forecast N,D`."""
    try:
        size, tokens = (float(part) for part in text.split(","))
    except ValueError:
        size = tokens = 0.0
    if not (0 < size < float("inf") and 0 < tokens < float("inf")):
        raise UsageError(
            f"--forecast takes parameters and tokens, not {text!r}", hint="--forecast 3e9,500e9"
        )
    return size, tokens
