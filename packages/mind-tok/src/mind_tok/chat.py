"""MindLLM's chat format as ids, with the mask of what is trained on.

`<user>\\n{question}\\n<assistant>\\n{answer}<|endoftext|>`, repeated for further turns (the format
of the model card; the end token behind every answer is the natural reading for several turns).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mind_core import MindError, Record
from mind_core.chats import ChatFormat, Conversation, Message
from mind_core.chats.messages import ROLES
from mind_core.errors import BadRecord
from mind_core.records import encode as encode_record
from mind_core.special_tokens import ASSISTANT, END, USER
from mind_tok.tokenizer import Tokenizer


class UnsuitableChat(BadRecord):
    """Report a conversation that is read, but that this format cannot say without loss."""


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


def check_has_turns(tokenizer: Tokenizer) -> None:
    """Raise `MindError` if a tokenizer lacks a token that conversations are written with."""
    for name in (USER, ASSISTANT, END):
        if name not in tokenizer.special_ids:
            raise MindError(
                f"the tokenizer has no token {name}, which MindLLM's chat format needs",
                hint="--chat-template chatml, llama3, qwen or FILE for another model's tokenizer",
            )


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
    # All places that no control token has, in their order: those of the texts.
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


def trainable(
    messages: Sequence[Mapping[str, str]], record: Record, position: str = "record"
) -> tuple[list[Message], int]:
    """Return a conversation up to its last answer, and how many messages behind it were cut.

    Raises `UnsuitableChat` if there is no answer (`no_answer`), one is blank (`empty_answer`: the
    model would learn to end at once), or a system message has no question behind it.
    """
    last = max((i for i, m in enumerate(messages) if m["role"] == "assistant"), default=-1)
    kept = [dict(message) for message in messages[: last + 1]]
    if not trained_text(kept).strip():
        raise _unsuitable("no_answer", record, position, "nothing in it is an answer")
    system = False
    for message in kept:
        if message["role"] == "assistant" and not message["content"].strip():
            raise _unsuitable("empty_answer", record, position, "one of its answers is blank")
        # A system message waits for a question, past other messages: only that carries it.
        system = message["role"] == "system" or (system and message["role"] != "user")
    if system:
        raise _unsuitable(
            "misplaced_system", record, position, "a system message has no question behind it"
        )
    return kept, len(messages) - len(kept)


def conversations_of(record: Record, position: str = "record") -> list[tuple[Record, Conversation]]:
    """Return the conversations of a record of any layout that `mind_core.chats` reads.

    The record itself comes back where it holds one conversation, and one with `messages` for each
    where it holds several. Raises `BadRecord` for what is no instruction, and its kind
    `UnsuitableChat` for what this format cannot say: tool calls, contents that are null, parts that
    are no text, reasoning beside the answer, template headings amid an answer.
    """
    found = ChatFormat().records(record, position)
    for _, conversation in found:
        if (reason := conversation.reason) is not None:
            # A mistake in the data, unlike what is well-formed and only has no place in
            # this format.
            if reason == "unknown_role":
                raise BadRecord(
                    "wrong_type", position, encode_record(record), cause=conversation.cause
                )
            raise _unsuitable(reason, record, position, conversation.cause)
    return [(record, found[0][1])] if len(found) == 1 else found


def messages_of(record: Record, position: str = "record") -> list[Message]:
    """Return the messages of a record that holds one conversation; see `conversations_of`."""
    return conversations_of(record, position)[0][1].messages


def _unsuitable(reason: str, record: Record, position: str, cause: str) -> UnsuitableChat:
    return UnsuitableChat(reason, position, encode_record(record), cause=cause)


def _turns(messages: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    turns: list[tuple[str, str]] = []
    system: list[str] = []
    for message in messages:
        role = ROLES.get(message["role"])
        if role is None:
            raise MindError(
                f"a message has the unknown role {message['role']!r}",
                hint="roles are user, assistant and system",
            )
        if role == "system":
            # Kept for the next question: the format has no turn for it.
            system.append(message["content"])
        elif role == "user":
            turns.append((role, "\n".join([*system, message["content"]])))
            system = []
        else:
            turns.append((role, message["content"]))
    return turns
