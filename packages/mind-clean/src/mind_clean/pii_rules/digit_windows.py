"""Where numbers could stand: one cheap look at a text, so that the rules only read near digits.

A number of any kind here holds at least seven digits with at most two separators between any two of
them. The windows leave room on both sides for what the rules look at: a country code, a bracket, a
check letter, an extension.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

SEPARATORS = r" ().\-"
_RUN = re.compile(rf"[0-9](?:[{SEPARATORS}]{{0,2}}[0-9]){{6,}}")
# Characters: a country code and its brackets.
_BEFORE = 10
# Characters: an extension, a check letter in brackets.
_AFTER = 28


def number_windows(text: str) -> list[tuple[int, int]]:
    """Return the parts of a text that may hold a number, in order; none touches another.

    A candidate never crosses the edge of a window: windows that come near each other are one.
    """
    return list(_merged(text))


def _merged(text: str) -> Iterator[tuple[int, int]]:
    low = high = -1
    for run in _RUN.finditer(text):
        start, end = run.start() - _BEFORE, run.end() + _AFTER
        if high < 0:
            low = max(0, start)
        elif start > high:
            yield low, high
            low = start
        high = end
    if high >= 0:
        yield low, min(high, len(text))
