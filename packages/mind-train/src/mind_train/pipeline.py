"""The corridor of `pretrain` and `sft`: check everything, then train, save and finish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from mind_core import MindError
from mind_core.files import read_json, write_manifest
from mind_core.plugins import Plugins
from mind_core.progress import Progress, duration, say
from mind_core.recipe import Recipe
from mind_core.summary import version_of
from mind_tok import load_tokenizer
from mind_train.chat_rows import ChatRows
from mind_train.checkpoint import (
    STATE,
    TOKENIZER,
    TRAINER,
    find_checkpoint,
    keep_newest,
    load_weights,
    read_config,
    save_checkpoint,
    sound_checkpoints,
)
from mind_train.components import TOOL
from mind_train.config import Settings, model_config, settings
from mind_train.data import Documents, Rows, Shards
from mind_train.device import Machine, choose_machine
from mind_train.held_out import HeldOut, held_out_sets
from mind_train.interrupt import stop_on_signals
from mind_train.metrics import METRICS, Metrics, read_metrics, rewind
from mind_train.models.language_model import Config
from mind_train.run_folder import is_complete, only_one, open_run
from mind_train.state import pack_state, unpack_state
from mind_train.text_rows import TextRows
from mind_train.trainer import Counters, Trainer, describe


@dataclass(frozen=True)
class Job:
    """A checked order to train: nothing was written yet, and nothing known is wrong."""

    command: str
    settings: Settings
    plugins: Plugins
    architecture: str
    config: Config
    parent: Path | None
    shards: Shards
    rows: Rows
    held_out: list[HeldOut]
    machine: Machine
    inputs: Mapping[str, Any]

    @property
    def total(self) -> int:
        """Count the steps."""
        return self.settings.train.total(len(self.rows))


def prepare_pretrain(recipe: Recipe, plugins: Plugins, shards: Path) -> Job:
    """Check a recipe against text shards."""
    resolved = settings(recipe, plugins)
    opened = Shards.open(shards, "text")
    vocab = int(opened.tokenizer["vocab_size"])
    architecture, config = model_config(resolved.recipe, plugins, vocab)
    sequence = row_length(resolved, config)
    rows = TextRows(opened.train(), sequence)
    inputs = {
        "command": "pretrain",
        "shards": opened.fingerprint,
        "tokenizer": opened.tokenizer["sha256"],
    }
    return _job(resolved, plugins, architecture, config, None, opened, rows, inputs)


def prepare_sft(recipe: Recipe, plugins: Plugins, shards: Path, parent: Path) -> Job:
    """Check a recipe against chat shards and the checkpoint to start from."""
    if "model" in recipe.values:
        raise MindError(
            "a recipe for sft has no [model]", hint="the model comes with the checkpoint: --from"
        )
    resolved = settings(recipe, plugins)
    opened = Shards.open(shards, "chat")
    found, manifest = find_checkpoint(parent)
    architecture, config = read_config(found, plugins)
    tokenizer = load_tokenizer(found / TOKENIZER).sha256
    if tokenizer != opened.tokenizer["sha256"]:
        raise MindError(
            f"{shards} was made with another tokenizer than {parent}",
            cause=f"tokenizer {opened.tokenizer['sha256'][:12]}, the model's is {tokenizer[:12]}",
            hint=f"encode again with --tokenizer {found / TOKENIZER}",
        )
    end_id = int(opened.tokenizer["end_id"])
    documents = Documents(opened.train())
    rows = ChatRows(documents, row_length(resolved, config), end_id).require_rows()
    inputs = {
        "command": "sft",
        "shards": opened.fingerprint,
        "tokenizer": tokenizer,
        "parent": manifest["fingerprint"],
    }
    return _job(resolved, plugins, architecture, config, found, opened, rows, inputs)


def _job(
    resolved: Settings,
    plugins: Plugins,
    architecture: str,
    config: Config,
    parent: Path | None,
    shards: Shards,
    rows: Rows,
    inputs: Mapping[str, Any],
) -> Job:
    train = resolved.train
    return Job(
        command=str(inputs["command"]),
        settings=resolved,
        plugins=plugins,
        architecture=architecture,
        config=config,
        parent=parent,
        shards=shards,
        rows=rows,
        held_out=held_out_sets(shards, rows.sequence, train.evaluate_tokens),
        machine=choose_machine(train.device, train.dtype),
        inputs=inputs,
    )


def row_length(resolved: Settings, config: Config) -> int:
    """Give the row length T: the recipe's, or the model's whole context."""
    sequence = resolved.train.sequence or config.context
    if sequence > config.context:
        raise MindError(
            f"train.sequence {sequence} is longer than the model's context {config.context}",
            hint=f"--set train.sequence={config.context}, or a larger model.context",
        )
    return sequence


def train(job: Job, run: Path, progress: Progress, quiet: bool) -> None:
    """Do a job in a run folder, from the start or from where the folder stands.

    Raises Interrupted after Ctrl-C or SIGTERM, when the step reached is saved.
    """
    with only_one(run):
        existed = open_run(run, job.settings.recipe, job.inputs)
        if existed and is_complete(run):
            say(TOOL, f"{run} is complete: {job.total:,} steps are done")
            return
        _train(job, run, existed, progress, quiet)


def _train(job: Job, run: Path, existed: bool, progress: Progress, quiet: bool) -> None:
    torch.manual_seed(job.settings.seed)
    model = job.config.build()
    if job.parent is not None:
        load_weights(model, job.parent)
    trainer = Trainer(model, job.rows, job.held_out, job.settings, job.machine)
    if existed:
        _resume(run, job, trainer)
    keep_newest(run, 0)
    if not quiet:
        for line in plan_lines(job):
            say(TOOL, line)

    def save() -> None:
        save_step(run, job, trainer)

    with Metrics(run / METRICS) as metrics, stop_on_signals() as stop:
        trainer.run(metrics, save, stop, progress, quiet)
    progress.clear()
    _finish(run, job, trainer, quiet)


def _resume(run: Path, job: Job, trainer: Trainer) -> None:
    """Take up a run at its newest sound checkpoint, or at its start if it has none."""
    for folder, _ in sound_checkpoints(run):
        architecture, config = read_config(folder, job.plugins)
        if (architecture, config) != (job.architecture, job.config):
            raise MindError(
                f"{folder} holds a {architecture} model of another shape",
                hint="give another run folder",
            )
        load_weights(trainer.model, folder)
        saved = read_json(folder / TRAINER)
        unpack_state(trainer.model, trainer.optimizer, load_file(folder / STATE), saved["state"])
        trainer.counters = Counters(**saved["counters"])
        break
    rewind(run / METRICS, trainer.counters.step if trainer.counters.step else -1)
    for line in read_metrics(run / METRICS):
        if "validation" in line:
            trainer.last_evaluation = line
    say(TOOL, f"{run} exists: going on after step {trainer.counters.step:,} of {job.total:,}")


def save_step(run: Path, job: Job, trainer: Trainer) -> None:
    """Save a checkpoint of where the trainer stands; keep the newest few."""
    tensors, values = pack_state(trainer.model, trainer.optimizer)
    save_checkpoint(
        run,
        trainer.counters.step,
        job.architecture,
        trainer.model,
        tensors,
        {"counters": asdict(trainer.counters), "state": values, "inputs": dict(job.inputs)},
        job.shards.folder / TOKENIZER,
    )
    keep_newest(run, job.settings.train.keep)


def plan_lines(job: Job) -> list[str]:
    """Say in a few lines what is about to be trained, on what."""
    with torch.device("meta"):
        parameters = sum(p.numel() for p in job.config.build().parameters())
    rows, batch = job.rows, job.settings.train.batch
    tokens, epochs = job.total * batch * rows.sequence, job.total * batch / len(rows)
    lines = [
        f"{job.architecture}, {parameters:,} parameters, {job.machine.describe()}",
        f"{job.total:,} steps × {batch} rows × {rows.sequence} tokens = {tokens:,} tokens, "
        f"{epochs:.2f} epochs of {len(rows):,} rows",
        *rows.notes(),
    ]
    if not job.held_out:
        lines.append("no validation documents to evaluate on: no held-out loss")
    return lines


def _finish(run: Path, job: Job, trainer: Trainer, quiet: bool) -> None:
    folder, manifest = find_checkpoint(run)
    write_manifest(
        run,
        {
            "format": "mind-run",
            "version": 1,
            "command": job.command,
            "steps": trainer.counters.step,
            "tokens": trainer.counters.tokens,
            "checkpoint": folder.relative_to(run).as_posix(),
            "fingerprint": manifest["fingerprint"],
            "inputs": dict(job.inputs),
            "components": job.plugins.used(),
            "versions": {"mind-train": version_of(TOOL), "torch": torch.__version__},
            "held_out": trainer.last_evaluation.get("all"),
        },
    )
    if not quiet:
        held_out = (
            f", held-out {describe(trainer.last_evaluation)}" if trainer.last_evaluation else ""
        )
        say(
            TOOL,
            f"{trainer.counters.step:,} steps, {trainer.counters.tokens:,} tokens{held_out}, "
            f"{duration(trainer.counters.seconds)}",
        )
