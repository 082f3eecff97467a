"""Readers of layouts in which the turns are a list, a numbered object or one text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mind_core.chats.inline_turns import begins_with_mark, split_turns
from mind_core.chats.messages import ChatError, Message, role_of, text_content
from mind_core.untrusted import whole_number

PAIRS = (
    ("human", "assistant"), ("question", "answer"), ("user", "assistant"), ("user", "bot"),
    ("instruction", "output"), ("query", "response"), ("prompt", "response"), ("q", "a"),
)  # fmt: skip
"""Names of a question and its answer where a turn is one object with both."""


def system_message(record: Mapping[str, Any], *names: str) -> list[Message]:
    """Return a record's system prompt as a message; [] if it has none."""
    for name in names:
        if isinstance(text := record.get(name), str) and text.strip():
            return [{"role": "system", "content": text}]
    return []


def listed_turns(rows: Any, field: str) -> list[Message]:
    """Return messages of a list: objects of role and content, of question and answer, or texts that
    are said in turn.
    """
    if not isinstance(rows, list):
        raise ChatError("wrong_type", f"{field!r} is a list")
    messages: list[Message] = []
    for index, row in enumerate(rows):
        if isinstance(row, str):
            # A text that begins with the mark of an assistant in brackets, such as [律师], is split
            # too. Of another, such as [1], what stands before a later mark would be lost.
            begins = begins_with_mark(row, of_user=not row.startswith("["))
            marked = split_turns(row) if begins else []
            role = ("user", "assistant")[index % 2]
            messages += marked or [{"role": role, "content": row}]
        elif isinstance(row, dict):
            messages += _object_turns(row, field)
        elif isinstance(row, list) and len(row) == 2:
            messages += question_answer(row[0], row[1], field)
        else:
            raise ChatError("wrong_type", f"{field!r} has a turn of type {type(row).__name__}")
    return messages


def _object_turns(row: Mapping[str, Any], field: str) -> list[Message]:
    role = row.get("role", row.get("from"))
    # Without what a tool was asked and said, the turns after it would answer what nobody sees.
    for name in ("tool_calls", "function_call", "reasoning_content"):
        if row.get(name):
            reason = "reasoning_content" if name == "reasoning_content" else "tool_calls"
            raise ChatError(reason, f"a message of {field!r} has {name!r}, which has no place here")
    if role is None:
        for question, answer in PAIRS:
            if question in row and answer in row:
                asked = row[question]
                # Alpaca's layout within a turn: the instruction with what it is about.
                if question == "instruction" and row.get("input"):
                    asked = f"{text_content(asked)}\n{text_content(row['input'])}"
                return question_answer(asked, row[answer], field)
    role, what = role_of(role), f"a message of {field!r}"
    # The names of OpenAI, of ShareGPT and of OpenAssistant.
    for name in ("content", "value", "text"):
        if name in row:
            return [{"role": role, "content": text_content(row[name], what)}]
    raise ChatError("wrong_type", f"'content' of {what} is missing: it must be a string")


def question_answer(question: Any, answer: Any, field: str) -> list[Message]:
    """Return a question and its answer as two messages."""
    return [
        {"role": "user", "content": text_content(question, f"a question of {field!r}")},
        {"role": "assistant", "content": text_content(answer, f"an answer of {field!r}")},
    ]


class MessagesReader:
    """Read `messages` of role and content: OpenAI, Tulu, open-instruct, UltraChat 200k."""

    fields: Sequence[str] = ("messages",)

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether there are messages."""
        return record.get("messages") is not None

    def __call__(self, record: Mapping[str, Any]) -> list[list[Message]]:
        """Return the conversation."""
        rows = record["messages"]
        if isinstance(rows, list):
            # Texts and pairs are no turns of this layout. An empty object has no content either,
            # and is told as damaged.
            rows = [row if isinstance(row, dict) else {} for row in rows]
        return [listed_turns(rows, "messages")]


class ShareGPTReader:
    """Read `conversations` of from and value: ShareGPT, Vicuna, LLaMA-Factory; of COIG, MOSS-003
    and UltraChat, whose turns are pairs or texts.
    """

    fields: Sequence[str] = ("conversations", "conversation", "items", "dialogue", "dialog", "data",
                             "system")  # fmt: skip

    def _field(self, record: Mapping[str, Any]) -> str | None:
        for name in self.fields[:-1]:
            # No other layout has `conversations`: where it is no list, the record is told as
            # damaged and not as one of no layout.
            if isinstance(record.get(name), list) or (
                name == "conversations" and record.get(name) is not None
            ):
                return name
        return None

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether one of the fields is a list."""
        return self._field(record) is not None

    def __call__(self, record: Mapping[str, Any]) -> list[list[Message]]:
        """Return the conversation."""
        name = self._field(record)
        assert name is not None, "it was asked for"
        turns = listed_turns(record[name], name)
        return [[*system_message(record, "system"), *turns]]


