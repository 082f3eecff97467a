"""Sets in a tenth of their room: a bit for each member, from which similarity is estimated.

A sketch is a row of 32-bit words: its mark with the number of facts; the numbers of shingles, of
those of words alone, and of those of Chinese characters alone; the facts; then the bits. A sorted
set of so many members cannot begin with the mark.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.hashing import finalize_one
from mind_core.kernels.library import kernel
from mind_dedup.loops.facts import CHARACTERS, FACT, KIND, LETTERS

Set = npt.NDArray[np.uint32]
Ends = npt.NDArray[np.int64]

HEAD = 4
_MARK, _HIGH, _LOW = np.uint32(0xFFFF0000), np.uint32(0xFFFF0000), np.uint32(0xFFFF)
MIN_BITS = 1024
"""Of a sketch. An estimate is off by 0.02 at a similarity of 0.8 (standard deviation)."""

_PURE = 0.9
_HALF = np.uint64(32)


@kernel("i8(u4[], i8[], u4[], i8[])")
def write_sketches(sets: Set, ends: Ends, out: Set, out_ends: Ends) -> int:
    """Write a sketch for each set, or the set itself where that is no longer; return the words.

    `out` has room for `len(sets)` words and those of an empty sketch for each set.
    """
    at = begin = 0
    for row in range(len(ends)):
        end = ends[row]
        facts = letters = characters = 0
        for place in range(begin, end):
            kind = sets[place] & KIND
            facts += int(kind == FACT)
            letters += int(kind == LETTERS)
            characters += int(kind == CHARACTERS)
        shingles = end - begin - facts
        # Some 1.75 bits a shingle, of which about 0.43 are set: 1 - exp(-1 / 1.75).
        words = max(MIN_BITS, shingles + shingles // 4 * 3) // 32
        # Of a short text the set itself is shorter, and exact.
        # The number of facts has 16 bits, beside the mark: what has more stays a set.
        if HEAD + facts + words >= end - begin or facts >= 0xFFFF:
            for place in range(begin, end):
                out[at] = sets[place]
                at += 1
        else:
            # A sorted set that began so high would have all its members in 1/65,536 of their range.
            out[at] = _MARK | np.uint32(facts)
            out[at + 1] = np.uint32(shingles)
            out[at + 2], out[at + 3] = np.uint32(letters), np.uint32(characters)
            at += HEAD
            bits = at + facts
            for word in range(words):
                out[bits + word] = np.uint32(0)
            # In the order of the set, so that the facts are sorted.
            for place in range(begin, end):
                if sets[place] & KIND == FACT:
                    out[at] = sets[place]
                    at += 1
                else:
                    bit = _bit(sets[place], words)
                    out[bits + (bit >> 5)] |= np.uint32(1) << np.uint32(bit & 31)
            at = bits + words
        out_ends[row] = at
        begin = end
    return at


@kernel
def is_sketch(members: Set) -> bool:
    """Say whether what stands for a set is a sketch, and whole."""
    if len(members) < HEAD + MIN_BITS // 32 or members[0] & _HIGH != _MARK:
        return False
    return len(members) >= HEAD + MIN_BITS // 32 + int(members[0] & _LOW)


@kernel
def sketch_similarity(
    own: Set, sketch: Set, threshold: float, labels: float, contains: bool
) -> float:
    """Return about how similar a set is to a sketched one, by the rule of `similarity_of`, or 0.

    A member that both have has its bit; others hit one by chance, as often as bits are set.
    """
    facts = int(sketch[0] & _LOW)
    bits = sketch[HEAD + facts :]
    filled = 0
    for word in bits:
        left = word
        while left:
            # Takes the lowest set bit away, so the loop runs once a bit.
            left &= left - np.uint32(1)
            filled += 1
    chance = filled / (32.0 * len(bits))
    sizes, hits = np.zeros(4, np.int64), np.zeros(4, np.int64)
    own_facts = common_facts = at = 0
    for member in own:
        kind = int(member & KIND)
        sizes[kind] += 1
        if member & KIND == FACT:
            own_facts += 1
            # Facts are kept exactly, and both lists are sorted: a merge.
            while at < facts and sketch[HEAD + at] < member:
                at += 1
            common_facts += int(at < facts and sketch[HEAD + at] == member)
        else:
            bit = _bit(member, len(bits))
            hits[kind] += int(bits[bit >> 5] >> np.uint32(bit & 31) & np.uint32(1))
    if own_facts > common_facts and facts > common_facts:
        return 0.0
    theirs = np.zeros(4, np.int64)
    theirs[1], theirs[2] = np.int64(sketch[2]), np.int64(sketch[3])
    total = np.int64(sketch[1])
    theirs[0] = total - theirs[1] - theirs[2]
    shared = 0.0
    common = np.zeros(4)
    for kind in range(3):
        # Of n members c are shared, and of the others a share `chance` hits a bit by accident: hits
        # = c + (n - c) chance, solved for c.
        seen = (hits[kind] - chance * sizes[kind]) / max(1.0 - chance, 1e-9)
        # By chance an estimate is below none, or above what either has.
        common[kind] = min(max(seen, 0.0), min(sizes[kind], theirs[kind]))
        shared += common[kind]
    ours = len(own) - own_facts
    similarity = shared / (ours if contains else ours + total - shared)
    if similarity >= threshold:
        return min(similarity, 1.0)
    if labels <= 0.0 or labels >= threshold or contains or similarity < labels:
        return 0.0
    for kind in (1, 2):
        if _is_translated(sizes, theirs, common, kind) or _is_translated(
            theirs, sizes, common, kind
        ):
            return similarity
    return 0.0


@kernel
def _is_translated(page: Ends, copy: Ends, common: npt.NDArray[np.float64], kind: int) -> bool:
    """Say whether what a page has alone is of one script, and what its copy has alone is not."""
    own = page[0] + page[1] + page[2] - common[0] - common[1] - common[2]
    others = copy[0] + copy[1] + copy[2] - common[0] - common[1] - common[2]
    script, foreign = page[kind] - common[kind], others - (copy[kind] - common[kind])
    # Estimates are no whole numbers: less than half a shingle is none.
    if script <= 0.5 or foreign <= 0.5:
        return False
    return bool(script >= _PURE * own and foreign >= _PURE * others)


@kernel
def _bit(member: np.uint32, words: int) -> int:
    """Return the bit of a member among those of so many words."""
    # Mixed again: within a set of one page's shingles the low bits of members are their kinds.
    spread = finalize_one(np.uint64(member)) >> _HALF
    # `spread` is below 2³², so the upper half of the product is a bit's number: no division.
    return int(spread * np.uint64(32 * words) >> _HALF)
