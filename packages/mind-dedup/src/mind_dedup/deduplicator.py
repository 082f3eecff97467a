"""Which records go: one after the other, each compared with the records kept before it.

A record is removed only because of one that stays. So there are no chains, in which a first text
resembles a second, that a third, and all but one go although the ends have nothing in common.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from mind_core.kernels.hashing import Hashes
from mind_dedup.candidates import CandidateBatch, Decisions, Measure, have_keys, verify_candidates
from mind_dedup.compaction import compact
from mind_dedup.fingerprints import Fingerprints
from mind_dedup.input_size import InputSize
from mind_dedup.key_tables import KeyTables
from mind_dedup.signature import Signature, labels_of, reason_of, threshold_of
from mind_dedup.store import IntArray, Store, StoredRecords

EXACT, NEAR, TRANSLATED = "exact_duplicate", "near_duplicate", "partly_translated"

RECORDS_PER_KEY = 256
"""A key that so many kept records have is a template's: it takes no more, which bounds the work."""

MAX_COMPARED = 64
"""Candidates are compared in the order of the keys they share, at most so many."""


class Match(NamedTuple):
    """Say why a record goes: which kept one it duplicates, and how much they have in common."""

    number: int
    kept_id: bytes  # JSON
    reason: str
    similarity: float | None


class Index(Protocol):
    """What knows which kept records have a key."""

    def find(self, keys: Hashes) -> tuple[IntArray, IntArray]:
        """Return places in `keys`, ascending, and a number of a record that seems to have it."""

    def add(self, keys: Hashes, records: IntArray) -> None:
        """Enter one key of one record at each place."""


class Deduplicator:
    """Decide about records in their order; the answers do not depend on how they are batched.

    A store may come with records of an index. Unless `within`, records are compared with those
    only.
    """

    def __init__(
        self,
        signature: Signature,
        *,
        measure: Measure = Measure.JACCARD,
        verified: bool = True,
        within: bool = True,
        size: InputSize | None = None,
        store: Store | None = None,
    ) -> None:
        self.reason = reason_of(signature)
        self.measure = Measure.COMMON if self.reason is not None else measure
        self.threshold = 1.0 if self.reason is not None else threshold_of(signature)
        self.labels = labels_of(signature) if self.measure is Measure.JACCARD else 0.0
        self.verified = verified or self.reason is not None
        self.size = size or InputSize()
        self.store = store if store is not None else Store()
        self._from_nothing = not len(self.store)
        self.within = within
        self.index: Index | None = None

    def decide(self, prints: Fingerprints) -> list[Match | None]:
        """Return the match of each row that goes, None for one that stays, and remember those."""
        self.size.seen += prints.bytes
        index = self._index()
        # The table answers by 16 bits of a key, so some answers are accidents: `have_keys` looks at
        # the keys.
        places, numbers = index.find(prints.keys)
        unique, known = _distinct(numbers, len(self.store))
        # Only records that share a key are fetched: the others lie packed, perhaps on disk.
        gathered = self.store.gather(unique.tolist())
        real = have_keys(gathered.keys, gathered.key_ends, known, prints.keys[places])
        rows = prints.key_rows()
        verdicts = self._verdicts(prints, rows, places[real], known[real], gathered)
        matches, keep, row_numbers = self._matches(prints, verdicts, unique)
        # The common case in one loop; stores of plugins, and 64-bit members, take the plain way.
        if type(self.store) is Store and prints.sets.dtype == np.uint32:
            first = len(self.store)
            block, keys, records = compact(prints, keep, verdicts.crowded, first)
            self.store.put(block)
        else:
            entered = keep[rows] & ~verdicts.crowded
            self.store.add(prints, keep, entered)
            keys, records = prints.keys[entered], row_numbers[rows[entered]]
        # Records that are compared with an index alone are no candidates for each other.
        if self.within:
            index.add(keys, records)
        return matches

    def _index(self) -> Index:
        """Return the index, a table in memory unless there is another already."""
        if self.index is None:
            self.index = KeyTables(self.store)
        if isinstance(self.index, KeyTables) and self._from_nothing:
            self.index.foreseen = int(len(self.index) * self.size.growth())
        return self.index

    def _verdicts(
        self,
        prints: Fingerprints,
        rows: IntArray,
        places: IntArray,
        known: IntArray,
        gathered: StoredRecords,
    ) -> Decisions:
        case = CandidateBatch(
            prints.keys, prints.key_ends, rows, prints.sets, prints.set_ends,
            places, known, gathered.sets, gathered.set_ends,
            self.threshold, self.labels, self.measure, self.verified, self.within,
            RECORDS_PER_KEY, MAX_COMPARED,
        )  # fmt: skip
        return verify_candidates(case)

    def _matches(
        self, prints: Fingerprints, verdicts: Decisions, unique: IntArray
    ) -> tuple[list[Match | None], npt.NDArray[np.bool_], IntArray]:
        """Return the matches, which rows stay, and the number of each that does."""
        keep = verdicts.partners < 0
        # Rows that stay are numbered on from the records of earlier batches, whatever the batches
        # are.
        row_numbers = len(self.store) + np.cumsum(keep) - 1
        matches: list[Match | None] = [None] * len(prints)
        gone = np.flatnonzero(~keep)
        columns = (gone, verdicts.partners[gone], verdicts.similarities[gone])
        same_text = verdicts.same_text[gone] & (columns[2] == 1.0)
        for row, partner, similarity, same in zip(
            *(column.tolist() for column in (*columns, same_text)), strict=True
        ):
            # Known records come first in the numbers of candidates, then the rows of this batch.
            if partner < len(unique):
                number = int(unique[partner])
                kept_id = self.store.id_of(number)
            else:
                number = int(row_numbers[partner - len(unique)])
                kept_id = prints.ids[partner - len(unique)]
            measured = None if self.reason is not None or similarity == -1.0 else similarity
            reason = self.reason or (EXACT if same else NEAR)
            # Below the threshold only labels in another script make a copy (`labels`).
            if measured is not None and measured < self.threshold:
                reason = TRANSLATED
            matches[row] = Match(number, kept_id, reason, measured)
        return matches, keep, row_numbers


def _distinct(numbers: IntArray, size: int) -> tuple[IntArray, IntArray]:
    """Return the distinct numbers below `size`, ascending, and for each number its place there."""
    # Few matches of many records: sorting them is less than a flag for each record.
    if 4 * len(numbers) < size:
        unique, places = np.unique(numbers, return_inverse=True)
        return unique, places
    present = np.zeros(size, np.bool_)  # pages of one template: matches by the million
    present[numbers] = True
    return np.flatnonzero(present), (np.cumsum(present) - 1)[numbers]
