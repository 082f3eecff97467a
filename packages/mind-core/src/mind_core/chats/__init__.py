"""Instruction records of many layouts as conversations: one place for every tool."""

from mind_core.chats.hookspecs import ChatReader, hookimpl
from mind_core.chats.json_values import read_chat_batches
from mind_core.chats.messages import ChatError, CheckedTurns, Message, check_turns
from mind_core.chats.reading import AUTO, ChatFormat, Conversation, make_chat_plugins

__all__ = [
    "AUTO",
    "ChatError",
    "ChatFormat",
    "ChatReader",
    "CheckedTurns",
    "Conversation",
    "Message",
    "check_turns",
    "hookimpl",
    "make_chat_plugins",
    "read_chat_batches",
]
