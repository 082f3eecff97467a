"""Instruction records of many layouts as conversations: one place for every tool."""

from mind_core.chats.messages import ChatError, CheckedTurns, Message, check_turns

__all__ = ["ChatError", "CheckedTurns", "Message", "check_turns"]
