"""How a model's conversations are written: a folder's chat template, or mind-train's turns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError

from mind_core.errors import UsageError
from mind_core.special_tokens import ASSISTANT, END, USER
from mind_eval.prompts.chat import TURNS, ChatLayout, Messages, without_system
from mind_eval.prompts.templates import within_limits

if TYPE_CHECKING:
    from mind_eval.models.endpoint import Endpoint
    from mind_eval.models.model import Model

Ids = tuple[int, ...]

FORM = f"{USER}\n{{question}}\n{ASSISTANT}\n{{answer}}{END}"
"""mind-train's form; a system message goes before the question."""


@dataclass(frozen=True)
class ChatFormat:
    """Conversations as text, and as ids where no text can spell them; `template` is the rule."""

    template: str
    render: Callable[[Messages], str]
    encode: Callable[[Messages], Ids] | None = None


def layout_for(model: Model | Endpoint, name: str | None) -> ChatLayout | None:
    """Return how conversations are laid out for a model; None if plain text is wanted.

    Raises `UsageError` for a model without a form of conversations.
    """
    from mind_eval.models.endpoint import CHAT, Endpoint

    if name is None:
        return None
    if isinstance(model, Endpoint):
        if model.api != CHAT:
            raise UsageError(
                "--chat with --api completions: the server would have to apply its template",
                hint="--api chat sends messages, which it does",
            )
        return ChatLayout(name, lambda told: "".join(f"[{r}]\n{text}\n" for r, text in told))
    if model.chat is None:
        raise UsageError(
            f"--chat: {model.named} has no chat template",
            hint="a base model is asked without --chat; a folder's template stands in its "
            "tokenizer_config.json or chat_template.jinja",
        )
    return ChatLayout(name, model.chat.render)


def chat_section(model: Model | Endpoint, name: str | None) -> dict[str, Any]:
    """Describe conversations for `scores.json`, under lm-eval's names."""
    template = None
    if name is not None:
        chat = getattr(model, "chat", None)
        template = chat.template if chat else "the server's"
    return {"chat_template": template, "fewshot_as_multiturn": name == TURNS}


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
            return apply(messages)
        except TemplateError:
            if messages[0][0] != "system":
                raise
            return apply(without_system(messages, "\n"))

    def apply(messages: Messages) -> str:
        told = [{"role": role, "content": content} for role, content in messages]
        return within_limits(
            lambda: str(
                tokenizer.apply_chat_template(told, tokenize=False, add_generation_prompt=True)
            )
        )

    return ChatFormat(str(template), render)
