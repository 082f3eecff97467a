"""What the curve of a run says in one number: a held-out loss over tokens, in bits per byte."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


class NotTestable(Exception):
    """Say why a claim cannot be tested on these results."""


def tokens_to_half(points: Sequence[tuple[int, float]]) -> float:
    """Return the tokens at which half of the total drop is reached, between points by a line."""
    if len(points) < 2:
        raise NotTestable("a curve of one point")
    # Half of the way from the first value to the best one, not to the last: a curve may rise again.
    first, last = points[0][1], min(value for _, value in points)
    half = (first + last) / 2
    for (x0, y0), (x1, y1) in pairwise(points):
        if y1 <= half:
            return x0 + (x1 - x0) * ((y0 - half) / (y0 - y1) if y0 > y1 else 0.0)
    return float(points[-1][0])


def forgetting(points: Sequence[tuple[int, float]]) -> float:
    """Return the last value minus the best: how much was lost again."""
    if len(points) < 2:
        raise NotTestable("a curve of one point")
    return points[-1][1] - min(value for _, value in points)


def early(points: Sequence[tuple[int, float]]) -> float:
    """Return the value at the first quarter."""
    if len(points) < 2:
        raise NotTestable("a curve of one point")
    return points[max(1, len(points) // 4)][1]


CURVES = {"tokens_to_half": tokens_to_half, "forgetting": forgetting, "early_bits_per_byte": early}
