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

    # The turns come first: a checkpoint that was fine-tuned here speaks them, whatever template the
    # folder had from which it was imported.
    if (turns := turns_of(checkpoint.tokenizer)) is not None:
        return turns
    try:
        encoder = chat_prompts(checkpoint).template
    except MindError:
        return None
    # Without turns and without a template `chat_prompts` has raised.
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
    # Inside the function: a model without these turns needs no mind-tok.
    from mind_tok.chat import encode_prompt

    def render(messages: Messages) -> str:
        turns = without_system(messages, "\n")
        marks = {"user": (f"{USER}\n", "\n"), "assistant": (f"{ASSISTANT}\n", END)}
        parts = (f"{marks[role][0]}{content}{marks[role][1]}" for role, content in turns)
        # The model is to answer, so its turn is opened and left open.
        return "".join(parts) + f"{ASSISTANT}\n"

    # Not by the text above: there a user's words that spell a control token would become one.
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
            # It is a `TemplateError` too, but one of a template that reaches for what it must not:
            # trying again with fewer messages would hide that.
            except SecurityError:
                raise
            except TemplateError:
                # Only a refused system message can be helped.
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
