"""MindLLM's chat format as ids, with the mask of what is trained on.

`<user>\\n{question}\\n<assistant>\\n{answer}<|endoftext|>`, repeated for further turns (the format
of the model card; the end token behind every answer is the natural reading for several turns).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
    ids: list[int] = []
    mask: list[int] = []
    for role, content in _turns(messages):
        if role == "user":
            part = [tokenizer.special_id(USER), *tokenizer.encode(f"\n{content}\n")]
            ids += part
            mask += [0] * len(part)
        else:
            head = [tokenizer.special_id(ASSISTANT), *tokenizer.encode("\n")]
            answer = [*tokenizer.encode(content), tokenizer.end_id]
            ids += head + answer
            mask += [0] * len(head) + [1] * len(answer)
    return ids, mask


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
