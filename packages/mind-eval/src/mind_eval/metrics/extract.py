"""Find the answer in what a model wrote; None: it cannot be parsed, which is counted."""

from __future__ import annotations

import re
from collections.abc import Callable

_NUMBER = re.compile(r"-?\$?\d[\d,]*(?:\.\d+)?|-?\.\d+")
_MARKED = re.compile(r"####\s*(-?\$?[\d.,]*\d)")
_STATED = re.compile(r"(?:the )?answer is:?\s*([^\n]+)", re.IGNORECASE)
_FINAL = re.compile(r"[Ff]inal [Aa]nswer:?\s*+(?:The final answer is\s*+)?([^\n]*)")


def number_marked(text: str) -> str | None:
    """Find the number after GSM8K's `####`."""
    found = _MARKED.search(text)
    return plain_number(found.group(1)) if found else None


def number_last(text: str) -> str | None:
    """Find the last number of a text."""
    found = _NUMBER.findall(text)
    return plain_number(found[-1]) if found else None


def stated(text: str) -> str | None:
    """Find what stands after "the answer is", as BBH's own prompts end."""
    found = _STATED.search(text)
    return _without_full_stop(found.group(1)) or found.group(1).strip() if found else None


def formula(text: str) -> str | None:
    """Find the last `\\boxed{…}`, else what follows "Final Answer", as it stands."""
    boxed = last_boxed(text)
    if boxed is None:
        found = _FINAL.search(text)
        said = _without_full_stop(found.group(1).split("I hope")[0]) if found else None
        boxed = said or None
    return None if boxed is None else boxed.strip().removeprefix("$").removesuffix("$").strip()


def formula_line(text: str) -> str | None:
    """Find the last `\\boxed{…}`, else what the last line says, behind AGIEval's own words."""
    boxed = last_boxed(text)
    if boxed is None:
        line = next((one for one in reversed(text.split("\n")) if one.strip()), "")
        for words in ("The answer is therefore", "答案是"):
            line = line.rpartition(words)[2]
        boxed = _without_full_stop(line).removesuffix("。")
    return boxed.replace("$", "").strip() or None


def whole(text: str) -> str | None:
    """Take the whole text, trimmed; an empty one is no answer."""
    return text.strip() or None


def _without_full_stop(line: str) -> str:
    return line.rstrip().removesuffix(".").strip()


EXTRACTORS: dict[str, Callable[[str], str | None]] = {
    "number_marked": number_marked,
    "number_last": number_last,
    "stated": stated,
    "formula": formula,
    "formula_line": formula_line,
    "whole": whole,
}


def plain_number(text: str) -> str:
    """Spell a number in one way: no thousands, no currency, no trailing zeros or point."""
    text = text.replace(",", "").replace("$", "").strip().rstrip(".")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    # What is left of "0.0" after its zeros and point went.
    return text if text not in ("", "-") else "0"


def last_boxed(text: str) -> str | None:
    """Return what the last `\\boxed{…}` or `\\fbox{…}` holds, braces balanced."""
    start = max(text.rfind("\\boxed"), text.rfind("\\fbox"))
    if start < 0:
        return None
    opened = text.find("{", start)
    if opened < 0:
        # `\boxed 5` without braces.
        return text[start:].removeprefix("\\boxed").strip().split("$")[0] or None
    depth = 0
    for place in range(opened, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[opened + 1 : place]
    return None


DIGITS = (
    {mark: value for value, mark in enumerate("零一二三四五六七八九")}
    | {mark: value for value, mark in enumerate("〇壹贰叁肆伍陆柒捌玖")}
    | {"两": 2}
)
UNITS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
MYRIADS = {"万": 10**4, "亿": 10**8}
_NUMERAL = re.compile(f"[{''.join([*DIGITS, *UNITS])}][{''.join([*DIGITS, *UNITS, *MYRIADS])}]*")

# 亿 brings eight digits, and Python turns 4,300 into text at most.
_LONGEST_NUMERAL = 400


def number_of(numeral: str) -> int:
    """Read a numeral; a row of digits without units is read digit by digit."""
    if not any(mark in UNITS or mark in MYRIADS for mark in numeral):
        return int("".join(str(DIGITS[mark]) for mark in numeral))
    large = total = section = digit = 0
    for mark in numeral:
        if mark in DIGITS:
            digit = DIGITS[mark]
        elif mark in UNITS:
            # 十五 is 15: a unit without a digit before it stands for one of it.
            section += (digit or 1) * UNITS[mark]
            digit = 0
        elif mark == "亿":
            # 亿 multiplies all that stands before it: 一万亿 is 10¹².
            large = (large + total + section + digit) * MYRIADS[mark]
            total = section = digit = 0
        else:
            total = (total + section + digit) * MYRIADS[mark]
            section = digit = 0
    return large + total + section + digit


def with_digits(text: str) -> str:
    """Write the numerals of a text as digits; one of over 400 characters stays as it is."""
    return _NUMERAL.sub(
        lambda found: str(number_of(found[0])) if len(found[0]) <= _LONGEST_NUMERAL else found[0],
        text,
    )
