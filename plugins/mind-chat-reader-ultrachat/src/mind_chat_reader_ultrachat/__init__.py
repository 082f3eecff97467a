"""A chat reader for every tool: UltraChat's rows, {"id": …, "data": [question, answer, …]}."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mind_core import Offers
from mind_core.chats import ChatError, ChatReader, Message, hookimpl


class Ultrachat:
    """Read a list `data` of texts that are question and answer in turn."""

    def __init__(self) -> None:
        # The fields that become the conversation: they do not stay on the record beside it.
        self.fields: Sequence[str] = ("data",)

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell by its fields whether a record has this layout."""
        data = record.get("data")
        return isinstance(data, list) and bool(data) and all(isinstance(t, str) for t in data)

    def __call__(self, record: Mapping[str, Any]) -> list[list[Message]]:
        """Return the conversation; raise `ChatError` for one in which a turn is blank."""
        turns: list[str] = record["data"]
        if not all(turn.strip() for turn in turns):
            raise ChatError("blank_turn", "a turn is blank")
        roles = ("user", "assistant")
        return [[{"role": roles[n % 2], "content": turn} for n, turn in enumerate(turns)]]


@hookimpl
def register_chat_readers() -> Offers[ChatReader]:
    """Offer the reader; the built-in ones come first."""
    return {"ultrachat": Ultrachat}
