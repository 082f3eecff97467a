"""What is to be trained, checked before anything is written: recipe, shards, model, rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.plugins import Plugins
from mind_core.recipe import Recipe
from mind_tok import load_tokenizer
from mind_train.checkpoint import TOKENIZER, checkpoints, find_checkpoint, read_config
from mind_train.config import Settings, model_config, settings
from mind_train.continuing import (
    CONTINUED,
    Start,
    base_recipe,
    begun,
    check_shards,
    find_start,
)
from mind_train.data import DocumentIndex
from mind_train.datasets.chat import ChatDataset
from mind_train.device import DeviceConfig, choose_device
from mind_train.distributed import planned_group
from mind_train.document_rows import require_documents, shared_rows
from mind_train.held_out import HeldOutSet, held_out_sets
from mind_train.huggingface import folder
from mind_train.huggingface.parent import for_rows, open_parent
from mind_train.mixture import Mixture
from mind_train.models.language_model import Config
from mind_train.recipe_mixture import mixture_of, plain_mixture, row_length
from mind_train.shards import Folders, Shards, said


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
    mixture: Mixture
    held_out: list[HeldOutSet]
    machine: DeviceConfig
    inputs: Mapping[str, Any]
    start: Start | None = None
    """Where the run goes on from, of a run that does."""

    @property
    def total(self) -> int:
        """Count the optimizer steps of the training job."""
        return self.mixture.steps


def prepare_pretrain(
    recipe: Recipe,
    plugins: Plugins,
    shards: Folders,
    parent: Path | None = None,
    continued: str | None = None,
    run: Path | None = None,
    is_branch: bool = False,
) -> Job:
    """Check a recipe against text shards, and the checkpoint to go on from if there is one.

    Of ``parent`` the weights are taken; of ``continued`` (RUN@STEP) the optimizer's state and the
    place in every source too. A ``run`` that has begun knows itself where it had gone on from. A
    branch has to be the rest of a run that was never cut: its rates up to there are compared.
    """
    start = begun(run)
    # The run was begun, but killed before it had a checkpoint of its own: the step is found in the
    # other run again.
    if start is not None and continued is not None and run is not None and not checkpoints(run):
        again = find_start(continued, settings(_without_model(recipe), plugins).recipe)
        if again.described() == start.described():
            start = again
    if parent is not None:
        recipe = without_model(recipe, "pretrain --from")
    # The model comes with the checkpoint; a [model] in the recipe would say nothing.
    elif continued is not None or start is not None:
        recipe = _without_model(recipe)
    resolved = settings(recipe, plugins)
    _refuse_lora(resolved)
    if start is None and continued is not None:
        start = find_start(continued, resolved.recipe)
        if is_branch:
            _check_trunk(continued, start, resolved, plugins)
    if start is not None:
        return _continued(resolved, plugins, shards, start, run)
    opened = Shards.open(shards, "text")
    inputs = {
        "command": "pretrain",
        "shards": opened.fingerprint,
        "tokenizer": opened.tokenizer["sha256"],
    }
    if parent is None:
        # Of our own training: the vocabulary is the tokenizer's unless the recipe gives a larger
        # one.
        vocab = int(opened.tokenizer["vocab_size"])
        architecture, config = model_config(resolved.recipe, plugins, vocab)
        found = None
    else:
        found, architecture, config, fingerprint = _parent(parent, opened, shards, plugins)
        inputs["parent"] = fingerprint
    require_documents(resolved, config)
    mixture = mixture_of(resolved, opened, row_length(resolved, config))
    return _job(resolved, plugins, architecture, config, found, opened, mixture, inputs)


def _check_trunk(trunk: str, start: Start, resolved: Settings, plugins: Plugins) -> None:
    """Refuse a branch whose steps so far would have had other rates in one run."""
    path, values = base_recipe(trunk, None)
    before = settings(Recipe(path, values), plugins)
    if resolved.recipe.values["optimizer"] != before.recipe.values["optimizer"]:
        raise MindError(
            "a branch has its trunk's optimizer", hint="--continue goes on with another rate"
        )
    total = sum(int(kept["steps"]) for kept in start.history)
    # All steps up to the branch, not only its own: a share of the length shifts the warm-up.
    for n in range(1, start.step + 1):
        was, would = before.schedule(n, total), resolved.schedule(n, resolved.train.steps)
        if was != would:
            raise MindError(
                f"step {n:,} of the trunk had {was:.6g} of the peak rate, in one run with the "
                f"branch it would have had {would:.6g}",
                cause="the trunk's warm-up is a share of its length, or its rate had begun to fall",
                hint="train trunks with schedule.warmup as a number of steps, and branch before "
                "they decay; --continue does without this check",
            )


def _continued(
    resolved: Settings, plugins: Plugins, shards: Folders, start: Start, run: Path | None
) -> Job:
    """Check a job that goes on from a step of another run."""
    opened = Shards.open(shards, "text")
    source = start.checkpoint if start.checkpoint is not None else run
    assert source is not None
    # Without it the run has begun: then its own inputs name the shards, and are compared.
    if start.checkpoint is not None:
        check_shards(start.checkpoint, shards, opened.fingerprint)
    _, architecture, config, _ = _parent(source, opened, shards, plugins)
    inputs = {
        "command": "pretrain",
        "shards": opened.fingerprint,
        "tokenizer": opened.tokenizer["sha256"],
        CONTINUED: start.described(),
    }
    require_documents(resolved, config)
    mixture = mixture_of(resolved, opened, row_length(resolved, config), start)
    return _job(resolved, plugins, architecture, config, None, opened, mixture, inputs, start)


def prepare_sft(
    recipe: Recipe, plugins: Plugins, shards: Folders, parent: Path, template: str | None = None
) -> Job:
    """Check a recipe against chat shards and the checkpoint to start from.

    ``parent`` may be a Hugging Face folder; then the shards were made with ``template``.
    """
    if "model" in recipe.values:
        raise MindError(
            "a recipe for sft has no [model]", hint="the model comes with the checkpoint: --from"
        )
    resolved = settings(recipe, plugins)
    if resolved.phases or resolved.data.shares:
        raise MindError(
            "a recipe for sft has no [[phase]] and no data.shares",
            hint="mind-sft-select chooses conversations; all that are in the shards are used",
        )
    if resolved.data.reshuffle_documents:
        raise MindError(
            "data.reshuffle_documents is for text, not for conversations",
            hint="leave it out: conversations are whole, in another order in each epoch",
        )
    opened = Shards.open(shards, "chat")
    if folder.is_folder(parent):
        found, architecture, config, fingerprint = open_parent(parent, opened, resolved, template)
        resolved = for_rows(resolved, config)
    else:
        _refuse_lora(resolved)
        found, architecture, config, fingerprint = _parent(parent, opened, shards, plugins)
    # Rows are padded with the end token, which every tokenizer has; the mask leaves it out.
    end_id = int(opened.tokenizer["end_id"])
    documents = DocumentIndex(opened.train())
    resolved, packed = shared_rows(resolved, architecture, config)
    length = row_length(resolved, config)
    rows = ChatDataset(documents, length, end_id, packed=packed).require_rows()
    inputs = {
        "command": "sft",
        "shards": opened.fingerprint,
        "tokenizer": opened.tokenizer["sha256"],
        "parent": fingerprint,
    }
    mixture = plain_mixture(resolved, rows)
    return _job(
        resolved, plugins, architecture, config, found, opened, mixture, inputs, packed=packed
    )


def _refuse_lora(resolved: Settings) -> None:
    if resolved.train.lora_rank:
        raise UsageError(
            "train.lora_rank is for `sft --from` a Hugging Face folder",
            hint="leave it out: our own models are tuned whole",
        )


def without_model(recipe: Recipe, what: str) -> Recipe:
    """Leave a built-in recipe's [model] out where the model comes with a checkpoint."""
    if recipe.name.endswith(".toml") and "model" in recipe.values:
        raise MindError(
            f"a recipe for {what} has no [model]", hint="the model comes with the checkpoint"
        )
    return _without_model(recipe)


