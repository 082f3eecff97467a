"""What short texts and statutes must not differ in: numbers, ordinals and words in capitals."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.hashing import Hashes, finalize_one
from mind_core.kernels.library import kernel
from mind_dedup.loops.sorting import heap_sort
from mind_dedup.loops.symbols import SHORT, code_at

KIND = np.uint32(3)
"""The two lowest bits of a member of a set: what it is."""

LETTERS, CHARACTERS, FACT = np.uint32(1), np.uint32(2), np.uint32(3)
"""A shingle of words alone, one of Chinese characters alone, a fact; 0 is any other shingle."""

LONGEST_STATUTE = 1 << 14
"""Tokens up to which a text with articles has its facts compared."""

MIN_ARTICLES = 3
_CAPITALS_OF = 4
"""Words in capitals say nothing where more than one word in so many is in capitals."""

NUMERAL, UNIT, ORDINAL, COUNTER = 1, 2, 4, 8
"""Marks of Chinese characters: 三; what is counted (年); 第, 之; what 一 only introduces (个)."""

_ONE, _SEED = np.uint64(1), np.uint64(0x9E3779B97F4A7C15)
_NUMBER, _CHINESE, _CAPITALS = np.uint64(11), np.uint64(13), np.uint64(17)
_SINGLE_ONE = np.uint64(0x4E00)  # 一
Bytes = npt.NDArray[np.uint8]


@kernel
def has_facts(data: Bytes, begin: int, end: int, tokens: int) -> bool:
    """Say whether a text is short, or a statute: one with some 第…条."""
    if tokens <= SHORT:
        return True
    if tokens > LONGEST_STATUTE:
        return False
    # 第 and 条 are looked for by their bytes: nearly every position fails at the first one.
    articles = 0
    for at in range(begin, end - 2):  # 第 is E7 AC AC
        if data[at] == 0xE7 and data[at + 1] == 0xAC and data[at + 2] == 0xAC:
            # Between the two stand one to six characters of three bytes: 第一百二十条.
            for ahead in range(at + 6, min(at + 22, end - 2), 3):  # 条 E6 9D A1, 條 E6 A2 9D
                simplified = data[ahead + 1] == 0x9D and data[ahead + 2] == 0xA1
                traditional = data[ahead + 1] == 0xA2 and data[ahead + 2] == 0x9D
                if data[ahead] == 0xE6 and (simplified or traditional):
                    articles += 1
                    break
    return articles >= MIN_ARTICLES


@kernel
def find_facts(
    data: Bytes, begin: int, end: int, kinds: Bytes, values: Hashes, marks: Bytes, facts: Hashes
) -> int:
    """Write the facts of one text, sorted, each as often as it occurs; return how many.

    These are runs of digits (1,000 is 1000), Chinese numerals of an ordinal or before a unit, and
    words in capitals, unless many are.
    """
    # State of one text: `number` and `digits` of the run of digits before `at`, `chinese` and `run`
    # of the run of numerals, `single` whether that is 一 alone, `ordinal` whether 第 or 之 stood
    # before it, `word`, `letters` and `upper` of the word in progress.
    found, last = np.uint64(0), np.uint64(len(kinds) - 1)
    number, digits, chinese, run, before = np.uint64(0), 0, np.uint64(0), 0, np.uint8(0)
    single, ordinal, words, capitals, letters, upper = False, False, 0, 0, 0, 0
    word = np.uint64(0)
    at, stop = np.uint64(begin), np.uint64(end)
    top = np.uint64(len(facts))  # words in capitals, from the end backwards
    while at <= stop:
        # A line feed behind the end closes the number, numeral or word with which a text ends.
        code = np.uint64(0x0A)
        here = at
        if at < stop:
            code, at = code_at(data, at)
            code = min(code, last)
        else:
            at += _ONE
        mark, kind = marks[code], kinds[code]
        if kind == 4:  # invisible
            continue
        digit = _digit(code)
        if digit >= 0:
            # digit + 1, so that leading zeros count: 007 is not 7.
            number = finalize_one(number + np.uint64(digit + 1) * _SEED)
            digits += 1
        # The comma of 1,000 does not end the number, that of 1, 2 does.
        elif digits > 0 and not (code == np.uint64(0x2C) and _thousands(data, here, stop)):
            facts[found] = finalize_one(number + _NUMBER)
            found += _ONE
            number, digits = np.uint64(0), 0
        if mark & NUMERAL:
            if run == 0:
                ordinal = before & ORDINAL != 0
            chinese = finalize_one(chinese + code * _SEED)
            run += 1
            # 一 before a counter mostly means "a": 一个 says no number, 三个 does.
            single = run == 1 and code == _SINGLE_ONE
        else:
            counted = mark & UNIT != 0 and not (single and mark & COUNTER != 0)
            if run > 0 and (ordinal or counted):
                facts[found] = finalize_one(chinese + _CHINESE)
                found += _ONE
            chinese, run = np.uint64(0), 0
        before = mark
        if kind == 1:
            word = finalize_one(word + values[code] * _SEED)
            letters += 1
            upper += int(np.uint64(0x41) <= code <= np.uint64(0x5A))
            # Digits belong to the word, but G20 has as many capitals as letters.
            letters -= int(digit >= 0)
        elif word != np.uint64(0):
            words += 1
            # One capital alone begins a sentence.
            if upper > 1 and upper == letters:
                # Kept apart: whether they count is known only when all words have been seen.
                top -= _ONE
                capitals += 1
                facts[top] = finalize_one(word + _CAPITALS)
            word, letters, upper = np.uint64(0), 0, 0
    # In a text that shouts all along capitals distinguish nothing.
    if capitals * _CAPITALS_OF <= words:
        found = _append(facts, found, top, capitals)
    heap_sort(facts, found)
    return int(found)


@kernel
def _digit(code: np.uint64) -> np.int64:
    """Return the value of an ASCII or full-width digit, -1 of anything else."""
    if np.uint64(0x30) <= code <= np.uint64(0x39):
        return np.int64(code) - 0x30
    if np.uint64(0xFF10) <= code <= np.uint64(0xFF19):
        return np.int64(code) - 0xFF10
    return np.int64(-1)


@kernel
def _append(facts: Hashes, found: np.uint64, top: np.uint64, count: int) -> np.uint64:
    """Move ``count`` facts from ``top`` on behind the ``found`` first ones; return how many."""
    # Forwards, as `found` lies before `top`: nothing is written over that is still to be read.
    for _ in range(count):
        facts[found] = facts[top]
        found += _ONE
        top += _ONE
    return found


@kernel
def _thousands(data: Bytes, at: np.uint64, stop: np.uint64) -> bool:
    """Say whether a comma is followed by three digits and no more."""
    if at + np.uint64(3) >= stop:
        return False
    for step in range(1, 4):
        code = data[at + np.uint64(step)]
        if code < 0x30 or code > 0x39:
            return False
    if at + np.uint64(4) >= stop:
        return True
    # 1,2345 are two numbers: groups of thousands have three digits.
    code = data[at + np.uint64(4)]
    return bool(code < 0x30 or code > 0x39)


@kernel
def write_facts(facts: Hashes, count: int, members: npt.NDArray[np.uint32], size: int) -> int:
    """Write sorted facts behind `size` members, a repeated one as another; return their end."""
    times = np.uint64(0)
    for place in range(count):
        # The second 2020 of a text is another fact than the first, so that sets count repetitions.
        times = times + _ONE if place > 0 and facts[place] == facts[place - 1] else np.uint64(0)
        # The kind takes the two lowest bits, so a fact is never equal to a shingle.
        value = finalize_one(facts[place] + times * _SEED)
        members[size] = np.uint32(value >> np.uint64(32)) | FACT
        size += 1
    return size
