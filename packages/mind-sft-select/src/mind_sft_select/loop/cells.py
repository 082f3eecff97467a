"""One cell of a loop: an arm's records, a model tuned on them, its losses on the items.

Every cell is a folder; what is whole is never done twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mind_core import MindError, Record
from mind_core.files import read_json, write_json
from mind_core.output import write_records
from mind_core.progress import Progress
from mind_core.runner import StreamOptions
from mind_core.untrusted import as_written, inside
from mind_sft_select.loop.margins import MARGINS, columns, measure_margins
from mind_sft_select.loop.plan_file import LoopPlan
from mind_sft_select.scoring.answer_model import AnswerModel
from mind_sft_select.scoring.templates import ConversationTemplate

TOOL = "mind-sft-select"
AGAIN = "give another -o folder"
RECORDS, SHARDS, RUN, RESULT = "records.jsonl.zst", "shards", "run", "cell.json"


@dataclass(frozen=True)
class TunedModel:
    """Where a tuned model lies and what it says: nats per answer token of each item [I], and a row
    for each choice of the plan's benchmarks.
    """

    arm: str
    seed: int
    folder: Path
    tokens: int
    fingerprint: str
    losses: np.ndarray
    margins: Sequence[Sequence[Any]] = ()


def run_cell(
    plan: LoopPlan, folder: Path, arm: str, seed: int, chosen: Sequence[Record], tokens: int,
    items: Sequence[Record],
) -> TunedModel:  # fmt: skip
    """Tune and evaluate one cell, or read what was done before."""
    keys = [str(record.get("id", number)) for number, record in enumerate(items)]
    # Written last, so a cell that has it is whole.
    if (folder / RESULT).is_file():
        return _read_cell(folder, arm, seed, tokens, keys)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / RECORDS).is_file():
        write_records(folder / RECORDS, chosen)
    # Each step below looks for its own result first: after a kill only the rest is done.
    tune(plan, folder, seed)
    fingerprint, losses, margins = evaluate(plan, folder / RUN, items)
    losses = losses.round(6)  # as they will be read again
    write_json(folder / RESULT, {"arm": arm, "seed": seed, "tokens": tokens, "records": len(chosen),
                                 "fingerprint": fingerprint, "keys": keys,
                                 "losses": losses.tolist(),
                                 **({MARGINS: margins} if plan.benchmarks else {})})  # fmt: skip
    return TunedModel(arm, seed, folder, tokens, fingerprint, losses, margins)


def _read_cell(folder: Path, arm: str, seed: int, tokens: int, keys: list[str]) -> TunedModel:
    with as_written(folder / RESULT, AGAIN):
        found = read_json(inside(folder, RESULT))
        # Names of cells tell the arm and the seed, not what the data were.
        if found["keys"] != keys or found["tokens"] != tokens:
            raise MindError(f"{folder} was made of other records or items", hint=AGAIN)
        losses = np.array(found["losses"], dtype=np.float64)
        if losses.shape != (len(keys),) or not np.isfinite(losses).all():
            raise ValueError("the losses are no finite number for each item")
        margins = found.get(MARGINS, ())
        if not all(np.isfinite(column).all() for column in columns(margins)[1:]):
            raise ValueError("the margins are no finite numbers")
        return TunedModel(arm, seed, folder, tokens, str(found["fingerprint"]), losses, margins)


def tune(plan: LoopPlan, folder: Path, seed: int) -> None:
    """Fine-tune the plan's model on a cell's records; goes on where a run stands."""
    from mind_tok import load_tokenizer
    from mind_tok.encode import Encoder
    from mind_tok.loading import make_plugins
    from mind_tok.pipeline import EncodeOptions, encode_shards
    from mind_train.checkpoint import TOKENIZER, find_checkpoint
    from mind_train.components import load_plugins
    from mind_train.pipeline import prepare_sft, train

    parent, _ = find_checkpoint(Path(plan.model_path))
    if not (folder / SHARDS / "manifest.json").is_file():
        stream = StreamOptions((str(folder / RECORDS),), quiet=True, progress=False)
        encoder = Encoder(load_tokenizer(parent / TOKENIZER), chat=True)
        encode_shards(encoder, EncodeOptions(folder / SHARDS, 0.0), stream, make_plugins())
    job = prepare_sft(recipe_of(plan, seed), load_plugins(), folder / SHARDS, parent)
    with Progress(TOOL, False) as progress:
        train(job, folder / RUN, progress, quiet=True)


def recipe_of(plan: LoopPlan, seed: int) -> Any:
    """Return the recipe of every cell: the same steps, batch and rate, another seed."""
    from mind_train.config import effective_recipe

    changes = [
        f"train.steps={plan.steps}", "train.epochs=0.0", f"train.batch={plan.batch}",
        # Steps, not epochs: an arm of short answers has more records, but no more updates. Only the
        # last checkpoint is of use.
        f"train.save_every={plan.steps}", "train.keep=1", f"train.evaluate_every={plan.steps}",
        "train.evaluate_tokens=0", "data.max_epochs=0.0",
        f"optimizer.lr={plan.lr}", f'train.device="{plan.device}"',
        f'train.dtype="{plan.dtype}"',
    ]  # fmt: skip
    return effective_recipe("sft-cpu", changes, seed)


def evaluate(
    plan: LoopPlan, run: Path, items: Sequence[Record]
) -> tuple[str, np.ndarray, list[list[Any]]]:
    """Return the weights' fingerprint, nats per answer token of each item [I], and the margins of
    the plan's benchmarks.

    Raises `MindError` for a loss that is no finite number: the run diverged.
    """
    from mind_eval.models.model import open_model, usable_device

    model = open_model(str(run), usable_device(plan.device))
    scorer = AnswerModel(model, ConversationTemplate(model.tokenizer), plan.long)
    found = scorer([record["messages"] for record in items])
    # An entropy of exactly 0 is not a loss that a model has: like a missing one it is refused.
    losses = np.array([np.nan if s is None else s.total.entropy() or np.nan for s in found])
    if not np.isfinite(losses).all():
        bad = int(np.flatnonzero(~np.isfinite(losses))[0])
        raise MindError(
            f"{run}: the loss of evaluation item {items[bad].get('id', bad)!r} is no finite number",
            hint="lower lr in the plan, or take long = 'window'",
        )
    return model.fingerprint, losses, [one.as_row() for one in measure_margins(plan, model)]
