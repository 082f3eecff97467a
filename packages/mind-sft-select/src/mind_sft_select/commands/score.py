"""mind-sft-select score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core import cli, options
from mind_core.runner import StreamOptions, check_stream
from mind_sft_select.commands import shared

WHAT = (
    "Score instructions: the nats of each answer under a model, noted on the record as sums from "
    "which entropy, bits per byte and IFD follow without another pass."
)
EXAMPLES = [
    "mind-sft-select score --model run/ in.jsonl.zst --scores scores/ -o scored.jsonl.zst",
    "mind-sft-select score --model run/ --unconditional --long window in.json > scored.zst",
    "mind-sft-select score --model gpt-neo-125m/ --template plain in.jsonl -o scored.jsonl.zst",
]
COST = (
    "Memory: the model, one batch, and 1,000 records; nothing of the size of the vocabulary times "
    "the text. Order: input order. With --scores a run that was killed goes on behind the last "
    "whole shard, and ends with the same bytes; another model, template or input is refused."
)

Scores = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--scores", metavar="FOLDER", help="Keep the sums here, shard by shard."),
]
Scope = Annotated[
    str,
    typer.Option(
        "--scope",
        metavar="answer|all",
        help="Tokens that are scored: the answers (turn and last follow from them), or everything.",
    ),
]
Unconditional = Annotated[
    bool,
    typer.Option("--unconditional", help="Score answers without their questions too, for IFD."),
]
Plain = Annotated[
    bool, typer.Option("--plain", help="Score without template marks too, to see what they do.")
]


def score(
    context: typer.Context,
    inputs: options.Inputs = None,
    _fields: options.Fields = None,
    output: options.Output = None,
    model: shared.Model = "",
    scores: Scores = None,
    scope: Scope = "answer",
    long: shared.Long = "drop",
    template: shared.TemplateName = "auto",
    unconditional: Unconditional = False,
    plain: Plain = False,
    device: shared.Device = "auto",
    dtype: shared.Dtype = "float32",
    batch_tokens: shared.BatchTokens = 8192,
    chat_format: shared.Format = "auto",
    rejects: options.Rejects = None,
    summary: options.SummaryFile = None,
    jobs: options.Jobs = 1,
    level: options.Level = None,
    limit: options.Limit = None,
    skip_bad: options.SkipBad = "0",
    dry_run: options.DryRun = False,
    plugin: options.PluginFiles = None,
    progress: options.ShowProgress = None,
    quiet: options.Quiet = False,
) -> None:
    """Score a stream of instructions."""
    cli.require_input(inputs, context.get_help)
    from mind_core.chats import ChatFormat
    from mind_sft_select.scoring.answer_model import LONG, SCOPES, check_choice, check_model
    from mind_sft_select.scoring.run import ScoreOptions, run_scores

    layout = ChatFormat(chat_format, tuple(map(str, plugin or [])))
    layout.check()
    check_model(model)
    check_choice("--long", long, LONG)
    check_choice("--scope", scope, SCOPES)
    wanted = ScoreOptions(
        model, device, dtype, template, long, scope, unconditional, plain, batch_tokens, scores
    )
    stream = StreamOptions(
        inputs=tuple(inputs or ()), output=output, rejects=rejects, summary=summary, jobs=jobs,
        level=level, limit=limit, skip_bad=options.parse_skip_bad(skip_bad), quiet=quiet,
        progress=progress,
    )  # fmt: skip
    if dry_run:
        check_stream(stream)
        cli.write_out(f"score answers under {model}, template {template}, too long: {long}\n")
        return
    run_scores(wanted, layout, stream)
