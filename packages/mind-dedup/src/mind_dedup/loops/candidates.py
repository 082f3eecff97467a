"""Candidates of a batch's records compared one after the other; see `mind_dedup.candidates`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.hashing import Hashes
from mind_core.kernels.library import kernel
from mind_dedup.loops.similarity import similarity_of
from mind_dedup.loops.sketches import is_sketch, sketch_similarity
from mind_dedup.loops.sorting import SMALL, heap_sort, insertion_sort

IntArray = npt.NDArray[np.int64]
Set = npt.NDArray[np.uint32]
Flags = npt.NDArray[np.bool_]


@kernel("i8(u8[], i8[], i8[], u8[], b1[])")
def has_key(
    known_keys: Hashes, known_key_ends: IntArray, known: IntArray, keys: Hashes, real: Flags
) -> int:
    """Say of each match whether the known record has the key; `real` is all false before."""
    for match in range(len(known)):
        one = known[match]
        # Keys of record i end at known_key_ends[i]; the first record begins at 0.
        begin = known_key_ends[one - 1] if one > 0 else 0
        # A record has few keys, one a band and that of its text: a walk over them is enough.
        for place in range(begin, known_key_ends[one]):
            if known_keys[place] == keys[match]:
                real[match] = True
    return 0


@kernel("i8(u8[], i8[], i8[], b1[], i8[])")
def groups(keys: Hashes, table: IntArray, first: IntArray, several: Flags, places: IntArray) -> int:
    """Find the places of keys that occur more than once, and of each place its first like it.

    `table` has a power of two of zeros, more than there are keys; `several` is all false before.
    Returns how many places there are.
    """
    # A power of two of slots, so that a mask does for a division; fewer than half of them are taken
    # (`candidates._groups`), so probing ends soon.
    mask = np.uint64(len(table) - 1)
    for place in range(np.uint64(len(keys))):
        # Keys are hashes already: some of their bits are as good as another hash of them.
        slot = (keys[place] >> np.uint64(17)) & mask
        # Linear probing; an entry is a place + 1, so that 0 is an empty slot.
        while table[slot] != 0 and keys[np.uint64(table[slot] - 1)] != keys[place]:
            slot = (slot + np.uint64(1)) & mask
        if table[slot] == 0:
            table[slot] = place + np.uint64(1)
            first[place] = place
        else:
            other = np.uint64(table[slot] - 1)
            first[place] = other
            several[other] = True
            several[place] = True
    count = np.uint64(0)
    for place in range(np.uint64(len(keys))):
        # Written at every place and counted where it is one: no branch that a processor could guess
        # wrong.
        places[count] = place
        count += np.uint64(several[place])
    return int(count)


@kernel(
    "i8(i8[], i8[], i8[], i8[], i8[], i8[], i8[], u4[], i8[], u4[], i8[], f8, f8, i8, "
    "i8, i8, i8, i8[], f8[], b1[], b1[], i8[], b1[], i8[], i8[], i8[], i8[], i8[])"
)
def verify_candidates(
    known_edges: IntArray,
    known_places: IntArray,
    known_rows: IntArray,
    shared_edges: IntArray,
    shared_places: IntArray,
    shared_groups: IntArray,
    key_ends: IntArray,
    sets: Set,
    set_ends: IntArray,
    known_sets: Set,
    known_set_ends: IntArray,
    threshold: float,
    labels: float,
    measure: int,
    verified: bool,
    records_per_key: int,
    max_compared: int,
    partners: IntArray,
    similarities: npt.NDArray[np.float64],
    same_texts: Flags,
    crowded: Flags,
    counts: IntArray,
    same: Flags,
    touched: IntArray,
    holders: IntArray,
    newest: IntArray,
    before: IntArray,
    here: IntArray,
) -> int:
    """Write the verdicts of a batch; the arrays after `crowded` are for this alone.

    For each candidate: `counts` its shared keys, `same` whether the last is among them. For each
    place: `holders` the kept records with its key. For each key that occurs more than once: its
    `newest` kept row, and the one `before` each; both are -1 at first, the others 0.
    """
    known = len(known_set_ends)
    rows = len(set_ends)
    # Keys of very many records (a licence) say little, and comparing all would take square time.
    for at in range(len(known_places)):
        holders[known_places[at]] += 1
    for place in range(len(crowded)):
        crowded[place] = holders[place] >= records_per_key
    for row in range(rows):
        # Nothing shares a key with this row: it stays, as `partners` says beforehand, and has no
        # key that a later row could look for.
        if known_edges[row] == known_edges[row + 1] and shared_edges[row] == shared_edges[row + 1]:
            continue
        # The last key of a row is the hash of its exact text.
        last_place = key_ends[row] - 1
        size = 0
        for at in range(known_edges[row], known_edges[row + 1]):
            one = known_rows[at]
            if counts[one] == 0:
                touched[size] = one
                size += 1
            counts[one] += 1
            if known_places[at] == last_place:
                same[one] = True
        for at in range(shared_edges[row], shared_edges[row + 1]):
            # A linked list a key, from its newest kept row back.
            entry = newest[shared_groups[at]]
            while entry >= 0:
                # Candidates are numbered on: first the kept records, then the rows of this batch.
                one = known + _row_of(shared_edges, entry)
                if counts[one] == 0:
                    touched[size] = one
                    size += 1
                counts[one] += 1
                if shared_places[at] == last_place:
                    same[one] = True
                entry = before[entry]
        # The likeliest first, as only some are compared.
        _rank(touched[:size], counts)
        partners[row], similarities[row] = _first_that_holds(
            touched[:size], row, known, max_compared, sets, set_ends,
            known_sets, known_set_ends, same, threshold, labels, measure, verified,
        )  # fmt: skip
        same_texts[row] = partners[row] >= 0 and same[partners[row]]
        # Only what was touched is cleared: all of it for each row would take square time.
        for at in range(size):
            counts[touched[at]] = 0
            same[touched[at]] = False
        # Only rows that stay are compared with later ones.
        if partners[row] < 0:
            for at in range(shared_edges[row], shared_edges[row + 1]):
                group, place = shared_groups[at], shared_places[at]
                # A full key takes no more rows, so no list gets longer than that, and `compaction`
                # leaves it out of what the index learns.
                if holders[place] + here[group] >= records_per_key:
                    crowded[place] = True
                else:
                    before[at] = newest[group]
                    newest[group] = at
                    here[group] += 1
    return 0


@kernel
def _rank(touched: IntArray, counts: IntArray) -> None:
    """Sort candidates by the keys they share, most first, then by number."""
    size = np.uint64(len(touched))
    if size > np.uint64(1):
        for at in range(size):
            # Count and number in one integer, so that one sort does for both: 20 bits of count,
            # inverted, above 40 bits of number.
            touched[at] += (np.int64(1 << 20) - counts[touched[at]]) << np.int64(40)
        if size <= SMALL:
            insertion_sort(touched, size)
        else:
            heap_sort(touched, size)
        for at in range(size):
            touched[at] &= np.int64((1 << 40) - 1)


@kernel
def _first_that_holds(
    ranked: IntArray,
    row: int,
    known: int,
    max_compared: int,
    sets: Set,
    set_ends: IntArray,
    known_sets: Set,
    known_set_ends: IntArray,
    same: Flags,
    threshold: float,
    labels: float,
    measure: int,
    verified: bool,
) -> tuple[int, float]:
    """Return the first candidate that is similar enough and its similarity, or -1 and 0."""
    # Views, not copies: sets lie end to end.
    own = sets[set_ends[row - 1] if row > 0 else 0 : set_ends[row]]
    for at in range(min(len(ranked), max_compared)):
        one = ranked[at]
        # Without verification the first candidate counts as it is; -1 stands for a similarity that
        # nobody has computed.
        if not verified:
            return one, 1.0 if same[one] else -1.0
        if one < known:
            begin = known_set_ends[one - 1] if one > 0 else 0
            other = known_sets[begin : known_set_ends[one]]
        else:
            begin = set_ends[one - known - 1] if one > known else 0
            other = sets[begin : set_ends[one - known]]
        # Large sets are kept as bits (`sketches`), from which similarity is estimated.
        if one < known and is_sketch(other):
            similarity = sketch_similarity(own, other, threshold, labels, measure == 1)
        else:
            similarity = similarity_of(own, other, threshold, labels, measure)
        # The first that holds, not the most similar one, for which all would have to be compared.
        if similarity > 0.0:
            return one, similarity
    return -1, 0.0


@kernel
def _row_of(edges: IntArray, entry: int) -> int:
    """Return the row that an entry belongs to: the last whose edge is not after it."""
    low, high = 0, len(edges) - 1
    # edges[low] <= entry < edges[high]. Rows without entries have an edge in common with the next;
    # the last of them is the one that has the entry.
    while high - low > 1:
        middle = (low + high) // 2
        if edges[middle] <= entry:
            low = middle
        else:
            high = middle
    return low
