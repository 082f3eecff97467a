"""Conversations of every layout that mind-core reads, each as a record with a key."""

from __future__ import annotations

import hashlib

from mind_core import Reason, Record
from mind_core.chats import ChatFormat, check_turns

FORMAT = ChatFormat()


def read_dialogue(row: Record, source: str, position: str = "record") -> Record | Reason:
    """Bring a raw row into `messages`, user and assistant in turn, ending with an answer.

    Every layout of `mind_core.chats` is read; what stands behind the last answer is left off. An
    `instruction` with a `question` of its own (LawBench) is one question. What the layout does not
    use goes under `metadata`. Raises `BadRecord` for what is no conversation; reasons are those of
    `check_turns` and of the layouts.
    """
    if isinstance(row.get("instruction"), str) and isinstance(row.get("question"), str):
        row = {**row, "input": row["question"]}
        del row["question"]
    record, conversation = FORMAT.records(row, position)[0]
    if conversation.reason is not None:
        return conversation.reason
    checked = check_turns(conversation.messages)
    if checked.reason is not None:
        return checked.reason
    whole = "\n".join(f"{one['role']}: {one['content']}" for one in checked.messages)
    key = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    metadata = record.get("metadata")
    rest = {
        name: value
        for name, value in record.items()
        if name not in ("id", "messages", "metadata", "source") and value is not None
    }
    return {
        "id": key if record.get("id") is None else str(record["id"]),
        "messages": checked.messages,
        "source": record.get("source") or source,
        "metadata": {**(metadata if isinstance(metadata, dict) else {}), **rest},
    }
