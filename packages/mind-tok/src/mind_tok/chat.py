"""MindLLM's chat format as ids, with the mask of what is trained on.

`<user>\\n{question}\\n<assistant>\\n{answer}<|endoftext|>`, repeated for further turns (the format
of the model card; the end token behind every answer is the natural reading for several turns).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mind_core import MindError, Record
from mind_core.errors import BadRecord
from mind_core.records import encode as encode_record
from mind_core.special_tokens import ASSISTANT, USER
from mind_tok.tokenizer import Tokenizer

Message = dict[str, str]

_ROLES = {
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "system": "system",
}


def encode_chat(
    tokenizer: Tokenizer, messages: Sequence[Mapping[str, str]]
) -> tuple[list[int], list[int]]:
    """Return the ids of a conversation and their mask: 1 on answers and their end tokens.

    What users and answers say can never become a control token. A system message goes before the
    question that follows it. Raises `MindError` for an unknown role.
    """
    ids, mask, _ = encode_chats(tokenizer, [messages])
    return ids.tolist(), mask.tolist()


def encode_chats(
    tokenizer: Tokenizer, chats: Sequence[Sequence[Mapping[str, str]]]
) -> tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.int64]]:
    """Return the ids of conversations end to end, their masks, and where each ends, as
    `encode_chat` does; all their texts are encoded at once.
    """
    # A part is a text with the control token before it, the one after it, and its mark.
    parts: list[tuple[str, int, int, int]] = []
    parts_of = []
    user, assistant = tokenizer.special_id(USER), tokenizer.special_id(ASSISTANT)
    for messages in chats:
        for role, content in _turns(messages):
            if role == "user":
                parts.append((f"\n{content}\n", user, -1, 0))
            else:
                parts.append(("\n", assistant, -1, 0))
                parts.append((content, -1, tokenizer.end_id, 1))
        parts_of.append(len(parts))
    flat, ends = tokenizer.encode_flat([text for text, _, _, _ in parts])
    before, after, marks = (np.array([part[i] for part in parts], np.int32) for i in (1, 2, 3))
    return _joined(flat, ends, before, after, marks, np.array(parts_of, np.int64))


def _joined(
    flat: NDArray[np.int32],
    ends: NDArray[np.int64],
    before: NDArray[np.int32],
    after: NDArray[np.int32],
    marks: NDArray[np.int32],
    parts_of: NDArray[np.int64],
) -> tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.int64]]:
    """Put control tokens between the ids of parts; `parts_of` are the ends of conversations."""
    lengths = np.diff(ends, prepend=np.int64(0))
    wide = lengths + (before >= 0) + (after >= 0)
    stops = np.cumsum(wide)
    starts = stops - wide
    ids = np.empty(int(wide.sum()), np.int32)
    filled = np.zeros(len(ids), np.bool_)
    ids[starts[before >= 0]] = before[before >= 0]
    filled[starts[before >= 0]] = True
    ids[stops[after >= 0] - 1] = after[after >= 0]
    filled[stops[after >= 0] - 1] = True
    ids[~filled] = flat
    mask = np.repeat(marks, wide).astype(np.uint8)
    return ids, mask, np.concatenate([np.zeros(1, np.int64), stops])[parts_of]


def encode_prompt(tokenizer: Tokenizer, messages: Sequence[Mapping[str, str]]) -> list[int]:
    """Return the ids after which the model writes the next answer."""
    ids, _ = encode_chat(tokenizer, messages)
    return [*ids, tokenizer.special_id(ASSISTANT), *tokenizer.encode("\n")]


def trained_text(messages: Sequence[Mapping[str, str]]) -> str:
    """Return the answers of a conversation, joined: the text that the mask lets through."""
    return "".join(content for role, content in _turns(messages) if role == "assistant")


def messages_of(record: Record, position: str = "record") -> list[Message]:
    """Return a record's conversation as `{"role", "content"}` messages.

    Reads `messages` (role, content), `conversations` (from, value) and Alpaca's
    `instruction`/`input`/`output`. Raises `BadRecord` if it is none of these.
    """
    for field, role_name, content_name in (
        ("messages", "role", "content"),
        ("conversations", "from", "value"),
    ):
        if field in record:
            return _listed(record, field, role_name, content_name, position)
    if "instruction" in record and "output" in record:
        question = _string(record, record["instruction"], "'instruction'", position)
        more = _string(record, record.get("input") or "", "'input'", position)
        answer = _string(record, record["output"], "'output'", position)
        return [
            {"role": "user", "content": f"{question}\n{more}" if more else question},
            {"role": "assistant", "content": answer},
        ]
    raise BadRecord(
        "missing_field",
        position,
        encode_record(record),
        cause="an instruction has 'messages', 'conversations', or 'instruction' and 'output'",
    )


def _listed(
    record: Record, field: str, role_name: str, content_name: str, position: str
) -> list[Message]:
    rows = record[field]
    if not isinstance(rows, list):
        raise BadRecord("wrong_type", position, encode_record(record), cause=f"{field!r} is a list")
    messages = []
    for row in rows:
        row = row if isinstance(row, dict) else {}
        role = _ROLES.get(str(row.get(role_name, row.get("role"))).lower())
        if role is None:
            raise BadRecord(
                "wrong_type",
                position,
                encode_record(record),
                cause=f"{field!r} has a message whose {role_name!r} is none of "
                + ", ".join(sorted(_ROLES)),
            )
        content = row.get(content_name, row.get("content"))
        messages.append(
            {
                "role": role,
                "content": _string(record, content, f"{content_name!r} of a message", position),
            }
        )
    return messages


def _string(record: Record, value: Any, name: str, position: str) -> str:
    if isinstance(value, str):
        return value
    raise BadRecord("wrong_type", position, encode_record(record), cause=f"{name} must be a string")


def _turns(messages: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    turns: list[tuple[str, str]] = []
    system: list[str] = []
    for message in messages:
        role = _ROLES.get(message["role"])
        if role is None:
            raise MindError(
                f"a message has the unknown role {message['role']!r}",
                hint="roles are user, assistant and system",
            )
        if role == "system":
            system.append(message["content"])
        elif role == "user":
            turns.append((role, "\n".join([*system, message["content"]])))
            system = []
        else:
            turns.append((role, message["content"]))
    return turns
