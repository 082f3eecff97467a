"""What of a record is compared: its text, another field, or parts of a conversation."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from mind_core.chats import ChatFormat
from mind_core.errors import BadRecord, UsageError
from mind_core.records import Record, annotation, encode, text_of
from mind_core.runner import BatchResult, Work
from mind_core.stream import Batch

PARTS = ("question", "answer", "both")
_READER = ChatFormat()


@dataclass(frozen=True)
class ComparedText:
    """Return what of a record is compared; a dotted `field`, or a part of a conversation."""

    field: str = "text"
    chat: str = ""

    def __post_init__(self) -> None:
        if self.chat not in ("", *PARTS):
            raise UsageError(f"--chat {self.chat} is none of {', '.join(PARTS)}")
        if self.chat and self.field != "text":
            raise UsageError("--chat reads conversations and --text-field a field: name one")
        if not self.field:
            raise UsageError("--text-field wants the name of a field")

    @property
    def is_text(self) -> bool:
        """Say whether it is the field `text` itself."""
        return self.field == "text" and not self.chat

    @property
    def scheme(self) -> str:
        """Return what it adds to the name of what keys are: indexes carry it."""
        if self.chat:
            return f" chat={self.chat}"
        return "" if self.is_text else f" field={self.field}"

    def __call__(self, record: Record, position: str = "record") -> str:
        """Return the text; raise `BadRecord` for a record that has none."""
        if self.chat:
            return self._said(record, position)
        if self.is_text:
            return text_of(record, position)
        value: object = record
        for name in self.field.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if not isinstance(value, str):
            reason = "missing_field" if value is None else "wrong_type"
            cause = f"{self.field!r} must be a string"
            raise BadRecord(reason, position, encode(record), cause=cause)
        return value

    def _said(self, record: Record, position: str) -> str:
        """Return what the wanted roles say, a message a line.

        A conversation that no reader can say without loss (tool calls, parts that are no text), or
        in which these roles say nothing, is compared by its whole JSON without `id`, `source` and
        `metadata`: nothing of it is lost, and only nearly the same goes.
        """
        found = _READER.conversations(record, position)
        said = [
            message["content"]
            for conversation in found
            for message in conversation.messages
            if self.chat == "both" or (message["role"] == "assistant") == (self.chat == "answer")
        ]
        text = "\n".join(said)
        if text.strip() and all(conversation.reason is None for conversation in found):
            return text
        rest = {k: v for k, v in record.items() if k not in ("id", "source", "metadata")}
        # Sorted, so that the same conversation with other order of fields is the same text.
        return orjson.dumps(rest, option=orjson.OPT_SORT_KEYS).decode()


TEXT = ComparedText()


@dataclass(frozen=True)
class Restoring:
    """Take the note of their rejection from records of earlier rejects, then go on with `work`."""

    work: Work
    files: frozenset[str]

    def __call__(self, batch: Batch) -> BatchResult:
        """Return the outcome of a batch."""
        if batch.name in self.files:
            lines = [self._restored(line) for line in batch.data.split(b"\n")]
            batch = type(batch)(batch.name, batch.first_line, b"\n".join(lines))
        return self.work(batch)

    def _restored(self, line: bytes) -> bytes:
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:  # whoever parses it says so
            return line
        if not isinstance(record, dict) or "duplicate_of" not in annotation(record, "rejected"):
            return line
        notes = record["metadata"]["mind"]
        del notes["rejected"]
        if not notes:
            del record["metadata"]["mind"]
        if not record["metadata"]:
            del record["metadata"]
        return encode(record).removesuffix(b"\n")  # a line more would move all positions after it
