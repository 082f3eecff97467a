"""Records of any known layout → records with `messages`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from mind_core.chats.hookspecs import ChatReader
from mind_core.chats.messages import ChatError, Message
from mind_core.chats.residue import clean_answer, clean_question
from mind_core.errors import BadRecord, UsageError
from mind_core.plugins import Plugins
from mind_core.records import Reason, Record
from mind_core.records import encode as encode_record

AUTO = "auto"
HOOK = "register_chat_readers"
BAD = ("missing_field", "wrong_type")
"""Reasons for which a record is no instruction at all; the others are reasons to reject it."""


def make_chat_plugins(files: Sequence[str | Path] = ()) -> Plugins:
    """Load the readers of this package and those of plugin files."""
    from mind_core.chats import builtins, hookspecs

    return Plugins("mind_core", hookspecs, builtins, files)


# Once in a process, as a plugin file runs when it is loaded.
@lru_cache(maxsize=8)
def _readers(name: str, files: tuple[str, ...]) -> dict[str, ChatReader]:
    plugins = make_chat_plugins(files)
    if name != AUTO:
        return {name: plugins.make(HOOK, name)}
    names = list(plugins.components(HOOK))
    return {name: plugins.make(HOOK, name) for name in names}


@dataclass
class Conversation:
    """The messages of one conversation, or why it is none; `removed` counts template residue,
    `left_out` turns of tools.
    """

    messages: list[Message]
    layout: str
    reason: Reason | None = None
    cause: str = ""
    removed: int = 0
    left_out: int = 0
    fields: Sequence[str] = field(default=())


@dataclass(frozen=True)
class ChatFormat:
    """Read records of one layout by name, or (`auto`) of whichever is recognised.

    Plugin files may offer further layouts. It can be sent to worker processes.
    """

    name: str = AUTO
    files: tuple[str, ...] = ()

    @cached_property
    def readers(self) -> dict[str, ChatReader]:
        """Return the readers by name, in the order in which they are tried."""
        return _readers(self.name, self.files)

    def check(self) -> None:
        """Raise `UsageError` with near names for a layout that nobody reads."""
        try:
            assert self.readers
        except UsageError as error:
            # The hint names a command by the project of the plugins, and there is no tool
            # mind-core.
            error.hint = (error.hint or "").replace("mind-core --list", "--format auto")
            raise

    def conversations(self, record: Record, position: str = "record") -> list[Conversation]:
        """Return the conversations of a record, template residue removed.

        One that is damaged comes with its reason. Raises `BadRecord` for a record that is no
        instruction, or whose fields have the wrong type.
        """
        for name, reader in self.readers.items():
            if not reader.matches(record):
                continue
            try:
                found = reader(record)
            except ChatError as error:
                if error.reason in BAD:
                    raise BadRecord(
                        error.reason, position, encode_record(record), cause=error.cause
                    ) from None
                return [_refused(name, reader, error)]
            made = [_cleaned(name, reader, messages) for messages in found]
            if (left_out := getattr(reader, "left_out", None)) is not None:
                # It is a number of the record, and is added up over conversations.
                made[0].left_out = left_out(record)
            return made
        raise BadRecord("missing_field", position, encode_record(record), cause=self._wanted())

    def records(
        self, record: Record, position: str = "record"
    ) -> list[tuple[Record, Conversation]]:
        """Return a record with `messages` for each conversation, beside the conversation.

        The fields that were read are gone, all others stay. Where there are several conversations
        their ids end in -1, -2 …
        """
        found = self.conversations(record, position)
        made = []
        for number, conversation in enumerate(found, 1):
            rest = {k: v for k, v in record.items() if k not in conversation.fields}
            if len(found) > 1 and rest.get("id") is not None:
                rest["id"] = f"{rest['id']}-{number}"
            made.append(({**rest, "messages": conversation.messages}, conversation))
        return made

    def _wanted(self) -> str:
        if self.name != AUTO:
            return f"it has not the fields of the layout {self.name!r}"
        return (
            "an instruction has 'messages', 'conversations', or 'instruction' and 'output', or is "
            f"of another known layout: {', '.join(self.readers)}"
        )


def _refused(name: str, reader: ChatReader, error: ChatError) -> Conversation:
    return Conversation([], name, Reason(error.reason), error.cause, fields=reader.fields)


def _cleaned(name: str, reader: ChatReader, messages: list[Message]) -> Conversation:
    removed = 0
    cleaned: list[Message] = []
    for message in messages:
        clean = clean_answer if message["role"] == "assistant" else clean_question
        try:
            content, count = clean(message["content"])
        except ChatError as error:
            return Conversation(messages, name, Reason(error.reason), error.cause,
                                fields=reader.fields)  # fmt: skip
        removed += count
        cleaned.append({"role": message["role"], "content": content.strip() if count else content})
    return Conversation(cleaned, name, removed=removed, fields=reader.fields)