class MossReader:
    """Read MOSS's `chat` of turn_1 … turn_N; what it thought and called is left out."""

    fields: Sequence[str] = ("chat", "meta_instruction")

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether `chat` has numbered turns."""
        chat = record.get("chat")
        return isinstance(chat, dict) and any(name.startswith("turn_") for name in chat)

    def __call__(self, record: Mapping[str, Any]) -> list[list[Message]]:
        """Return the conversation, in the order of the turns' numbers."""
        messages = system_message(record, "meta_instruction")
        turns = record["chat"]
        # By number, as turn_10 comes before turn_2 by name.
        for name in sorted(turns, key=_turn_number):
            turn = turns[name]
            if not isinstance(turn, dict) or "Human" not in turn or "MOSS" not in turn:
                raise ChatError("wrong_type", f"{name!r} of 'chat' has no 'Human' and 'MOSS'")
            for speaker, role in (("Human", "user"), ("MOSS", "assistant")):
                content = text_content(turn[speaker], f"{speaker!r} of {name!r}")
                content = _MOSS_MARKS.sub("", content).strip()
                messages.append({"role": role, "content": content})
        return [messages]

    def left_out(self, record: Mapping[str, Any]) -> int:
        """Count the turns whose answer came after a call of a tool, which is not read."""
        turns = [turn for turn in record["chat"].values() if isinstance(turn, dict)]
        commands = [str(turn.get("Commands") or "") for turn in turns]
        return sum(_MOSS_COMMAND.sub("", text).strip() not in ("", "None") for text in commands)


# In MOSS-003 a question is `<|Human|>: …<eoh>`, an answer `<|MOSS|>: …<eom>`, and a call of a tool
# `<|Commands|>: …<eoc>`, of the word None where there is none.
_MOSS_COMMAND = re.compile(r"<\|Commands\|>\s*:|<eoc>")
_MOSS_MARKS = re.compile(r"\A\s*<\|(?:Human|MOSS)\|>\s*:|<eo[ham]>\s*\Z|<eom>\s*\Z")


def _turn_number(name: str) -> int:
    number = whole_number(name.rpartition("_")[2])
    if number is None:
        raise ChatError("wrong_type", f"{name!r} of 'chat' has no number")
    return number


class TurnsReader:
    """Read records that are lists of turns by themselves: lawyer-llama; they come as `turns`."""

    fields: Sequence[str] = ("turns",)

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether there is a list of turns."""
        return isinstance(record.get("turns"), list)

    def __call__(self, record: Mapping[str, Any]) -> list[list[Message]]:
        """Return the conversation."""
        return [listed_turns(record["turns"], "turns")]


class InlineReader:
    """Read one text with marked turns, `<human>: … <bot>: …`: OIG, RefGPT, MOSS-002, Guanaco."""

    fields: Sequence[str] = ("dialogue", "dialog", "conversation", "plain_text", "text",
                             "meta_instruction")  # fmt: skip

    def _text(self, record: Mapping[str, Any]) -> str | None:
        for name in self.fields[:-1]:
            if isinstance(text := record.get(name), str) and begins_with_mark(text):
                return text
        return None

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether one of the texts begins with the mark of a user."""
        return self._text(record) is not None

    def __call__(self, record: Mapping[str, Any]) -> list[list[Message]]:
        """Return the conversation."""
        return [
            [*system_message(record, "meta_instruction"), *split_turns(self._text(record) or "")]
        ]
