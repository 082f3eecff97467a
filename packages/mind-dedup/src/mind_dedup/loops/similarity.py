"""How alike two sorted sets are, and whether that is enough."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.library import kernel
from mind_dedup.loops.facts import CHARACTERS, FACT, KIND, LETTERS, LONGEST_STATUTE

Set = npt.NDArray[np.uint32]

_CONTAINMENT, _COMMON = 1, 2
"""Places of the measures in `candidates.Measure`; the members of `_COMMON` are of no kind."""

_MAX_MEMBERS = 2 * LONGEST_STATUTE
"""Sets of more have no facts."""

_PURE = 0.9
"""Share of what a page has alone that is in one script, where the other has labels translated."""


@kernel
def similarity_of(own: Set, other: Set, threshold: float, labels: float, measure: int) -> float:
    """Return the similarity of two sets if it makes the first a duplicate, else 0.

    It does from `threshold` on, or, where one is the other with labels in another script, from
    `labels`; never if each has facts, numbers or words in capitals, that the other has not.
    """
    own_facts = other_facts = 0
    # Facts of very long texts are not written at all (`facts.has_facts`), so none have to be
    # counted.
    if measure != _COMMON and max(len(own), len(other)) <= _MAX_MEMBERS:
        own_facts, other_facts = _count(own, FACT), _count(other, FACT)
    ours, theirs = len(own) - own_facts, len(other) - other_facts
    lowest = threshold
    if labels > 0.0 and labels < threshold and measure != _CONTAINMENT:
        lowest = labels
    # Jaccard's index is at most the ratio of the sizes: most candidates go here, before any member
    # is read.
    small, large = min(ours, theirs), max(ours, theirs)
    if small / (ours if measure == _CONTAINMENT else large) < lowest:
        return 0.0
    # Where one of them has no facts, none can be in common, and kinds are not looked at.
    common, common_facts = _common(own, other, own_facts > 0 and other_facts > 0)
    # Each has a number that the other lacks. Where only one has some more it may still be a cut
    # copy.
    if own_facts > common_facts and other_facts > common_facts:
        return 0.0
    shared = common - common_facts
    similarity = shared / (ours if measure == _CONTAINMENT else ours + theirs - shared)
    if similarity >= threshold:
        return similarity
    if similarity < lowest:
        return 0.0
    # Either may be the one that was translated.
    if _labels_differ(own, other) or _labels_differ(other, own):
        return similarity
    return 0.0


@kernel
def _count(members: Set, kind: np.uint32) -> int:
    found = 0
    for place in range(np.uint64(len(members))):
        found += int((members[place] & KIND) == kind)
    return found


@kernel
def _common(own: Set, other: Set, facts: bool) -> tuple[int, int]:
    """Return how many members two sets have in common, and how many of those are facts."""
    one = other_one = common = common_facts = 0
    # A merge of two sorted sets.
    while one < len(own) and other_one < len(other):
        if own[one] == other[other_one]:
            common += 1
            if facts:
                common_facts += int((own[one] & KIND) == FACT)
            one += 1
            other_one += 1
        elif own[one] < other[other_one]:
            one += 1
        else:
            other_one += 1
    return common, common_facts


@kernel
def _labels_differ(page: Set, copy: Set) -> bool:
    """Say whether `copy` is `page` with parts in another script.

    What the page has alone is in its script, which is that of letters or of characters, and what
    the copy has alone is not.
    """
    alone, copy_alone = _alone(page, copy), _alone(copy, page)
    for kind in (LETTERS, CHARACTERS):
        own = alone[0] + alone[1] + alone[2]
        others = copy_alone[0] + copy_alone[1] + copy_alone[2]
        script = alone[np.int64(kind)]
        foreign = others - copy_alone[np.int64(kind)]
        # Both must have something alone: else one is a part of the other, and nothing
        # is translated.
        if script > 0 and foreign > 0 and script >= _PURE * own and foreign >= _PURE * others:
            return True
    return False


@kernel
def _alone(own: Set, other: Set) -> tuple[int, int, int]:
    """Return how many shingles of each kind but facts only the first set has."""
    mixed = letters = characters = 0
    other_one = np.uint64(0)
    for one in range(np.uint64(len(own))):
        # Both are sorted, so the place in the other set only moves on.
        while other_one < np.uint64(len(other)) and other[other_one] < own[one]:
            other_one += np.uint64(1)
        if other_one < np.uint64(len(other)) and other[other_one] == own[one]:
            continue
        kind = own[one] & KIND
        mixed += int(kind == np.uint32(0))
        letters += int(kind == LETTERS)
        characters += int(kind == CHARACTERS)
    return mixed, letters, characters
