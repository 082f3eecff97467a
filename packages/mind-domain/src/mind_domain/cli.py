"""The door of mind-domain: label, split, sft, score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from mind_core import cli, options
from mind_core.errors import UsageError
from mind_core.flow import StreamOptions
from mind_domain import arguments

if TYPE_CHECKING:
    from mind_core.plugins import Plugins

TOOL = "mind-domain"
app = cli.new_app()


def _plugins(files: Sequence[Path] | None) -> Plugins:
    from mind_domain.pipeline import make_plugins

    return make_plugins(files or [])


cli.add_front_door(
    app,
    TOOL,
    _plugins,
    "Adapt a small model to a domain: label texts, split them by date, build chats, score.",
    [
        "mind-domain label --prices prices.csv news.jsonl.zst -o labelled.jsonl.zst",
        "mind-domain split labelled.jsonl.zst --date 2015-09-01 --train a.zst --test b.zst",
        "mind-domain sft a.zst | mind-tok encode --chat …",
        "mind-domain score --model run/ b.zst",
    ],
)


@app.command(
    help=cli.help_text(
        "Label dated texts; in finance by what the share did after the text was published.",
        [
            "mind-domain label --prices prices.csv news.jsonl.zst -o labelled.jsonl.zst",
            "mind-domain label --prices p.csv --horizon 5 --threshold 0.02 --rejects no.zst n.zst",
            "mind-domain label --recipe finance-cn --prices a-shares.csv < news.zst > labelled.zst",
        ],
    ),
    epilog=cli.epilog("Keeps the order. Memory: the prices, and 16 bytes for each record kept."),
)
def label(
    context: typer.Context,
    inputs: options.Inputs = None,
    domain: arguments.DomainName = "finance",
    prices: arguments.Prices = None,
    horizon: arguments.Horizon = None,
    threshold: arguments.Threshold = None,
    classes: arguments.Classes = None,
    output: options.Output = None,
    rejects: options.Rejects = None,
    summary: options.SummaryFile = None,
    recipe: options.RecipeName = None,
    set_: options.Set = None,
    print_recipe: options.PrintRecipe = False,
    dry_run: options.DryRun = False,
    jobs: options.Jobs = 1,
    level: options.Level = None,
    limit: options.Limit = None,
    skip_bad: options.SkipBad = "0",
    quiet: options.Quiet = False,
    progress: options.ShowProgress = None,
    plugin: options.PluginFiles = None,
) -> None:
    """Label a stream of texts, or print the recipe."""
    from mind_domain import pipeline

    given = {
        "prices": str(prices) if prices is not None else None,
        "horizon": horizon,
        "threshold": threshold,
        "classes": classes,
    }
    plugins = _plugins(plugin)
    effective = pipeline.recipe_for(plugins, domain, recipe, given, set_ or [])
    if print_recipe or dry_run:
        pipeline.make_domain(plugins, domain, effective)
        cli.write_out(effective.to_toml())
        return
    cli.require_input(inputs, context.get_help)
    stream = StreamOptions(
        tuple(inputs or ()),
        output,
        rejects,
        summary,
        jobs,
        level,
        limit,
        options.parse_skip_bad(skip_bad),
        quiet,
        progress,
    )
    pipeline.run_label(plugins, domain, effective, stream)


@app.command(
    help=cli.help_text(
        "Split labelled records by date: training is settled before it, test comes after it.",
        [
            "mind-domain split labelled.zst --date 2015-09-01 --train train.zst --test test.zst",
            "mind-domain split l.zst --date 2015-09-01 --train a.zst --test b.zst --test-size 500",
            "mind-domain label … | mind-domain split --date 2015-09-01 --train a.zst --test b.zst",
        ],
    ),
    epilog=cli.epilog("Keeps the order. Memory: all records."),
)
def split(
    context: typer.Context,
    date: Annotated[
        str, typer.Option(metavar="DAY", help="First day of the test side, as 2015-09-01.")
    ],
    train: Annotated[Path, typer.Option(metavar="FILE", help="Write the training side here.")],
    test: Annotated[Path, typer.Option(metavar="FILE", help="Write the test side here.")],
    inputs: options.Inputs = None,
    train_size: arguments.TrainSize = 0,
    test_size: arguments.TestSize = 0,
    balance: arguments.Balance = True,
    seed: options.Seed = 0,
    rejects: options.Rejects = None,
    summary: options.SummaryFile = None,
    level: options.Level = None,
    limit: options.Limit = None,
    skip_bad: options.SkipBad = "0",
    quiet: options.Quiet = False,
) -> None:
    """Split labelled records into two files."""
    from mind_domain import pipeline
    from mind_domain.splitting import SplitRule, parse_date

    rule = SplitRule(parse_date(date), train_size, test_size, balance, seed)
    cli.require_input(inputs, context.get_help)
    stream = StreamOptions(
        tuple(inputs or ()),
        rejects=rejects,
        summary=summary,
        level=level,
        limit=limit,
        skip_bad=options.parse_skip_bad(skip_bad),
        quiet=quiet,
    )
    pipeline.run_split(rule, pipeline.SplitFiles(train, test), stream)


@app.command(
    help=cli.help_text(
        "Turn labelled records into chats: a question on the text, and the label's word.",
        [
            "mind-domain sft train.zst -o chats.zst",
            "mind-domain sft --language zh train.zst | mind-tok encode --chat …",
            "mind-domain sft -z 0 --limit 3 train.zst | jq .messages",
        ],
    ),
    epilog=cli.epilog("Keeps the order. Memory: one batch for each worker."),
)
def sft(
    context: typer.Context,
    inputs: options.Inputs = None,
    domain: arguments.DomainName = "finance",
    language: arguments.Language = "auto",
    output: options.Output = None,
    rejects: options.Rejects = None,
    summary: options.SummaryFile = None,
    recipe: options.RecipeName = None,
    set_: options.Set = None,
    jobs: options.Jobs = 1,
    level: options.Level = None,
    limit: options.Limit = None,
    skip_bad: options.SkipBad = "0",
    quiet: options.Quiet = False,
    progress: options.ShowProgress = None,
    plugin: options.PluginFiles = None,
) -> None:
    """Turn labelled records into chats."""
    from mind_domain import pipeline

    _one_of("--language", language, arguments.LANGUAGES)
    plugins = _plugins(plugin)
    effective = pipeline.recipe_for(plugins, domain, recipe, {}, set_ or [])
    cli.require_input(inputs, context.get_help)
    stream = StreamOptions(
        tuple(inputs or ()),
        output,
        rejects,
        summary,
        jobs,
        level,
        limit,
        options.parse_skip_bad(skip_bad),
        quiet,
        progress,
    )
    pipeline.run_sft(plugins, domain, effective, language, stream)


@app.command(
    help=cli.help_text(
        "Score a checkpoint on labelled records: accuracy, macro-F1, MCC with 95 % intervals.",
        [
            "mind-domain score --model run/ test.zst",
            "mind-domain score --model run/ --method generate test.zst -o scores.json",
            "mind-domain score --model run/ --json test.zst | jq .metrics.accuracy",
        ],
    ),
    epilog=cli.epilog("Memory: the model, and all records."),
)
def score(
    context: typer.Context,
    model: Annotated[
        Path, typer.Option(metavar="FOLDER", help="A run folder of mind-train, or a checkpoint.")
    ],
    inputs: options.Inputs = None,
    domain: arguments.DomainName = "finance",
    method: arguments.Method = arguments.METHODS[0],
    language: arguments.Language = "auto",
    judge: arguments.JudgeName = "exact",
    draws: arguments.Draws = 1000,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("-o", "--output", metavar="FILE", help="Write the scores as JSON here."),
    ] = None,
    predictions: arguments.Predictions = None,
    json: options.Json = False,
    recipe: options.RecipeName = None,
    set_: options.Set = None,
    seed: options.Seed = 0,
    limit: options.Limit = None,
    skip_bad: options.SkipBad = "0",
    quiet: options.Quiet = False,
    progress: options.ShowProgress = None,
    plugin: options.PluginFiles = None,
) -> None:
    """Score a checkpoint and show the result."""
    from mind_domain import pipeline

    _one_of("--method", method, arguments.METHODS)
    _one_of("--language", language, arguments.LANGUAGES)
    plugins = _plugins(plugin)
    effective = pipeline.recipe_for(plugins, domain, recipe, {}, set_ or [])
    cli.require_input(inputs, context.get_help)
    how = pipeline.ScoreOptions(model, domain, method, language, judge, draws, seed, predictions)
    stream = StreamOptions(
        tuple(inputs or ()),
        limit=limit,
        skip_bad=options.parse_skip_bad(skip_bad),
        progress=progress,
    )
    scores = pipeline.run_score(plugins, effective, stream, how)
    _show(scores, output, json, quiet)


def _show(scores: dict[str, Any], output: Path | None, json: bool, quiet: bool) -> None:
    """Write scores where they were asked for: a file, JSON or a table on stdout."""
    from mind_core.files import write_json

    if output is not None:
        write_json(output, scores)
    if json:
        from mind_core.records import encode

        cli.write_out(encode(scores).decode())
    elif not quiet:
        from mind_domain.table import as_table

        cli.write_out(as_table(scores))


def _one_of(flag: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"{flag} {value!r}", hint=f"one of {', '.join(known)}")


def main() -> None:
    """Run the tool and exit."""
    cli.run(app, TOOL)
