"""elo: from verdicts to ratings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core import cli
from mind_core.options import only_svg
from mind_core.stream_command import SharedOptions, stream_command
from mind_domain.options import require_one_of

MODELS = ("bradley-terry", "davidson", "plackett-luce")


def register(app: typer.Typer) -> None:
    """Add the verb to the tool."""
    app.command(
        help=cli.help_text(
            "Rate models from rankings, pairs or scores: Elo, Bradley-Terry, Plackett-Luce.",
            [
                "mind-domain elo verdicts.jsonl",
                "mind-domain elo --model plackett-luce verdicts.jsonl -o ratings.json --plot r.svg",
                "mind-domain elo --model davidson --anchor gpt4 --prior 0 battles.jsonl.zst",
            ],
        ),
        epilog=cli.epilog("Memory: all verdicts, and 16 bytes for questions times models squared."),
    )(elo)


@stream_command(
    "inputs _fields model prior k scale start orders draws anchor output plot json rejects "
    "summary seed limit skip_bad quiet",
)
def elo(
    shared: SharedOptions,
    model: Annotated[
        str,
        typer.Option(
            metavar="|".join(MODELS),
            help="Rating model; a tie is half a win, or has a rate of its own.",
        ),
    ] = MODELS[0],
    prior: Annotated[
        float,
        typer.Option(
            metavar="X", min=0.0, help="Prior: extra wins and losses between each two models."
        ),
    ] = 0.01,
    k: Annotated[
        float, typer.Option("--k", metavar="X", min=0.0, help="Step of the sequential Elo.")
    ] = 4.0,
    scale: Annotated[
        float,
        typer.Option(metavar="X", min=1.0, help="Points of difference at odds of ten to one."),
    ] = 400.0,
    start: Annotated[float, typer.Option(metavar="X", help="Mean of all ratings.")] = 1000.0,
    orders: Annotated[
        int, typer.Option(metavar="N", min=0, help="Orders of the sequential Elo; 0 is the file's.")
    ] = 100,
    draws: Annotated[
        int, typer.Option(metavar="N", min=0, help="Bootstrap draws of questions; 0 is none.")
    ] = 1000,
    anchor: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="MODEL", help="Shift all ratings so that this one is --start."),
    ] = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("-o", "--output", metavar="FILE", help="Write the ratings as JSON here."),
    ] = None,
    plot: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE.svg", callback=only_svg, help="Draw ratings and intervals."),
    ] = None,
) -> None:
    """Rate models and show the result."""
    require_one_of("--model", model, MODELS)
    for flag, value in (("--prior", prior), ("--k", k), ("--scale", scale), ("--start", start)):
        options_finite(flag, value)
    shared.require_input()
    from mind_domain.ratings.elo import EloRule
    from mind_domain.ratings.rating import RatingRule
    from mind_domain.ratings.run import run_elo
    from mind_domain.ratings.show import format_ratings

    rule = RatingRule(
        model, prior, EloRule(k, scale, start), orders, draws, shared.seed, anchor or "", start
    )
    report = run_elo(rule, shared.stream, output, plot)
    if shared.json:
        from mind_core.records import encode

        cli.write_out(encode(report).decode())
    elif not shared.stream.quiet:
        cli.write_out(format_ratings(report))


def options_finite(flag: str, value: float) -> None:
    """Raise `UsageError` for a number that is not finite."""
    import math

    from mind_core.errors import UsageError

    if not math.isfinite(value):
        raise UsageError(f"{flag} {value}", hint="give a finite number")
