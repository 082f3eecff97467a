"""Candidates of a batch's records compared one after the other, as `judge.judge` does it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.compiling import kernel
from mind_dedup.fold import Hashes
from mind_dedup.judge import Case, Measure, Verdicts

Numbers = npt.NDArray[np.int64]
Set = npt.NDArray[np.uint32]


def judge(case: Case) -> Verdicts:
    """Return what becomes of each row of a batch."""
    rows = len(case.set_ends)
    verdicts = Verdicts.none(rows, len(case.keys))
    sharing, group = _groups(case.keys, np.zeros(_table_size(len(case.keys)), np.int64))
    if not case.within:
        sharing = sharing[:0]
    edges = np.arange(rows + 1)
    _judge(
        np.searchsorted(case.key_rows[case.places], edges),
        case.places,
        case.known,
        np.searchsorted(case.key_rows[sharing], edges),
        sharing,
        group[sharing],
        case.key_ends,
        case.sets,
        case.set_ends,
        case.known_sets,
        case.known_set_ends,
        case.threshold,
        case.measure == Measure.CONTAINMENT,
        case.verified,
        case.records_per_key,
        case.most_compared,
        verdicts.partners,
        verdicts.similarities,
        verdicts.same_text,
        verdicts.crowded,
    )
    return verdicts


@kernel
def has_key(
    known_keys: Hashes, known_key_ends: Numbers, known: Numbers, keys: Hashes
) -> npt.NDArray[np.bool_]:
    """Say of each match whether the known record has the key."""
    real = np.zeros(len(known), np.bool_)
    for match in range(len(known)):
        one = known[match]
        begin = known_key_ends[one - 1] if one > 0 else 0
        for place in range(begin, known_key_ends[one]):
            if known_keys[place] == keys[match]:
                real[match] = True
    return real


def _table_size(keys: int) -> int:
    return 1 << max(int(2 * keys).bit_length(), 4)


@kernel
def _groups(keys: Hashes, table: Numbers) -> tuple[Numbers, Numbers]:
    """Return the places of keys that occur more than once, and of each place its first like it."""
    mask = np.uint64(len(table) - 1)
    first = np.empty(len(keys), np.int64)
    several = np.zeros(len(keys), np.bool_)
    count = 0
    for place in range(len(keys)):
        slot = (keys[place] >> np.uint64(17)) & mask
        while table[slot] != 0 and keys[table[slot] - 1] != keys[place]:
            slot = (slot + np.uint64(1)) & mask
        if table[slot] == 0:
            table[slot] = place + 1
            first[place] = place
        else:
            other = table[slot] - 1
            first[place] = other
            if not several[other]:
                several[other] = True
                count += 1
            several[place] = True
            count += 1
    places = np.empty(count, np.int64)
    at = 0
    for place in range(len(keys)):
        if several[place]:
            places[at] = place
            at += 1
    return places, first


@kernel
def _judge(
    known_edges: Numbers,
    known_places: Numbers,
    known_rows: Numbers,
    shared_edges: Numbers,
    shared_places: Numbers,
    shared_groups: Numbers,
    key_ends: Numbers,
    sets: Set,
    set_ends: Numbers,
    known_sets: Set,
    known_set_ends: Numbers,
    threshold: float,
    contained: bool,
    verified: bool,
    records_per_key: int,
    most_compared: int,
    partners: Numbers,
    similarities: npt.NDArray[np.float64],
    same_texts: npt.NDArray[np.bool_],
    crowded: npt.NDArray[np.bool_],
) -> None:
    known = len(known_set_ends)
    rows = len(set_ends)
    counts, same = np.zeros(known + rows, np.int64), np.zeros(known + rows, np.bool_)
    touched = np.empty(known + rows, np.int64)
    holders = np.zeros(len(crowded), np.int64)  # of each place: kept records with its key
    for at in range(len(known_places)):
        holders[known_places[at]] += 1
    for place in range(len(crowded)):
        crowded[place] = holders[place] >= records_per_key
    # The kept rows of each key that occurs more than once: the newest, and the one before each.
    newest = np.full(len(crowded), -1, np.int64)
    before = np.full(len(shared_places), -1, np.int64)
    here = np.zeros(len(crowded), np.int64)
    for row in range(rows):
        if known_edges[row] == known_edges[row + 1] and shared_edges[row] == shared_edges[row + 1]:
            continue
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
            entry = newest[shared_groups[at]]
            while entry >= 0:
                one = known + _row_of(shared_edges, entry)
                if counts[one] == 0:
                    touched[size] = one
                    size += 1
                counts[one] += 1
                if shared_places[at] == last_place:
                    same[one] = True
                entry = before[entry]
        partners[row], similarities[row] = _first_that_holds(
            _ranked(touched[:size], counts), row, known, most_compared, sets, set_ends,
            known_sets, known_set_ends, same, threshold, contained, verified,
        )  # fmt: skip
        same_texts[row] = partners[row] >= 0 and same[partners[row]]
        for at in range(size):
            counts[touched[at]] = 0
            same[touched[at]] = False
        if partners[row] < 0:
            for at in range(shared_edges[row], shared_edges[row + 1]):
                group, place = shared_groups[at], shared_places[at]
                if holders[place] + here[group] >= records_per_key:
                    crowded[place] = True
                else:
                    before[at] = newest[group]
                    newest[group] = at
                    here[group] += 1


@kernel
def _ranked(touched: Numbers, counts: Numbers) -> Numbers:
    """Return candidates by the keys they share, most first, then by number."""
    ranked = touched.copy()
    if len(ranked) > 1:
        for at in range(len(ranked)):
            ranked[at] += (np.int64(1 << 20) - counts[ranked[at]]) << np.int64(40)
        ranked.sort()
        for at in range(len(ranked)):
            ranked[at] &= np.int64((1 << 40) - 1)
    return ranked


@kernel
def _first_that_holds(
    ranked: Numbers,
    row: int,
    known: int,
    most_compared: int,
    sets: Set,
    set_ends: Numbers,
    known_sets: Set,
    known_set_ends: Numbers,
    same: npt.NDArray[np.bool_],
    threshold: float,
    contained: bool,
    verified: bool,
) -> tuple[int, float]:
    """Return the first candidate that is similar enough and its similarity, or -1 and 0."""
    own = sets[set_ends[row - 1] if row > 0 else 0 : set_ends[row]]
    for at in range(min(len(ranked), most_compared)):
        one = ranked[at]
        if not verified:
            return one, 1.0 if same[one] else -1.0
        if one < known:
            begin = known_set_ends[one - 1] if one > 0 else 0
            other = known_sets[begin : known_set_ends[one]]
        else:
            begin = set_ends[one - known - 1] if one > known else 0
            other = sets[begin : set_ends[one - known]]
        similarity = _similarity(own, other, threshold, contained)
        if similarity >= threshold:
            return one, similarity
    return -1, 0.0


@kernel
def _row_of(edges: Numbers, entry: int) -> int:
    """Return the row that an entry belongs to: the last whose edge is not after it."""
    low, high = 0, len(edges) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if edges[middle] <= entry:
            low = middle
        else:
            high = middle
    return low


@kernel
def _similarity(own: Set, other: Set, threshold: float, contained: bool) -> float:
    """Return how alike two sorted sets are; 0 if their sizes rule the threshold out."""
    small, large = min(len(own), len(other)), max(len(own), len(other))
    if contained:
        if small / len(own) < threshold:
            return 0.0
    elif small / large < threshold:
        return 0.0
    one = other_one = common = 0
    while one < len(own) and other_one < len(other):
        if own[one] == other[other_one]:
            common += 1
            one += 1
            other_one += 1
        elif own[one] < other[other_one]:
            one += 1
        else:
            other_one += 1
    if contained:
        return common / len(own)
    return common / (len(own) + len(other) - common)
