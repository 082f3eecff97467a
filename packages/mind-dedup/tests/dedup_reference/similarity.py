"""The exact comparison that decides about a candidate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Set = npt.NDArray[np.unsignedinteger]


def jaccard(one: Set, other: Set, least: float = 0.0) -> float:
    """Return |one ∩ other| / |one ∪ other| of two sets, at least one of which has members.

    Returns 0.0 at once if their sizes alone rule out that it reaches `least`.
    """
    small, large = min(len(one), len(other)), max(len(one), len(other))
    if small / large < least:  # divided like the result, so that both round alike
        return 0.0
    both = np.concatenate((one, other))
    both.sort()
    common = int(np.count_nonzero(both[1:] == both[:-1]))
    return common / (len(both) - common)


def containment(one: Set, other: Set, least: float = 0.0) -> float:
    """Return |one ∩ other| / |one|: how much of the first set lies in the second.

    Returns 0.0 at once if their sizes alone rule out that it reaches `least`.
    """
    if min(len(one), len(other)) / len(one) < least:
        return 0.0
    both = np.concatenate((one, other))
    both.sort()
    return int(np.count_nonzero(both[1:] == both[:-1])) / len(one)


def share(one: Set, other: Set) -> bool:
    """Say whether two sets have a member in common."""
    return bool(np.isin(one, other).any())
