"""A scoring run from its options to its outputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mind_core.chats import ChatFormat, read_chat_batches
from mind_core.progress import log
from mind_core.runner import StreamOptions, run_stream
from mind_core.summary import Summary
from mind_sft_select.instructions import InstructionParser, batches_of_lines
from mind_sft_select.reading import layouts_of
from mind_sft_select.score_stream import TOOL, ScoreStep
from mind_sft_select.scoring.answer_model import AnswerModel, model_of
from mind_sft_select.scoring.scores_folder import ScoresFolder
from mind_sft_select.scoring.templates import ConversationTemplate

SHARD_RECORDS = 1000


@dataclass(frozen=True)
class ScoreOptions:
    """What a user may say about a scoring run; see `AnswerModel`."""

    model: str
    device: str = "auto"
    dtype: str = "float32"
    template: str = "auto"
    long: str = "drop"
    scope: str = "answer"
    unconditional: bool = False
    plain: bool = False
    batch_tokens: int = 8192
    scores: Path | None = None


def open_answer_model(options: ScoreOptions) -> AnswerModel:
    """Load the model of a run, on the device that it names."""
    from mind_eval.models.model import usable_device

    model = model_of(options.model, usable_device(options.device), options.dtype)
    return AnswerModel(
        model,
        ConversationTemplate(model.tokenizer, options.template),
        options.long,
        options.scope,
        options.unconditional,
        options.plain,
        options.batch_tokens,
    )


def run_scores(
    options: ScoreOptions, layout: ChatFormat, stream: StreamOptions, shard: int = SHARD_RECORDS
) -> Summary:
    """Score a stream; return its summary. Shards hold `shard` records each."""
    from mind_eval.models.model import device_name, usable_device

    model = open_answer_model(options)
    if not stream.quiet:
        log(TOOL, f"scores on {device_name(usable_device(options.device))}, {options.dtype}")
    # Shards of another size would hold other records under the same numbers.
    identity = {**model.identity(), "shard_records": shard}
    folder = ScoresFolder(options.scores, identity) if options.scores is not None else None
    step = ScoreStep(model, folder)

    def finish(summary: Summary) -> None:
        summary.details |= {**step.details(), "model": model.model.section()}
        summary.note = layouts_of(summary)
        if folder is not None:
            folder.finish({"languages": step.details()["languages"]})

    batches = batches_of_lines(read_chat_batches(stream.inputs), shard)
    summary = run_stream(
        Summary(TOOL), InstructionParser(format=layout), stream, step, finish, batches=batches
    )
    if (warning := step.warning()) is not None:
        log(TOOL, f"warning: {warning}")
    return summary
