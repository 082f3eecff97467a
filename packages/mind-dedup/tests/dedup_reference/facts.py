"""Facts in plain Python: what `mind_dedup.loops.facts` must give to the bit."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import numpy.typing as npt

from mind_core.kernels.hashing import finalize
from mind_dedup.char_folding import INVISIBLE, PART_OF_WORD, TABLE_SIZE, tables
from mind_dedup.loops.facts import COUNTER, NUMERAL, ORDINAL, UNIT
from mind_dedup.loops.symbols import SHORT

_SEED = 0x9E3779B97F4A7C15
_DIGITS = {chr(c): c - 0x30 for c in range(0x30, 0x3A)} | {
    chr(c): c - 0xFF10 for c in range(0xFF10, 0xFF1A)
}


def _mixed(value: int) -> int:
    return int(finalize(np.array([value % 2**64], np.uint64))[0])


def _chained(values: list[int]) -> int:
    total = 0
    for value in values:
        total = _mixed(total + value * _SEED)
    return total


def facts_of(text: str, bare: str, tokens: int) -> npt.NDArray[np.uint32]:
    """Return the members that the facts of a text are; `bare` is what is visible of it."""
    if tokens > SHORT and not (tokens <= 1 << 14 and _articles(text) >= 3):
        return np.zeros(0, np.uint32)
    found = sorted([*_numbers(text), *_chinese_numbers(bare), *_capitals(bare)])
    times: Counter[int] = Counter()
    members = []
    for value in found:
        members.append((_mixed(value + times[value] * _SEED) >> 32) | 3)
        times[value] += 1
    return np.array(members, np.uint32)


def _articles(text: str) -> int:
    """Count 第 with 条 or 條 one to six characters of three bytes behind it."""
    data, count = text.encode(), 0
    for match in re.finditer("第".encode(), data):
        at = match.start()
        for ahead in range(at + 6, min(at + 22, len(data) - 2), 3):
            if data[ahead : ahead + 3] in ("条".encode(), "條".encode()):
                count += 1
                break
    return count


def _numbers(text: str) -> list[int]:
    text = re.sub(r"(?<=[0-9０-９]),(?=[0-9]{3}(?![0-9]))", "", text)
    bare = "".join(c for c in text if tables().kinds[min(ord(c), TABLE_SIZE - 1)] != INVISIBLE)
    runs = re.findall("[0-9０-９]+", bare)
    return [_mixed(_chained([_DIGITS[c] + 1 for c in run]) + 11) for run in runs]


def _chinese_numbers(text: str) -> list[int]:
    marks, found = tables().marks, []
    of = [int(marks[min(ord(c), TABLE_SIZE - 1)]) for c in text]
    at = 0
    while at < len(text):
        if not of[at] & NUMERAL:
            at += 1
            continue
        end = at
        while end < len(text) and of[end] & NUMERAL:
            end += 1
        after = of[end] if end < len(text) else 0
        introduces = text[at:end] == "一" and after & COUNTER
        if (at and of[at - 1] & ORDINAL) or (after & UNIT and not introduces):
            found.append(_mixed(_chained([ord(c) for c in text[at:end]]) + 13))
        at = end
    return found


def _capitals(text: str) -> list[int]:
    kinds, values = tables().kinds, tables().values
    words, word = [], ""
    for c in [*text, "\n"]:
        if kinds[min(ord(c), TABLE_SIZE - 1)] == PART_OF_WORD:
            word += c
        elif word:
            words.append(word)
            word = ""
    found = []
    for word in words:
        upper = sum("A" <= c <= "Z" for c in word)
        if upper > 1 and upper == sum(c not in _DIGITS for c in word):
            found.append(
                _mixed(_chained([int(values[min(ord(c), TABLE_SIZE - 1)]) for c in word]) + 17)
            )
    return found if 4 * len(found) <= len(words) else []
