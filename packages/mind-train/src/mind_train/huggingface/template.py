"""Which chat template the conversations for a model of transformers are written with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mind_core.errors import UsageError
from mind_core.special_tokens import ASSISTANT, USER
from mind_tok.chat_template import MINDLLM, ChatTemplate, load_template
from mind_tok.chat_template_ids import control_tokens
from mind_tok.to_huggingface import CHAT_TEMPLATE
from mind_tok.tokenizer import Tokenizer


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
