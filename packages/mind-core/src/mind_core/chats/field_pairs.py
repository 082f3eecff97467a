"""Readers of layouts in which a question and its answer are fields of the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mind_core.chats.inline_turns import begins_with_mark, split_turns
from mind_core.chats.messages import ChatError, Message, text_content
from mind_core.chats.turn_lists import listed_turns, system_message

ANSWERS = ("output", "response", "answer", "target", "completion", "std_answer")


def first_field(record: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """Return the first of the names that the record has."""
    return next((name for name in names if name in record), None)


def as_messages(
    record: Mapping[str, Any], question: str, answer: Any, system: Sequence[str] = ("system",)
) -> list[Message]:
    """Return system prompt, history, question and answer; a question with marked turns is split."""
    messages = system_message(record, *system)
    history = record.get("history")
    if history:
        messages += listed_turns(history, "history")
    # Huatuo puts the turns before the last question into it, each behind its mark.
    if begins_with_mark(question):
        messages += split_turns(question)
    else:
        messages.append({"role": "user", "content": question})
    messages.append({"role": "assistant", "content": text_content(answer, "the answer")})
    return messages


class AlpacaReader:
    """Read `instruction`, `input` and `output`: Alpaca, BELLE, LLaMA-Factory (with `history` and
    `system`), Dolly (`context` and `response`), Huatuo (turns inside the instruction).
    """

    fields: Sequence[str] = ("instruction", "input", "context", "history", "system", *ANSWERS)

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether there are an instruction and an answer."""
        return "instruction" in record and first_field(record, ANSWERS) is not None

    def __call__(self, record: Mapping[str, Any]) -> list[list[Message]]:
        """Return the conversation."""
        # `matches` has seen to an answer; the `or` is for the checker of types.
        answer = record[first_field(record, ANSWERS) or "output"]
        question = required_text(record, "instruction")
        more = record.get("input") or record.get("context")
        if more:
            question = f"{question}\n{text_content(more, 'the input')}"
        return [as_messages(record, question, answer)]


class SelfInstructReader:
    """Read `instruction` with `instances` of input and output: one conversation for each."""

    fields: Sequence[str] = ("instruction", "instances")

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether there are an instruction and instances."""
        return "instruction" in record and isinstance(record.get("instances"), list)

    def __call__(self, record: Mapping[str, Any]) -> list[list[Message]]:
        """Return a conversation for each instance."""
        made = []
        for instance in record["instances"]:
            if not isinstance(instance, dict) or "output" not in instance:
                raise ChatError("wrong_type", "an instance has 'input' and 'output'")
            question = required_text(record, "instruction")
            if instance.get("input"):
                question = f"{question}\n{text_content(instance['input'], 'the input')}"
            made.append(as_messages({}, question, instance["output"]))
        if not made:
            raise ChatError("no_answer", "'instances' is empty")
        return made


class QueryReader:
    """Read `query` with `response` or a whole `history`: lawyer-llama, Firefly, ms-swift."""

    fields: Sequence[str] = ("query", "response", "history", "system")

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether there are a query and what was said to it."""
        return "query" in record and ("response" in record or "history" in record)

    def __call__(self, record: Mapping[str, Any]) -> list[list[Message]]:
        """Return the conversation; a history without a response holds the query itself."""
        if "response" in record:
            return [as_messages(record, required_text(record, "query"), record["response"])]
        turns = listed_turns(record["history"], "history")
        return [[*system_message(record, "system"), *turns]]


class PromptResponseReader:
    """Read `prompt` with `response` or `completion`, texts or messages: TRL, llm-foundry."""

    fields: Sequence[str] = ("prompt", "response", "completion", "answer", "output", "chosen",
                             "history", "system")  # fmt: skip

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether there are a prompt and an answer."""
        return "prompt" in record and first_field(record, self.fields[1:6]) is not None

    def __call__(self, record: Mapping[str, Any]) -> list[list[Message]]:
        """Return the conversation."""
        prompt, answer = record["prompt"], record[first_field(record, self.fields[1:6]) or ""]
        if isinstance(prompt, list):
            turns = listed_turns(prompt, "prompt")
            if isinstance(answer, list):
                said = listed_turns(answer, "completion")
                # `chosen` of preference data may hold the prompt again.
                return [said if said[: len(turns)] == turns else [*turns, *said]]
            return [[*turns, {"role": "assistant", "content": text_content(answer, "the answer")}]]
        return [as_messages(record, required_text(record, "prompt"), answer)]


class QuestionAnswerReader:
    """Read `question` with `answer` or `std_answer`: BELLE's evaluation set, many QA sets."""

    # Fields 1 to 6 are answers, of which the first that a record has is taken: the reference of an
    # examination goes before what a model said.
    fields: Sequence[str] = ("question", "std_answer", "answer", "response", "output",
                             "best_answer", "reference_answer", "history", "system")  # fmt: skip

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether there are a question and an answer."""
        return "question" in record and first_field(record, self.fields[1:7]) is not None

    def __call__(self, record: Mapping[str, Any]) -> list[list[Message]]:
        """Return the conversation."""
        answer = record[first_field(record, self.fields[1:7]) or ""]
        return [as_messages(record, required_text(record, "question"), answer)]


class InputOutputReader:
    """Read `input` with `output` or `target`: lawyer-llama's examinations, Firefly, pCLUE."""

    fields: Sequence[str] = ("input", "output", "target", "response", "answer", "history", "system")

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether there are an input and an answer."""
        return "input" in record and first_field(record, self.fields[1:5]) is not None

    def __call__(self, record: Mapping[str, Any]) -> list[list[Message]]:
        """Return the conversation."""
        answer = record[first_field(record, self.fields[1:5]) or ""]
        return [as_messages(record, required_text(record, "input"), answer)]


def required_text(record: Mapping[str, Any], name: str) -> str:
    """Return a text field; raise `ChatError` for another type."""
    if not isinstance(record[name], str):
        raise ChatError("wrong_type", f"{name!r} must be a string")
    return str(record[name])
