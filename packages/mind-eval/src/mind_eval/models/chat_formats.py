"""How a model's conversations are written: a folder's chat template, or mind-train's turns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError
from jinja2.exceptions import SecurityError

from mind_core import MindError
from mind_core.special_tokens import ASSISTANT, END, USER
from mind_eval.prompts.chat import Messages, without_system
from mind_eval.prompts.templates import FAULTS, within_limits

if TYPE_CHECKING:
    from mind_train import Checkpoint

Ids = tuple[int, ...]

FORM = f"{USER}\n{{question}}\n{ASSISTANT}\n{{answer}}{END}"
"""mind-train's form; a system message goes before the question."""


@dataclass(frozen=True)
class ChatFormat:
    """Conversations as text, and as ids where no text can spell them; `template` is the rule."""

    template: str
    render: Callable[[Messages], str]
    encode: Callable[[Messages], Ids] | None = None


def format_of(checkpoint: Checkpoint) -> ChatFormat | None:
    """Return a checkpoint's form: mind-train's turns, the template that it was imported with, or
    None."""
    from mind_train.chat_prompt import chat_prompts

    if (turns := turns_of(checkpoint.tokenizer)) is not None:
        return turns
    try:
        encoder = chat_prompts(checkpoint).template
    except MindError:
        return None
    assert encoder is not None

    def plain(messages: Messages) -> list[dict[str, str]]:
        return [{"role": role, "content": content} for role, content in messages]

    def render(messages: Messages) -> str:
        return encoder.template.prompt(plain(messages))

    def encode(messages: Messages) -> Ids:
        return tuple(encoder.prompt(plain(messages)))

    return ChatFormat(encoder.template.source, render, encode)


def turns_of(tokenizer: Any) -> ChatFormat | None:
    """Return the form that mind-train fine-tunes with; None for a vocabulary without its tokens."""
    if not {USER, ASSISTANT, END} <= set(getattr(tokenizer, "special_ids", {})):
        return None
    from mind_tok.chat import encode_prompt

    def render(messages: Messages) -> str:
        turns = without_system(messages, "\n")
        marks = {"user": (f"{USER}\n", "\n"), "assistant": (f"{ASSISTANT}\n", END)}
        parts = (f"{marks[role][0]}{content}{marks[role][1]}" for role, content in turns)
        return "".join(parts) + f"{ASSISTANT}\n"

    def encode(messages: Messages) -> Ids:
        plain = [{"role": role, "content": content} for role, content in messages]
        return tuple(encode_prompt(tokenizer, plain))

    return ChatFormat(FORM, render, encode)


def template_of(tokenizer: Any) -> ChatFormat | None:
    """Return the chat template of a folder's tokenizer; None without one.

    A template that refuses a system message gets it before the first question: lm-eval drops it.
    """
    try:
        template = tokenizer.get_chat_template()
    except (ValueError, AttributeError):
        return None

    def render(messages: Messages) -> str:
        try:
            try:
                return apply(messages)
            except SecurityError:
                raise
            except TemplateError:
                if messages[0][0] != "system":
                    raise
                return apply(without_system(messages, "\n"))
        except FAULTS as error:
            raise MindError(
                "the model's chat template does not write the conversation",
                cause=error,
                hint="look at chat_template in its tokenizer_config.json",
            ) from error

    def apply(messages: Messages) -> str:
        told = [{"role": role, "content": content} for role, content in messages]
        return within_limits(
            lambda: str(
                tokenizer.apply_chat_template(told, tokenize=False, add_generation_prompt=True)
            )
        )

    return ChatFormat(str(template), render)
