"""mind-sft-select score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core import cli
from mind_core.runner import check_stream
from mind_core.stream_command import SharedOptions, stream_command
from mind_sft_select.commands import shared as sft_options

WHAT = (
    "Score instructions: the nats of each answer under a model, noted on the record as sums from "
    "which entropy, bits per byte and IFD follow without another pass."
)
EXAMPLES = [
    "mind-sft-select score --model run/ in.jsonl.zst --scores scores/ -o scored.jsonl.zst",
    "mind-sft-select score --model run/ --unconditional --long window in.json > scored.zst",
    "mind-sft-select score --model run/ data/ --into scored/   # a job; killed, it goes on",
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


@stream_command(
    "inputs _fields output model scores scope long template unconditional plain device dtype "
    "batch_tokens chat_format rejects summary jobs level limit into from_list task_size engine "
    "address retries shard plan_only skip_bad dry_run plugin progress quiet",
)
def score(
    shared: SharedOptions,
    model: sft_options.Model = "",
    scores: Scores = None,
    scope: Scope = "answer",
    long: sft_options.Long = "drop",
    template: sft_options.TemplateName = "auto",
    unconditional: Unconditional = False,
    plain: Plain = False,
    device: sft_options.Device = "auto",
    dtype: sft_options.Dtype = "float32",
    batch_tokens: sft_options.BatchTokens = 8192,
    chat_format: sft_options.Format = "auto",
) -> None:
    """Score a stream of instructions."""
    job = shared.job(scores=scores)
    if job is None:
        shared.require_input()
    from mind_core.chats import ChatFormat
    from mind_sft_select.scoring.answer_model import LONG, SCOPES, check_choice, check_model
    from mind_sft_select.scoring.run import ScoreOptions, run_scores

    layout = ChatFormat(chat_format, tuple(map(str, shared.plugin_files)))
    layout.check()
    check_model(model)
    check_choice("--long", long, LONG)
    check_choice("--scope", scope, SCOPES)
    wanted = ScoreOptions(
        model, device, dtype, template, long, scope, unconditional, plain, batch_tokens, scores
    )
    if shared.dry_run:
        check_stream(shared.stream)
        cli.write_out(f"score answers under {model}, template {template}, too long: {long}\n")
        return
    if job is None:
        run_scores(wanted, layout, shared.stream)
        return
    from mind_sft_select.job import run_score_job

    run_score_job(wanted, layout, job, level=shared.stream.level, skip_bad=shared.stream.skip_bad)
