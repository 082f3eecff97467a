"""Candidates compared with numpy and dictionaries: what `mind_dedup.candidates` must answer."""

from __future__ import annotations

from collections import Counter, defaultdict
from heapq import nsmallest

import numpy as np
import numpy.typing as npt

from dedup_reference.similarity import (
    Set,
    containment,
    facts_differ,
    jaccard,
    labels_differ,
    share,
    shingles_of,
)
from mind_core.kernels.hashing import Hashes
from mind_dedup.candidates import CandidateBatch, Decisions, Measure

IntArray = npt.NDArray[np.int64]

_UPPER_BITS = np.uint64(64 - 18)


def verify_candidates(case: CandidateBatch) -> Decisions:
    """Return what becomes of each row of a batch."""
    verdicts = Decisions.none(len(case.set_ends), len(case.keys))
    candidates = _Candidates(case, verdicts.crowded)
    for row in candidates.rows():
        counts, same_text = candidates.of(row)
        own = _member(case.sets, case.set_ends, row)
        by_rank = ((-shared, one) for one, shared in counts.items())
        for _, one in nsmallest(case.max_compared, by_rank):
            similarity = _similarity(case, own, one)
            if not case.verified:
                similarity = 1.0 if one in same_text else -1.0
            if not case.verified or similarity > 0.0:
                verdicts.partners[row] = one
                verdicts.similarities[row] = similarity
                verdicts.same_text[row] = one in same_text
                break
        else:
            candidates.keep(row)
    return verdicts


def _similarity(case: CandidateBatch, own: Set, one: int) -> float:
    known = len(case.known_set_ends)
    other = (
        _member(case.known_sets, case.known_set_ends, one)
        if one < known
        else _member(case.sets, case.set_ends, one - known)
    )
    if case.measure is Measure.COMMON:
        return float(share(own, other))
    if facts_differ(own, other):
        return 0.0
    bare, other_bare = shingles_of(own), shingles_of(other)
    measure = containment if case.measure is Measure.CONTAINMENT else jaccard
    similarity = measure(bare, other_bare)
    if similarity >= case.threshold:
        return similarity
    if case.measure is Measure.JACCARD and 0.0 < case.labels <= similarity:
        return similarity if labels_differ(bare, other_bare) else 0.0
    return 0.0


def _member(flat: Set, ends: IntArray, row: int) -> Set:
    return flat[ends[row - 1] if row else 0 : ends[row]]


class _Candidates:
    """The candidates of one batch's rows, among the records before the batch and inside it."""

    def __init__(self, case: CandidateBatch, crowded: npt.NDArray[np.bool_]) -> None:
        self.case, self.crowded = case, crowded
        self._holders = np.bincount(case.places, minlength=len(case.keys))
        np.greater_equal(self._holders, case.records_per_key, out=crowded)
        self._shared = _occurring_twice(case.keys) if case.within else np.zeros(0, np.int64)
        self._kept_here: defaultdict[int, list[int]] = defaultdict(list)
        edges = np.arange(len(case.set_ends) + 1)
        self._edges = np.searchsorted(case.key_rows[case.places], edges).tolist()
        self._shared_edges = np.searchsorted(case.key_rows[self._shared], edges).tolist()

    def rows(self) -> list[int]:
        """Return the rows that share a key with anything, in order."""
        places = np.concatenate((self.case.places, self._shared))
        rows: list[int] = np.unique(self.case.key_rows[places]).tolist()
        return rows

    def of(self, row: int) -> tuple[Counter[int], set[int]]:
        """Return how many keys each candidate shares, and which of them have the last key."""
        begin, end = self._edges[row : row + 2]
        known = self.case.known[begin:end]
        counts = Counter(known.tolist())
        last = int(self.case.key_ends[row]) - 1
        same_text = set(known[self.case.places[begin:end] == last].tolist())
        for place in self._shared_places(row):
            here = self._kept_here.get(int(self.case.keys[place]), ())
            counts.update(here)
            if place == last:
                same_text.update(here)
        return counts, same_text

    def keep(self, row: int) -> None:
        """Make a row of this batch a candidate for those after it."""
        for place in self._shared_places(row):
            here = self._kept_here[int(self.case.keys[place])]
            if self._holders[place] + len(here) >= self.case.records_per_key:
                self.crowded[place] = True
            else:
                here.append(len(self.case.known_set_ends) + row)

    def _shared_places(self, row: int) -> list[int]:
        begin, end = self._shared_edges[row : row + 2]
        places: list[int] = self._shared[begin:end].tolist()
        return places


def _occurring_twice(keys: Hashes) -> IntArray:
    """Return the places of the keys that occur more than once, ascending."""
    # Most keys are alone even among the 2¹⁸ values of their upper bits, and need no sorting.
    slots = (keys >> _UPPER_BITS).astype(np.int64)
    places = np.flatnonzero(np.bincount(slots, minlength=1)[slots] > 1)
    order = np.argsort(keys[places], kind="stable")
    ordered = keys[places[order]]
    same = ordered[1:] == ordered[:-1]
    twice = np.zeros(len(places), bool)
    twice[order[1:][same]] = True
    twice[order[:-1][same]] = True
    return places[twice]
