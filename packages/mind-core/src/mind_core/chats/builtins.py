"""The layouts that are read by themselves, in the order in which they are looked for."""

from __future__ import annotations

from mind_core.chats.hookspecs import ChatReader, hookimpl
from mind_core.records import Offers


@hookimpl
def register_chat_readers() -> Offers[ChatReader]:
    """Offer the layouts of the instruction sets in use, the most particular first."""
    lists, fields = "mind_core.chats.turn_lists", "mind_core.chats.field_pairs"
    return {
        "messages": f"{lists}:MessagesReader",
        "sharegpt": f"{lists}:ShareGPTReader",
        "moss": f"{lists}:MossReader",
        "turns": f"{lists}:TurnsReader",
        "self-instruct": f"{fields}:SelfInstructReader",
        "alpaca": f"{fields}:AlpacaReader",
        "query": f"{fields}:QueryReader",
        "prompt-response": f"{fields}:PromptResponseReader",
        "question-answer": f"{fields}:QuestionAnswerReader",
        "input-output": f"{fields}:InputOutputReader",
        "inline": f"{lists}:InlineReader",
    }
