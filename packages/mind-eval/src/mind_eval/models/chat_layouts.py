"""How conversations are laid out for a model, or for a server, which lays them out itself."""

from __future__ import annotations

from typing import Any

from mind_core.errors import UsageError
from mind_eval.models.endpoint import CHAT, Endpoint
from mind_eval.models.model import Model
from mind_eval.prompts.chat import TURNS, ChatLayout


def layout_for(model: Model | Endpoint, name: str | None) -> ChatLayout | None:
    """Return how conversations are laid out for a model; None if plain text is wanted.

    Raises `UsageError` for a model without a form of conversations.
    """
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
