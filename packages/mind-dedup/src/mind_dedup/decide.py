"""Which records go: one after the other, each compared with the records kept before it.

A record is removed only because of one that stays. So there are no chains, in which a first text
resembles a second, that a third, and all but one go although the ends have nothing in common.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from heapq import nsmallest
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mind_dedup.fold import Hashes
from mind_dedup.index import KEY_MASK, KeyIndex, Numbers
from mind_dedup.kept import Kept
from mind_dedup.prints import Prints
from mind_dedup.signature import Signature, reason_of, threshold_of
from mind_dedup.verify import Set, jaccard, share

EXACT, NEAR = "exact_duplicate", "near_duplicate"

RECORDS_PER_KEY = 256
"""A key that so many kept records have is a template's: it takes no more, which bounds the work."""

MOST_COMPARED = 64
"""Candidates are compared in the order of the keys they share, at most so many."""


_UPPER_BITS = np.uint64(64 - 18)


class Match(NamedTuple):
    """Say why a record goes: which kept one it duplicates, and how much they have in common."""

    number: int
    kept_id: bytes  # JSON
    reason: str
    similarity: float | None


class Decider:
    """Decide about records in their order; the answers do not depend on how they are batched."""

    def __init__(self, signature: Signature) -> None:
        self.reason = reason_of(signature)
        self.threshold = threshold_of(signature)
        self.index = KeyIndex()
        self.kept = Kept()

    def decide(self, prints: Prints) -> list[Match | None]:
        """Return the match of each row that goes, None for one that stays, and remember those."""
        batch = _Batch(self.index, prints)
        matches: list[Match | None] = [None] * len(prints)
        removed = 0
        for row in batch.rows_with_candidates():
            number = len(self.kept) + row - removed
            match = self._match(batch, row)
            if match is None:
                batch.keep(row, number)
            else:
                matches[row] = match
                removed += 1
        keep = np.array([match is None for match in matches], bool)
        numbers = len(self.kept) + np.cumsum(keep) - 1
        enter = keep[batch.rows] & ~batch.crowded
        self.index.add(prints.keys[enter], numbers[batch.rows[enter]])
        self.kept.add(prints, keep)
        return matches

    def _match(self, batch: _Batch, row: int) -> Match | None:
        """Return the first candidate that holds, those that share most keys first."""
        counts, same_text = batch.candidates(row)
        own = batch.prints.set_of(row)
        by_rank = ((-shared, number) for number, shared in counts.items())
        for _, number in nsmallest(MOST_COMPARED, by_rank):
            other = self._set_of(batch, number)
            if self.reason is not None:
                if share(own, other):
                    return Match(number, self._id_of(batch, number), self.reason, None)
                continue
            similarity = jaccard(own, other, self.threshold)
            if similarity >= self.threshold:
                exact = number in same_text and similarity == 1.0
                reason = EXACT if exact else NEAR
                return Match(number, self._id_of(batch, number), reason, similarity)
        return None

    def _set_of(self, batch: _Batch, number: int) -> Set:
        if number < len(self.kept):
            return self.kept.set_of(number)
        return batch.prints.set_of(batch.row_of[number])

    def _id_of(self, batch: _Batch, number: int) -> bytes:
        if number < len(self.kept):
            return self.kept.id_of(number)
        return batch.prints.ids[batch.row_of[number]]


class _Batch:
    """The candidates of one batch's rows, among the records before the batch and inside it."""

    def __init__(self, index: KeyIndex, prints: Prints) -> None:
        self.prints = prints
        self.rows = prints.key_rows()
        self.row_of: dict[int, int] = {}
        self._keys = prints.keys & KEY_MASK
        self._places, self._numbers = index.find(self._keys)
        known = np.bincount(self._places, minlength=len(self._keys))
        self.crowded: npt.NDArray[np.bool_] = known >= RECORDS_PER_KEY
        self._known = known
        self._shared = _occurring_twice(self._keys)
        self._kept_here: defaultdict[int, list[int]] = defaultdict(list)
        self._row_edges = np.searchsorted(
            self.rows[self._places], np.arange(len(prints) + 1)
        ).tolist()
        self._shared_edges = np.searchsorted(
            self.rows[self._shared], np.arange(len(prints) + 1)
        ).tolist()

    def rows_with_candidates(self) -> list[int]:
        """Return the rows that share a key with anything, in order."""
        rows: list[int] = np.unique(
            np.concatenate((self.rows[self._places], self.rows[self._shared]))
        ).tolist()
        return rows

    def candidates(self, row: int) -> tuple[Counter[int], set[int]]:
        """Return how many keys each candidate shares, and which of them have the last key."""
        begin, end = self._row_edges[row : row + 2]
        counts = Counter(self._numbers[begin:end].tolist())
        last = int(self.prints.key_ends[row]) - 1
        same_text = set(self._numbers[begin:end][self._places[begin:end] == last].tolist())
        for place in self._shared_places(row):
            here = self._kept_here.get(int(self._keys[place]), ())
            counts.update(here)
            if place == last:
                same_text.update(here)
        return counts, same_text

    def keep(self, row: int, number: int) -> None:
        """Make a row of this batch a candidate for those after it."""
        self.row_of[number] = row
        for place in self._shared_places(row):
            here = self._kept_here[int(self._keys[place])]
            if self._known[place] + len(here) >= RECORDS_PER_KEY:
                self.crowded[place] = True
            else:
                here.append(number)

    def _shared_places(self, row: int) -> list[int]:
        begin, end = self._shared_edges[row : row + 2]
        places: list[int] = self._shared[begin:end].tolist()
        return places


def _occurring_twice(keys: Hashes) -> Numbers:
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
