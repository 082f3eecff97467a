"""Residue of prompt templates in questions and answers: found, removed, counted."""

from __future__ import annotations

import re

from mind_core.chats.messages import ChatError

_PREAMBLE = re.compile(
    r"(?:Below is an instruction that describes a task[^\n]{0,200}?completes the request"
    r"|以下是一个?描述任务的指令[^\n]{0,200}?完成该?请求)[.。]?"
)
"""The first line of Alpaca's template (stanford_alpaca/train.py), and of its translation."""

_HEADING = re.compile(
    r"###[ \t]*(?:Instruction|Input|Response|Output|指令|输入|回复|回答|输出)[ \t]*[:：]"
)
_HEADING_ANYWHERE = re.compile(rf"^{_HEADING.pattern}", re.MULTILINE)
_END_MARKS = (
    "</s>", "<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<end_of_turn>",
    "<eoh>", "<eoa>", "<eom>", "<eoc>", "<eot>", "<eor>",
)  # fmt: skip


def clean_question(text: str) -> tuple[str, int]:
    """Return a question without template text, and how many pieces were removed."""
    if not _may_have_residue(text):
        return text, 0
    cleaned, count = text, 0
    if found := _PREAMBLE.match(text.lstrip()):
        cleaned, count = text.lstrip()[found.end() :], 1
    for clean in (_without_first_headings, _without_last, _without_inner_headings):
        cleaned, times = clean(cleaned)
        count += times
    return cleaned, count


def clean_answer(text: str) -> tuple[str, int]:
    """Return an answer without template text at its edges, and how many pieces were removed.

    Raises `ChatError` for an answer that has template headings in the middle: the model that wrote
    it went on with the next instruction.
    """
    if not _may_have_residue(text):
        return text, 0
    cleaned, first = _without_first_headings(text)
    cleaned, last = _without_last(cleaned)
    if _HEADING_ANYWHERE.search(cleaned):
        raise ChatError("template_residue", "an answer has template headings in its middle")
    return cleaned, first + last


def _may_have_residue(text: str) -> bool:
    # Each pattern below needs one of these, and hardly any text has one.
    return any(mark in text for mark in ("###", "<", "Below is", "以下是"))


def _without_first_headings(text: str) -> tuple[str, int]:
    rest, count = text.lstrip(), 0
    while found := _HEADING.match(rest):
        # However many stand there, they are one piece of the template.
        rest, count = rest[found.end() :].lstrip(), 1
    return (rest, count) if count else (text, 0)


def _without_last(text: str) -> tuple[str, int]:
    """Remove headings on lines of their own and end marks from the end, each kind counted once."""
    rest, kinds = text.rstrip(), set()
    while True:
        line = rest[rest.rfind("\n") + 1 :]
        mark = next((mark for mark in _END_MARKS if rest.endswith(mark)), None)
        if mark is not None:
            rest = rest[: -len(mark)].rstrip()
            kinds.add("mark")
        elif line and _HEADING.fullmatch(line.strip()):
            rest = rest[: len(rest) - len(line)].rstrip()
            kinds.add("heading")
        else:
            return (rest, len(kinds)) if kinds else (text, 0)


def _without_inner_headings(text: str) -> tuple[str, int]:
    """Remove headings between the lines of a question, with the blank lines before them."""
    kept: list[str] = []
    count = 0
    for line in text.split("\n"):
        found = _HEADING.match(line) if kept else None
        if found is None:
            kept.append(line)
            continue
        count += 1
        while kept and not kept[-1].strip():
            kept.pop()
        if rest := line[found.end() :].strip():
            kept.append(rest)
    return ("\n".join(kept), count) if count else (text, 0)
