"""The exact comparison that decides about a candidate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_dedup.loops.facts import FACT, KIND

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


def shingles_of(members: Set) -> Set:
    """Return the members that are no facts."""
    return members[members & KIND != FACT]


def facts_differ(one: Set, other: Set) -> bool:
    """Say whether each of two sets has facts that the other has not."""
    first, second = (set(s[s & KIND == FACT].tolist()) for s in (one, other))
    return bool(first - second and second - first)


def labels_differ(one: Set, other: Set) -> bool:
    """Say whether one of two sets of shingles is the other with parts in another script."""
    alone = [set(one.tolist()) - set(other.tolist()), set(other.tolist()) - set(one.tolist())]
    for page, copy in (alone, alone[::-1]):
        for kind in (1, 2):
            script = sum(member & 3 == kind for member in page)
            foreign = sum(member & 3 != kind for member in copy)
            if script > 0 < foreign and script >= 0.9 * len(page) and foreign >= 0.9 * len(copy):
                return True
    return False