def _without_model(recipe: Recipe) -> Recipe:
    return Recipe(recipe.name, {k: v for k, v in recipe.values.items() if k != "model"})


def _parent(
    parent: Path, opened: Shards, shards: Folders, plugins: Plugins
) -> tuple[Path, str, Config, str]:
    found, manifest = find_checkpoint(parent)
    architecture, config = read_config(found, plugins)
    tokenizer = load_tokenizer(found / TOKENIZER).sha256
    if tokenizer != opened.tokenizer["sha256"]:
        raise MindError(
            f"{said(shards)} was made with another tokenizer than {parent}",
            cause=f"tokenizer {opened.tokenizer['sha256'][:12]}, the model's is {tokenizer[:12]}",
            hint=f"encode again with --tokenizer {found / TOKENIZER}",
        )
    return found, architecture, config, str(manifest["fingerprint"])


def _job(
    resolved: Settings,
    plugins: Plugins,
    architecture: str,
    config: Config,
    parent: Path | None,
    shards: Shards,
    mixture: Mixture,
    inputs: Mapping[str, Any],
    start: Start | None = None,
    packed: bool = True,
) -> Job:
    train = resolved.train
    # For its error: a batch that the ranks cannot share is told before anything is written.
    for phase in mixture.phases:
        planned_group().share(phase.batch)
    _check_skips(resolved, mixture.steps)
    return Job(
        command=str(inputs["command"]),
        settings=resolved,
        plugins=plugins,
        architecture=architecture,
        config=config,
        parent=parent,
        shards=shards,
        mixture=mixture,
        held_out=held_out_sets(
            shards,
            mixture.sources[0].rows.sequence,
            train.evaluate_tokens,
            packed,
        ),
        machine=choose_device(train.device, train.dtype),
        inputs=inputs,
        start=start,
    )


def _check_skips(resolved: Settings, total: int) -> None:
    """Refuse to pass over steps that there are not, or all that there are."""
    skipped = {n for skip in resolved.skips for n in range(skip.first, min(skip.last, total) + 1)}
    for skip in resolved.skips:
        if skip.first > total:
            raise MindError(
                f"a skip begins at step {skip.first:,}, the run ends at step {total:,}",
                hint="steps count from 1",
            )
    if len(skipped) == total:
        raise MindError("the skips leave no step to train on", hint="correct [[skip]]")
