"""Messages of a conversation: roles by their many names, text content, and the order of turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mind_core.records import Reason

Message = dict[str, str]

ROLES = {
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "system": "system",
    "developer": "system",
}
"""Role names in use (OpenAI, ShareGPT, OpenAssistant, Gemma, DialoGPT) and what they mean here."""


class ChatError(ValueError):
    """Say why a record cannot be a conversation: a reason in one word, and its cause in a few."""

    def __init__(self, reason: str, cause: str) -> None:
        super().__init__(cause)
        self.reason = reason
        self.cause = cause

    def __reduce__(self) -> tuple[object, ...]:
        # pickle would make it again from what Exception was given, the cause alone.
        return (ChatError, (self.reason, self.cause))


TOOL_ROLES = ("tool", "function", "function_call", "observation", "ipython")
_TEXT_PARTS = ("text", "input_text", "output_text")


def role_of(name: Any) -> str:
    """Return user, assistant or system for a role's name; raise `ChatError` for an unknown one."""
    if name in TOOL_ROLES:
        raise ChatError("tool_calls", f"{name!r} is the turn of a tool, which has no place here")
    role = ROLES.get(name.strip().lower()) if isinstance(name, str) else None
    if role is None:
        raise ChatError("unknown_role", f"the role {name!r} is none of {', '.join(sorted(ROLES))}")
    return role


def text_content(content: Any, what: str = "content") -> str:
    """Return the text of a message: a string, or OpenAI's list of parts with their texts joined.

    Raises `ChatError` for null, for a part that is no text, and for any other type.
    """
    if isinstance(content, str):
        return content
    if content is None:
        raise ChatError("null_content", f"{what} is null")
    if not isinstance(content, list):
        raise ChatError("wrong_type", f"{what} must be a string, not {type(content).__name__}")
    texts = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
            continue
        is_text = isinstance(part, dict) and part.get("type", "text") in _TEXT_PARTS
        if not is_text or not isinstance(part.get("text"), str):
            kind = part.get("type") if isinstance(part, dict) else type(part).__name__
            raise ChatError("content_part", f"{what} has a part of type {kind!r}, which is no text")
        texts.append(part["text"])
    return "".join(texts)


@dataclass(frozen=True)
class CheckedTurns:
    """A conversation that can be trained on, or why it cannot; `cut` counts unanswered turns."""

    messages: list[Message]
    reason: Reason | None = None
    cut: int = 0


def check_turns(messages: Sequence[Message]) -> CheckedTurns:
    """Check that system messages come first, then questions and answers in turn, none empty.

    Turns after the last answer are cut off and counted. Reasons: `no_answer`, `role_order` (value:
    the index of the message out of order), `empty_question` and `empty_turn` (the same).
    """
    kept = list(messages)
    while kept and kept[-1]["role"] != "assistant":
        kept.pop()
    cut = sum(message["role"] == "user" for message in messages[len(kept) :])
    answers = [m["content"] for m in kept if m["role"] == "assistant"]
    if not any(answer.strip() for answer in answers):
        return CheckedTurns(list(messages), Reason("no_answer"))
    wanted = "user"
    for index, message in enumerate(kept):
        role = message["role"]
        # Several may begin a conversation; one that comes later changes the rules of answers that
        # were given before, and is out of order.
        if role == "system" and wanted == "user" and all(m["role"] == role for m in kept[:index]):
            continue
        if role != wanted:
            return CheckedTurns(kept, Reason("role_order", index), cut)
        if not message["content"].strip():
            empty = "empty_question" if role == "user" else "empty_turn"
            return CheckedTurns(kept, Reason(empty, index), cut)
        wanted = "assistant" if role == "user" else "user"
    return CheckedTurns(kept, None, cut)
