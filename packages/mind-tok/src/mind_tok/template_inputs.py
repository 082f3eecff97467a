"""Records as chat templates take them: conversations up to their last answers, with all fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mind_core import Record
from mind_core.chats import ChatFormat
from mind_core.chats.messages import ROLES, text_content
from mind_core.errors import BadRecord
from mind_core.records import encode as encode_record
from mind_tok.chat import UnsuitableChat

Messages = Sequence[Mapping[str, Any]]
_READER = ChatFormat()


class TemplateInput(NamedTuple):
    """What of a record goes into a template."""

    messages: list[dict[str, Any]]
    tools: Any
    cut: int
    """Messages behind the last answer, which are left out."""


def template_inputs(record: Record, position: str = "record") -> list[tuple[Record, TemplateInput]]:
    """Return the conversations of a record as templates take them, up to the last answer.

    `messages` pass with all their fields (tool calls, reasoning, tools of the record), text parts
    joined; other layouts are read by `mind_core.chats`. Raises `UnsuitableChat` for parts that are
    no text and for a conversation without an answer, `BadRecord` for no conversation at all.
    """
    rows = record.get("messages")
    if not (
        isinstance(rows, list) and all(isinstance(row, dict) and "role" in row for row in rows)
    ):
        found = []
        for made, conversation in _READER.records(record, position):
            if conversation.reason is not None:
                raise UnsuitableChat(
                    conversation.reason, position, encode_record(record), cause=conversation.cause
                )
            messages: list[dict[str, Any]] = [dict(row) for row in conversation.messages]
            found.append((made, _answered(messages, None, record, position)))
        return [(record, found[0][1])] if len(found) == 1 else found
    plain = [_plain(row, record, position) for row in rows]
    return [(record, _answered(plain, record.get("tools"), record, position))]


def _plain(row: Mapping[str, Any], record: Record, position: str) -> dict[str, Any]:
    """Return a message with its role by the usual name and its content as one text."""
    content, called = row.get("content"), row.get("tool_calls") or row.get("function_call")
    role = ROLES.get(str(row["role"]).lower(), row["role"])
    if role not in ("user", "assistant", "system", "tool"):
        line = encode_record(record)
        raise BadRecord("wrong_type", position, line, cause=f"unknown role {role!r}")
    if isinstance(content, list):
        from mind_core.chats.messages import ChatError

        try:
            content = text_content(content)
        except ChatError as error:
            raise UnsuitableChat(
                error.reason, position, encode_record(record), cause=error.cause
            ) from None
    if content is None and not called:
        raise UnsuitableChat("null_content", position, encode_record(record), cause="says nothing")
    if content is not None and not isinstance(content, str):
        raise BadRecord(
            "wrong_type", position, encode_record(record), cause="'content' must be a string"
        )
    return {
        # A null field is as if it were not there: templates ask whether it is defined.
        **{k: v for k, v in row.items() if v is not None},
        "role": role,
        "content": content or "",
    }


def _answered(
    messages: list[dict[str, Any]], tools: Any, record: Record, position: str
) -> TemplateInput:
    last = max((i for i, m in enumerate(messages) if m["role"] == "assistant"), default=-1)
    kept = messages[: last + 1]
    answers = [m for m in kept if m["role"] == "assistant"]
    # An answer may consist of calls alone.
    said = [bool(m["content"].strip() or m.get("tool_calls")) for m in answers]
    if not all(said) or not said:
        reason = "empty_answer" if any(said) else "no_answer"
        cause = "one of its answers is blank" if any(said) else "nothing in it is an answer"
        raise UnsuitableChat(reason, position, encode_record(record), cause=cause)
    return TemplateInput(kept, tools, len(messages) - len(kept))
