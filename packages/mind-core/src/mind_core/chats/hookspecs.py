"""What a plugin can add to every tool that reads instructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pluggy

from mind_core.chats.messages import Message
from mind_core.records import Offers

hookspec = pluggy.HookspecMarker("mind_core")
hookimpl = pluggy.HookimplMarker("mind_core")


class ChatReader(Protocol):
    """Read the conversations of one layout of instruction records.

    `fields` are the record's fields that become messages; all others pass through.
    """

    fields: Sequence[str]

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell by its fields whether a record has this layout."""
        ...

    def __call__(self, record: Mapping[str, Any]) -> list[list[Message]]:
        """Return the conversations of a record; raise `ChatError` for one that is damaged."""
        ...


@hookspec
def register_chat_readers() -> Offers[ChatReader]:
    """Readers of instruction records: a layout's name → a factory without options."""
