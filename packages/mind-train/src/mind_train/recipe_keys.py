"""Where in a recipe a key stands that was looked for elsewhere, or by another library's name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from mind_core.errors import UsageError
from mind_core.recipe import Recipe

_COMPONENTS = {
    "lr": "optimizer.lr", "weight_decay": "optimizer.weight_decay", "betas": "optimizer.betas",
    "warmup": "schedule.warmup", "floor": "schedule.floor", "preset": "model.preset",
    "architecture": "model.architecture",
}  # fmt: skip
_OTHERS = {
    # transformers' TrainingArguments, TRL's SFTConfig, nanoGPT
    "learning_rate": "optimizer.lr", "max_lr": "optimizer.lr", "min_lr": "schedule.floor",
    "max_steps": "train.steps", "max_iters": "train.steps", "num_train_epochs": "train.epochs",
    "num_epochs": "train.epochs", "batch_size": "train.batch",
    "per_device_train_batch_size": "train.micro_batch", "block_size": "train.sequence",
    "max_length": "train.sequence", "max_seq_length": "train.sequence",
    "seq_len": "train.sequence", "max_grad_norm": "train.clip", "grad_clip": "train.clip",
    "warmup_steps": "schedule.warmup", "warmup_iters": "schedule.warmup",
    "lr_scheduler_type": "schedule.name", "eval_steps": "train.evaluate_every",
    "eval_interval": "train.evaluate_every", "save_steps": "train.save_every",
    "gradient_checkpointing": "train.recompute", "bf16": "train.dtype",
}  # fmt: skip


Tables = Mapping[str, Collection[str]]
"""The keys of each table that is not of a component."""


def place_of(key: str, tables: Tables) -> str:
    """Return "TABLE.KEY" of a key that stands in another table of a recipe; empty for no such."""
    for table, keys in tables.items():
        if key in keys:
            return f"{table}.{key}"
    return _COMPONENTS.get(key) or _OTHERS.get(key, "")


def check_tables(recipe: Recipe, known: Sequence[str], tables: Tables) -> None:
    """Raise `UsageError` for a key at the top of a recipe, with the table that it belongs to."""
    for key in recipe.values:
        if key not in known and (place := place_of(key, tables)):
            raise UsageError(
                f"recipe {recipe.name}: {key} stands in no table", hint=f"it is {place}"
            )
    recipe.check_keys(dict.fromkeys(known))
