"""score: how good a checkpoint is on labelled records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from mind_core import cli
from mind_core.stream_command import SharedOptions, stream_command
from mind_domain import options as domain_options
from mind_domain.options import load_plugins, require_one_of


def register(app: typer.Typer) -> None:
    """Add the verbs to the tool."""
    app.command(
        help=cli.help_text(
            "Score a checkpoint on labelled records: accuracy, macro-F1, MCC with 95 % intervals.",
            [
                "mind-domain score --model run/ test.zst",
                "mind-domain score --model run/ --method generate test.zst -o scores.json",
                "mind-domain score --model run/ --train train.zst --versus shuffled=run2 test.zst",
                "mind-domain score --model run/ --json test.zst | jq .metrics.accuracy",
            ],
        ),
        epilog=cli.epilog("Memory: the model, and all records."),
    )(score)


@stream_command(
    "model inputs _fields domain method language judge train versus calibrate parse "
    "max_tokens cluster draws output predictions json rejects summary recipe assignments seed "
    "limit skip_bad quiet progress plugin",
)
def score(
    shared: SharedOptions,
    model: Annotated[
        Path, typer.Option(metavar="FOLDER", help="A run folder of mind-train, or a checkpoint.")
    ],
    domain: domain_options.DomainName = "finance",
    method: domain_options.Method = domain_options.METHODS[0],
    language: domain_options.Language = "auto",
    judge: domain_options.JudgeName = "exact",
    train: domain_options.TrainingRecords = None,
    versus: domain_options.Versus = None,
    calibrate: domain_options.Calibrate = "none",
    parse: domain_options.Parse = "last",
    max_tokens: domain_options.MaxTokens = 32,
    cluster: domain_options.Cluster = "day",
    draws: domain_options.Draws = 1000,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("-o", "--output", metavar="FILE", help="Write the scores as JSON here."),
    ] = None,
    predictions: domain_options.Predictions = None,
) -> None:
    """Score a checkpoint and show the result."""
    from mind_core.output import check_distinct
    from mind_domain import pipeline
    from mind_domain.evaluation import EvaluationOptions, run_score

    require_one_of("--method", method, domain_options.METHODS)
    require_one_of("--language", language, domain_options.LANGUAGES)
    require_one_of("--calibrate", calibrate, domain_options.CALIBRATIONS)
    require_one_of("--parse", parse, ("last", "first"))
    require_one_of("--cluster", cluster, ("day", "answer", "record"))
    plugins = load_plugins(shared.plugin_files)
    effective = pipeline.recipe_for(plugins, domain, shared.recipe, {}, shared.assignments)
    shared.require_input()
    beside = (shared.stream.rejects, shared.stream.summary)
    check_distinct([model, *shared.stream.inputs], output, predictions, *beside)
    how = EvaluationOptions(
        model,
        domain,
        method,
        language,
        judge,
        draws,
        shared.seed,
        predictions,
        cluster,
        parse,
        calibrate,
        train,
        domain_options.parse_named(versus, "--versus"),
        max_tokens,
    )
    scores = run_score(plugins, effective, shared.stream, how)
    _show(scores, output, shared.json, shared.stream.quiet)


def _show(scores: dict[str, Any], output: Path | None, json: bool, quiet: bool) -> None:
    """Write scores where they were asked for: a file, JSON or a table on stdout."""
    from mind_core.files import write_json

    if output is not None:
        write_json(output, scores)
    if json:
        from mind_core.records import encode

        cli.write_out(encode(scores).decode())
    elif not quiet:
        from mind_domain.table import format_scores

        cli.write_out(format_scores(scores))
