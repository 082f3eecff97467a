"""A Hugging Face folder that a run begins from: checked against shards, and its chat template."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.special_tokens import ASSISTANT, USER
from mind_tok.chat_template import MINDLLM, ChatTemplate, load_template
from mind_tok.chat_template_ids import control_tokens
from mind_tok.to_huggingface import CHAT_TEMPLATE
from mind_tok.tokenizer import Tokenizer
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


def template_of(theirs: Any, ours: Tokenizer, wanted: str | None) -> ChatTemplate:
    """Give the tokenizer's template, the paper's format ("mindllm"), or another by name or file.

    ``theirs`` is transformers' tokenizer and ``ours`` the same. Raises UsageError for a tokenizer
    that has none, or a name or file that is none.
    """
    bos, eos = theirs.bos_token or "", theirs.eos_token
    if wanted == MINDLLM:
        text = CHAT_TEMPLATE
        for word, token in (("USER", USER), ("ASSISTANT", ASSISTANT), ("END", eos)):
            text = text.replace(f"'{word}", f"'{token}")
        return ChatTemplate(MINDLLM, text, bos, eos)
    if wanted is not None:
        found = load_template(wanted, control_tokens(ours))
        return replace(found, bos_token=found.bos_token or bos, eos_token=found.eos_token or eos)
    if not isinstance(theirs.chat_template, str):
        raise UsageError(
            "the model's tokenizer has no chat template",
            hint=f"--chat-template {MINDLLM} takes the paper's format; or give a name or a file",
        )
    return ChatTemplate("its own", theirs.chat_template, bos, eos)
