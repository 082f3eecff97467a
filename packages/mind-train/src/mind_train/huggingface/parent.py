"""A Hugging Face folder as what a run begins from: checked against shards and recipe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mind_core import MindError
from mind_train.config import Settings
from mind_train.huggingface import folder
from mind_train.huggingface.model import HuggingFaceConfig
from mind_train.models.language_model import Config
from mind_train.shards import Shards


def open_parent(
    parent: Path, opened: Shards, resolved: Settings, template: str | None
) -> tuple[Path, str, Config, str]:
    """Read a Hugging Face folder, and check that the shards are of its tokenizer."""
    train = resolved.train
    config = folder.read_config(parent, train.lora_rank, train.lora_alpha)
    _, ours = folder.read_tokenizer(parent)
    if ours.sha256 != opened.tokenizer["sha256"]:
        raise MindError(
            f"the shards were made with another tokenizer than {parent}",
            hint="give the conversations as JSONL; they are encoded as the model reads them",
        )
    if ours.vocab_size > config.vocab:
        raise MindError(
            f"the tokenizer of {parent} has {ours.vocab_size:,} tokens, its model {config.vocab:,}",
            hint="they do not belong together",
        )
    if template is not None:
        config = folder.with_template(config, template)
    return parent, folder.ARCHITECTURE, config, folder.fingerprint(parent)


def for_rows(resolved: Settings, config: Config) -> Settings:
    """Choose the row length of a long context, and whether conversations share rows."""
    assert isinstance(config, HuggingFaceConfig)
    sequence = resolved.train.sequence or min(config.context, folder.LONGEST)
    packed = resolved.train.document_mask and folder.packs(config, sequence)
    train = replace(resolved.train, sequence=sequence, document_mask=packed)
    return replace(resolved, train=train)
