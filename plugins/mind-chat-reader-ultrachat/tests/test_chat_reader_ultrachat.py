"""What is read, and what is refused."""

from __future__ import annotations

import pytest
from mind_chat_reader_ultrachat import Ultrachat

from mind_core.chats import ChatError


def test_turns_are_read() -> None:
    row = {"id": "1", "data": ["Why?", "Because.", "And then?", "Nothing."]}
    assert Ultrachat().matches(row) and not Ultrachat().matches({"data": [1]})
    (chat,) = Ultrachat()(row)
    assert [turn["role"] for turn in chat] == ["user", "assistant"] * 2


def test_a_blank_turn_is_refused() -> None:
    with pytest.raises(ChatError):
        Ultrachat()({"data": ["Why?", " "]})
