"""How a checkpoint is talked to: in MindLLM's turns, or by the chat template that it came with."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from mind_core import MindError
from mind_core.special_tokens import ASSISTANT, END, USER
from mind_tok.chat import encode_prompt
from mind_tok.chat_template import ChatTemplate
from mind_tok.chat_template_ids import TemplateEncoder
from mind_tok.tokenizer import Tokenizer
from mind_train.checkpoint import Checkpoint
from mind_train.export.forms import form_of
from mind_train.models.language_model import LanguageModel

Messages = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class ChatPrompts:
    """The ids of a conversation before its next answer, and what may end that answer."""

    encode: Callable[[Messages], list[int]]
    end_ids: frozenset[int]
    template: TemplateEncoder | None = None
    """The chat template that is followed; None for MindLLM's turns."""


_KNOWN: WeakKeyDictionary[LanguageModel, ChatPrompts] = WeakKeyDictionary()
"""Of the models that are loaded: a large vocabulary is gone through once."""


def chat_prompts(checkpoint: Checkpoint) -> ChatPrompts:
    """Return how conversations with a model are written.

    A tokenizer with the turns of MindLLM's format is fine-tuned in it; an imported model without
    them has its folder's chat template. Raises MindError for a model with neither.
    """
    if (known := _KNOWN.get(checkpoint.model)) is None:
        known = _KNOWN[checkpoint.model] = _chat_prompts(checkpoint)
    return known


def _chat_prompts(checkpoint: Checkpoint) -> ChatPrompts:
    words = checkpoint.tokenizer
    ends = end_ids(checkpoint)
    if {USER, ASSISTANT, END} <= set(words.special_ids):
        return ChatPrompts(lambda messages: encode_prompt(words, messages), ends)
    template = _template(_texts(checkpoint))
    if template is None:
        raise MindError(
            f"the tokenizer has no token {USER}, and the model came with no chat template",
            hint="`mind-tok train` registers the tokens of MindLLM's format",
        )
    encoder = TemplateEncoder(words, template)
    end = encoder.answer_end()
    return ChatPrompts(encoder.prompt, ends if end is None else ends | {end}, encoder)


def _template(texts: Mapping[str, str]) -> ChatTemplate | None:
    """Return the template that a Hugging Face folder's texts hold, by their names; None without.

    Raises `MindError` for texts that cannot be read.
    """
    try:
        config = json.loads(texts.get("tokenizer_config.json", "{}"))
        source = texts.get("chat_template.jinja") or config.get("chat_template")
        # A list names several templates, of which "default" is the one for conversations.
        if isinstance(source, list):
            source = next((row["template"] for row in source if row["name"] == "default"), None)
        # A special token is a text, or an object with its text in `content`.
        told = [config.get(f"{end}_token") for end in ("bos", "eos")]
        bos, eos = (str(t.get("content", "") if isinstance(t, dict) else t or "") for t in told)
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise MindError(
            "the model's tokenizer_config.json cannot be read", cause=error,
            hint="import the model again from a whole folder",
        ) from None  # fmt: skip
    return ChatTemplate("its own", source, bos, eos) if isinstance(source, str) else None


def end_ids(checkpoint: Checkpoint) -> frozenset[int]:
    """Return the tokens that end a text: the tokenizer's, and those of generation_config.json."""
    words: Tokenizer = checkpoint.tokenizer
    try:
        told = json.loads(_texts(checkpoint).get("generation_config.json", "{}"))
        found = told.get("eos_token_id")
    except (ValueError, AttributeError):
        found = None
    # generation_config.json may name one token or several.
    ids = found if isinstance(found, list) else [found]
    return frozenset({words.end_id, *(i for i in ids if type(i) is int)})


def _texts(checkpoint: Checkpoint) -> Mapping[str, str]:
    """Return the texts of the folder that a model was imported from, by name."""
    texts = getattr(form_of(checkpoint.config), "texts", None)
    found: Mapping[str, str] = texts(checkpoint.config) if texts is not None else {}
    return found
