"""Which rows are read behind a shared prefix: the cheapest cut of sorted rows into groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

STEP = 8
"""Prefixes end at multiples of this."""

MIN_SAVED = 16
"""A shared prefix, or a shared context, must save this many tokens to be worth a pass."""


@dataclass
class _Span:
    """Sorted rows low … high-1 that begin alike in `length` tokens, and its parts that do in more.

    `best` is the fewest tokens to read them, `apart` whether its parts are read by themselves.
    """

    length: int
    low: int
    high: int
    size: int = 0
    best: int = 0
    apart: bool = False
    parts: list[_Span] = field(default_factory=list)

    def close(self, high: int, cost: int) -> None:
        """Decide whether to read the rows together; a prefix costs `cost` tokens by itself."""
        self.high = high
        self.size = sum(part.size for part in self.parts)
        # Every row after the first is spared the prefix. The root shares nothing and costs no pass.
        together = self.size - self.length * (high - self.low - 1) + (cost if self.length else 0)
        apart = sum(part.best for part in self.parts)
        self.apart, self.best = together > apart, min(together, apart)


def prefix_groups(
    reads: Sequence[tuple[int, ...]], limits: Sequence[int], cost: int
) -> Iterator[tuple[int, int, int]]:
    """Find the cheapest cut of sorted rows into groups: (low, high, length of the prefix) each.

    No prefix is longer than the `limits` of its rows; it costs `cost` tokens by itself.

    The tree of common beginnings is built with a stack (the intervals of a suffix array: Abouelhoda
    et al. 2004), so the time does not depend on how deep it is.
    """
    pairs = zip(pairwise(reads), pairwise(limits), strict=True)
    # `common[i]` is what rows i-1 and i share. The -1 at the end is below any length, so it closes
    # all that is open, the root too.
    common = [0, *(_shared(*texts, min(max_length)) for texts, max_length in pairs), -1]
    stack: list[_Span] = []
    for place, read in enumerate(reads):
        span = _Span(0, place, place + 1, len(read), len(read))
        # The next row leaves these spans: they end here, the inner before the outer.
        while stack and stack[-1].length > common[place + 1]:
            stack[-1].parts.append(span)
            span = stack.pop()
            span.close(place + 1, cost)
        if stack and stack[-1].length == common[place + 1]:
            stack[-1].parts.append(span)
        # A deeper beginning opens at this row, or at the span that was just closed.
        elif common[place + 1] >= 0:
            stack.append(_Span(common[place + 1], span.low, span.low, parts=[span]))
    left = [span]
    while left:
        span = left.pop()
        if span.apart:
            # Reversed, as the stack gives the last first: groups come out in the order of the rows.
            left += reversed(span.parts)
        else:
            yield span.low, span.high, span.length


def _shared(a: tuple[int, ...], b: tuple[int, ...], max_length: int) -> int:
    """Measure the prefix that two rows could share; 0 if it is not worth a pass."""
    # In steps, so that a token more or less in common makes no level of its own in the tree.
    common = min(common_length(a, b), max_length) // STEP * STEP
    return common if common >= MIN_SAVED else 0


def common_length(a: Sequence[Any], b: Sequence[Any]) -> int:
    """Count the tokens (or characters) that two sequences begin with in common, by halving."""
    low, high = 0, min(len(a), len(b))
    # Slices compare in C; a loop over tokens in Python would be slower for long examples.
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
