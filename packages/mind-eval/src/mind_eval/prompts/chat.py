"""Prompts as conversations: a task's description as system message, examples as turns or as one.

The layout is lm-eval's (`--apply_chat_template`, with or without `--fewshot_as_multiturn`), so that
a model's chat template gives the same text. No delimiter stands before an answer then: it is the
beginning of the model's own turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mind_core.errors import UsageError

TURNS, SINGLE = "turns", "single"
LAYOUTS = (TURNS, SINGLE)

Messages = tuple[tuple[str, str], ...]
"""Role (system, user, assistant) and content of each message."""


class ChatPrompt(str):
    """A conversation as text: what the model's template makes of it, and what follows.

    The text is for people, for hashes, and for templates that are read as text; `messages` and
    `tail` are for tokenizers with control tokens that no text can spell.
    """

    __slots__ = ("messages", "tail")
    messages: Messages
    tail: str

    def __new__(cls, messages: Messages, text: str, tail: str = "") -> ChatPrompt:
        """Take messages, the text that a template made of them, and what was begun after it."""
        made = super().__new__(cls, text + tail)
        made.messages, made.tail = messages, tail
        return made

    def __add__(self, more: str) -> ChatPrompt:
        """Go on in the model's turn."""
        # What the template made stays apart from what was begun after it.
        text = str(self)[: len(self) - len(self.tail)]
        return ChatPrompt(self.messages, text, self.tail + more)


@dataclass(frozen=True)
class ChatLayout:
    """How prompts become conversations, and which template writes them."""

    layout: str
    render: Callable[[Messages], str]

    def prompt(
        self, description: str, examples: Sequence[tuple[str, str]], question: str, between: str,
        behind: str,
    ) -> ChatPrompt:  # fmt: skip
        """Lay out a question after its examples (question, answer).

        `between` and `behind` an answer stand in one message only; turns need neither.
        """
        system = (("system", description),) if description else ()
        if self.layout == TURNS:
            turns = [one for q, a in examples for one in (("user", q), ("assistant", a))]
            messages = (*system, *turns, ("user", question))
        else:
            block = "".join(f"{q}{between}{a}{behind}" for q, a in examples)
            messages = (*system, ("user", block + question))
        return self.begun(messages)

    def begun(self, messages: Messages) -> ChatPrompt:
        """Render messages; what the last one has begun to answer is gone on with."""
        tail = ""
        # lm-eval's `gen_prefix`: the answer is begun, and the template opens its turn.
        if messages[-1][0] == "assistant":
            messages, tail = messages[:-1], messages[-1][1]
        return ChatPrompt(messages, self.render(messages), tail)


def check_layout(name: str | None) -> str | None:
    """Return the name of a layout, None for no conversation; raise `UsageError` for another."""
    if name not in (None, *LAYOUTS):
        raise UsageError(f"there is no --chat {name!r}", hint=f"known: {', '.join(LAYOUTS)}")
    return name


def without_system(messages: Messages, between: str) -> Messages:
    """Put the system message before the first question, where there is no such message."""
    if messages[0][0] != "system":
        return messages
    (_, told), (role, asked), *rest = messages
    return ((role, told + between + asked), *rest)
