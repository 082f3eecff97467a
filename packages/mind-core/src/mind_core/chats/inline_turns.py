"""Turns that stand inside one text behind marks: `<user>: … <bot>: …` and its relatives."""

from __future__ import annotations

import re

from mind_core.chats.messages import Message

_USER = r"user|human|客户|用户|问"
_ASSISTANT = r"bot|assistant|MOSS|gpt|律师|助手|答"
# Two kinds: a role in brackets anywhere in the text (`<bot>:`, `<|Human|>:`, `[客户]`), or a plain
# word that begins a line (`Human:`, `### Assistant：`).
_MARK = re.compile(
    rf"(?P<open><\|?|\[|【)(?P<role>{_USER}|{_ASSISTANT})(?:\|?>|\]|】)[ \t]*(?P<colon>[:：]?)"
    r"|^(?:###[ \t]*)?(?P<plain>Human|User|Assistant|Bot|用户|助手)[ \t]*[:：]",
    re.MULTILINE | re.IGNORECASE,
)
_IS_USER = re.compile(_USER, re.IGNORECASE)


def begins_with_mark(text: str, *, of_user: bool = True) -> bool:
    """Tell whether a text begins with the mark of a user's turn, or with any mark."""
    found = _MARK.match(text.lstrip())
    return found is not None and _is_mark(found) and (not of_user or _role(found) == "user")


def split_turns(text: str) -> list[Message]:
    """Return the turns of a text that `begins_with_mark`, each without its mark; a last turn of an
    assistant that says nothing yet is left out.
    """
    marks = [found for found in _MARK.finditer(text) if _is_mark(found)]
    turns: list[Message] = []
    for found, after in zip(marks, [*marks[1:], None], strict=True):
        content = text[found.end() : after.start() if after is not None else len(text)].strip()
        turns.append({"role": _role(found), "content": content})
    if turns and turns[-1]["role"] == "assistant" and not turns[-1]["content"]:
        turns.pop()
    return turns


def _role(found: re.Match[str]) -> str:
    name = found["role"] or found["plain"]
    return "user" if _IS_USER.fullmatch(name) else "assistant"


def _is_mark(found: re.Match[str]) -> bool:
    """Tell a mark from a tag in a text: `<user>` needs its colon, `[客户]` does not."""
    return bool(found["plain"] or found["colon"] or found["open"] in ("[", "【"))
