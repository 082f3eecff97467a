"""Own rules of examinations in which a model writes: several right choices, calculations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SET = r"([ABCD,，、\s]+)"
_RUN = r"(?<![ABCD,，、\s])([ABCD,，、\s]++)"
"""The same with what follows it: from its beginning, so that a long one is read once."""

_STATED = tuple(
    re.compile(pattern)
    for pattern in (
        rf"答案应?该?[为是]{_SET}", rf"选项应?该?[是为]{_SET}", rf"答案{_SET}",
        rf"答案应该?选\s?{_SET}", rf"选择{_SET}", rf"故?选[:：]?{_SET}", rf"选择答案{_SET}",
        rf"^\s*选{_SET}[,，项．\.]", rf"{_RUN}</s>", rf"^{_SET}。",
    )
)  # fmt: skip
_LISTED = re.compile(r"[ABCD][.．]")
_JUDGED = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_RUN}都?是正确的", rf"选项{_SET}正确", rf"{_RUN}选项正确", rf"{_RUN}都?[是为]正确答案",
        rf"{_RUN}都?[是为]正确选项", rf"{_RUN}选?项?都?属于[^错不]",
    )
)  # fmt: skip
SHORT = 10
"""A shorter text is nothing but the answer."""

_NUMBER = re.compile(r"(-?)(\d[\d,，]*(?:\.\d+)?)\s*([%％万亿千百]*)")
_UNITS = {"%": 0.01, "％": 0.01, "万": 1e4, "亿": 1e8, "千": 1e3, "百": 1e2}


def all_choices(doc: Mapping[str, Any], text: str) -> dict[str, float]:
    """Score DISC-Law-Eval's choices: right if all right letters are named, and no other."""
    named = letters_named(text)
    return {"score": float(named == set(doc["letters"])), "abstained": float(not named)}


def listed_choices(doc: Mapping[str, Any], text: str) -> dict[str, float]:
    """Score AGIEval's questions with several right choices, as its authors: all capitals A to F.

    Right if they are the right letters and no other; where no choice is right, if there are none.
    """
    named = set(re.findall("[A-F]", text))
    return {"score": float(named == set(doc["letters"])), "abstained": float(not named)}


def letters_named(text: str) -> set[str]:
    """Collect the letters of a text that are given as its answer.

    In order, as the authors' program looks: a short text is the answer; the first phrase that
    states one; letters with a full stop; letters called right; the whole text.
    """
    return {letter for letter in _answer(text) if letter in "ABCD"}


def _answer(text: str) -> str:
    # The order is the authors': a phrase that states an answer goes before letters elsewhere.
    if len(text) < SHORT:
        return text
    for pattern in _STATED:
        if found := pattern.search(text):
            return found[1]
    if listed := _LISTED.findall(text):
        return "".join(listed)
    for pattern in _JUDGED:
        if judged := pattern.findall(text):
            return "".join(judged)
    return text


def calculation(doc: Mapping[str, Any], text: str) -> dict[str, float]:
    """Score a calculation: the last number of a text is the right one, to the digits of that.

    A unit (万, %) may be written or left out; with one the value counts. This rule is ours: the
    authors publish none.
    """
    found = _NUMBER.findall(text)
    right = False
    if found:
        (gold,) = _NUMBER.findall(doc["answer"])[:1]
        digits = len(gold[1].partition(".")[2])
        # As written, and with the units multiplied in: 1.2万 is right as 1.2 and as 12000.
        for raw in (True, False):
            # Half a unit of the last digit that the reference gives.
            bound = 0.5 * 10**-digits * (1 if raw else _unit(gold[2]))
            difference = abs(_value(found[-1], raw) - _value(gold, raw))
            right |= difference <= bound * (1 + 1e-9)
    return {"score": float(right), "abstained": float(not found)}


def has_number(text: str) -> bool:
    """Tell whether a text holds a number, as the reference answer of a calculation must."""
    return _NUMBER.search(text) is not None


def _value(parts: tuple[str, str, str], raw: bool) -> float:
    sign, number, unit = parts
    value = float(re.sub("[,，]", "", number)) * (-1 if sign else 1)
    return value if raw else value * _unit(unit)


def _unit(unit: str) -> float:
    product = 1.0
    for mark in unit:
        product *= _UNITS[mark]
    return product
