"""Residue of prompt templates in questions and answers: found, removed, counted."""

from __future__ import annotations

import re

from mind_core.chats.messages import ChatError

_PREAMBLE = re.compile(
    r"\s*(?:Below is an instruction that describes a task[^\n]*?"
    r"|以下是一个?描述任务的指令[^\n]*?)"
    r"(?:completes the request|完成请求|完成该?请求)[.。]?[ \t]*\n*"
)
"""The first lines of Alpaca's template (stanford_alpaca/train.py), and of its translation."""

_HEADING = r"###[ \t]*(?:Instruction|Input|Response|Output|指令|输入|回复|回答|输出)[ \t]*[:：]"
_HEADINGS_FIRST = re.compile(rf"\s*(?:{_HEADING}\s*)+")
_HEADINGS_LAST = re.compile(rf"\s*(?:^{_HEADING}\s*)+\Z", re.MULTILINE)
_HEADING_BETWEEN = re.compile(rf"\n+^{_HEADING}[ \t]*\n?", re.MULTILINE)
_HEADING_ANYWHERE = re.compile(rf"^{_HEADING}", re.MULTILINE)
_END_MARKS = re.compile(
    r"(?:\s*(?:</s>|<\|endoftext\|>|<\|im_end\|>|<\|eot_id\|>|<eo[hamctr]>|<end_of_turn>))+\s*\Z"
)


def clean_question(text: str) -> tuple[str, int]:
    """Return a question without template text, and how many pieces were removed."""
    return _removed(text, (_PREAMBLE, True), (_HEADINGS_FIRST, True), (_HEADINGS_LAST, False),
                    (_HEADING_BETWEEN, None), (_END_MARKS, False))  # fmt: skip


def clean_answer(text: str) -> tuple[str, int]:
    """Return an answer without template text at its edges, and how many pieces were removed.

    Raises `ChatError` for an answer that has template headings in the middle: the model that wrote
    it went on with the next instruction.
    """
    cleaned, count = _removed(
        text, (_HEADINGS_FIRST, True), (_HEADINGS_LAST, False), (_END_MARKS, False)
    )
    if "###" in cleaned and _HEADING_ANYWHERE.search(cleaned):
        raise ChatError("template_residue", "an answer has template headings in its middle")
    return cleaned, count


def _removed(text: str, *patterns: tuple[re.Pattern[str], bool | None]) -> tuple[str, int]:
    """Remove patterns at the start (True), at the end (False) or anywhere (None)."""
    if not any(mark in text for mark in ("###", "<", "Below is", "以下是")):
        return text, 0
    count = 0
    for pattern, at_start in patterns:
        if at_start is None:
            text, times = pattern.subn("\n", text)
            count += times
            continue
        found = pattern.match(text) if at_start else pattern.search(text)
        if found is not None and found.end() > found.start():
            text = text[found.end() :] if at_start else text[: found.start()]
            count += 1
    return text, count
