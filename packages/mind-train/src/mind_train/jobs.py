"""What is to be trained, checked before anything is written: recipe, shards, model, rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mind_core import MindError
from mind_core.plugins import Plugins
from mind_core.recipe import Recipe
from mind_tok import load_tokenizer
from mind_train.checkpoint import TOKENIZER, find_checkpoint, read_config
from mind_train.config import Settings, model_config, settings
from mind_train.data import Dataset, Documents, Shards
from mind_train.datasets.chat import ChatDataset
from mind_train.datasets.groups import GroupDataset
from mind_train.datasets.text import TextDataset
from mind_train.device import DeviceConfig, choose_device
from mind_train.distributed import planned_group
from mind_train.held_out import HeldOut, held_out_sets
from mind_train.mixture import ALL, UNIT, Mixture, Phase, Source, as_weights, resolve, source_seed
from mind_train.models.language_model import Config


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
    held_out: list[HeldOut]
    machine: DeviceConfig
    inputs: Mapping[str, Any]

    @property
    def total(self) -> int:
        """Count the steps."""
        return self.mixture.steps


def prepare_pretrain(
    recipe: Recipe, plugins: Plugins, shards: Path, parent: Path | None = None
) -> Job:
    """Check a recipe against text shards, and the checkpoint to go on from if there is one."""
    if parent is not None:
        recipe = without_model(recipe, "pretrain --from")
    resolved = settings(recipe, plugins)
    opened = Shards.open(shards, "text")
    inputs = {
        "command": "pretrain",
        "shards": opened.fingerprint,
        "tokenizer": opened.tokenizer["sha256"],
    }
    if parent is None:
        vocab = int(opened.tokenizer["vocab_size"])
        architecture, config = model_config(resolved.recipe, plugins, vocab)
        found = None
    else:
        found, architecture, config, fingerprint = _parent(parent, opened, shards, plugins)
        inputs["parent"] = fingerprint
    mixture = mixture_of(resolved, opened, row_length(resolved, config))
    return _job(resolved, plugins, architecture, config, found, opened, mixture, inputs)


def prepare_sft(recipe: Recipe, plugins: Plugins, shards: Path, parent: Path) -> Job:
    """Check a recipe against chat shards and the checkpoint to start from."""
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
    opened = Shards.open(shards, "chat")
    found, architecture, config, fingerprint = _parent(parent, opened, shards, plugins)
    end_id = int(opened.tokenizer["end_id"])
    documents = Documents(opened.train())
    rows = ChatDataset(documents, row_length(resolved, config), end_id).require_rows()
    inputs = {
        "command": "sft",
        "shards": opened.fingerprint,
        "tokenizer": opened.tokenizer["sha256"],
        "parent": fingerprint,
    }
    mixture = _plain(resolved, rows)
    return _job(resolved, plugins, architecture, config, found, opened, mixture, inputs)


def without_model(recipe: Recipe, what: str) -> Recipe:
    """Leave a built-in recipe's [model] out where the model comes with a checkpoint."""
    if recipe.name.endswith(".toml") and "model" in recipe.values:
        raise MindError(
            f"a recipe for {what} has no [model]", hint="the model comes with the checkpoint"
        )
    values = {key: value for key, value in recipe.values.items() if key != "model"}
    return Recipe(recipe.name, values)


def _parent(
    parent: Path, opened: Shards, shards: Path, plugins: Plugins
) -> tuple[Path, str, Config, str]:
    found, manifest = find_checkpoint(parent)
    architecture, config = read_config(found, plugins)
    tokenizer = load_tokenizer(found / TOKENIZER).sha256
    if tokenizer != opened.tokenizer["sha256"]:
        raise MindError(
            f"{shards} was made with another tokenizer than {parent}",
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
) -> Job:
    train = resolved.train
    planned_group().share(train.batch)
    return Job(
        command=str(inputs["command"]),
        settings=resolved,
        plugins=plugins,
        architecture=architecture,
        config=config,
        parent=parent,
        shards=shards,
        mixture=mixture,
        held_out=held_out_sets(shards, mixture.sources[0].rows.sequence, train.evaluate_tokens),
        machine=choose_device(train.device, train.dtype),
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


def _plain(resolved: Settings, rows: Dataset) -> Mixture:
    source = Source(ALL, rows, resolved.seed)
    steps = resolved.train.total(len(rows))
    mixture = Mixture([source], [Phase(steps, (UNIT,))], resolved.train.batch)
    return _within_epochs(mixture, resolved)


def _within_epochs(mixture: Mixture, resolved: Settings) -> Mixture:
    """Refuse to read anything more often than the recipe allows; epochs become whole steps."""
    rounding = resolved.train.batch / 2 if resolved.train.epochs else 0.0
    return mixture.check(resolved.data.max_epochs, rounding)


def mixture_of(resolved: Settings, opened: Shards, sequence: int) -> Mixture:
    """Make the mixture of a recipe's [data] and [[phase]] over text shards; check the epochs.

    Where a phase has no shares, nor [data], every source has the share of its tokens.
    """
    split = opened.train()
    tables = [dict(phase.shares or resolved.data.shares) for phase in resolved.phases]
    if not resolved.phases:
        tables = [dict(resolved.data.shares)]
    if not any(tables):
        rows = TextDataset(split, sequence)
        if not resolved.phases:
            return _plain(resolved, rows)
        phases = [Phase(phase.steps, (UNIT,), phase.order) for phase in resolved.phases]
        mixture = Mixture([Source(ALL, rows, resolved.seed)], phases, resolved.train.batch)
        return _within_epochs(mixture, resolved)
    documents = Documents(split)
    groups = [f"{g['source']}/{g['language']}" for g in opened.manifest["groups"]]
    natural = {
        name: float(documents.lengths[documents.groups == i].sum()) for i, name in enumerate(groups)
    }
    tables = [table or natural for table in tables]
    wanted = [table_shares(table, groups) for table in tables]
    used = sorted({name for shares in wanted for name, share in shares.items() if share})
    sources = [
        Source(
            name, GroupDataset(documents, members, sequence, name), source_seed(resolved.seed, name)
        )
        for name, members in _members(tables, used, groups).items()
    ]
    names = [source.name for source in sources]
    weights = [as_weights(shares, names) for shares in wanted]
    batch = resolved.train.batch
    if resolved.phases:
        pairs = zip(resolved.phases, weights, strict=True)
        phases = [Phase(phase.steps, w, phase.order) for phase, w in pairs]
    else:
        steps = resolved.train.total(sum(len(source.rows) for source in sources))
        phases = [Phase(steps, weights[0])]
    return _within_epochs(Mixture(sources, phases, batch), resolved)


def table_shares(table: Mapping[str, float], groups: Sequence[str]) -> dict[str, float]:
    """Check a table of shares against the groups of the shards; give it back."""
    resolve(dict(table), groups)
    return dict(table)


def _members(
    tables: Sequence[Mapping[str, float]], used: Sequence[str], groups: Sequence[str]
) -> dict[str, list[int]]:
    """Find the groups of each name in use; phases may not cut the same text in different ways."""
    found: dict[str, list[int]] = {}
    for table in tables:
        for name, members in resolve(dict(table), groups).items():
            if name in used:
                found[name] = members
    owner: dict[int, str] = {}
    for name, members in found.items():
        for i in members:
            if i in owner:
                raise MindError(
                    f"{owner[i]!r} and {name!r} both mean {groups[i]}, in different phases",
                    cause="its rows would be read by one without the other's knowledge",
                    hint="name the same sources in every phase",
                )
            owner[i] = name
    return {name: found[name] for name in used}
