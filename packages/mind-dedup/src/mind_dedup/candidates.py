"""What becomes of each record of a batch: compared with kept ones that share a key, best first."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mind_core.kernels.hashing import Hashes
from mind_dedup.loops import candidates as loops

IntArray = npt.NDArray[np.int64]
Set = npt.NDArray[np.unsignedinteger]

_ANY = float(np.nextafter(0, 1))
"""The lowest similarity of two sets that have anything in common."""


class Measure(StrEnum):
    """What is compared with the threshold."""

    JACCARD = "jaccard"
    """|A ∩ B| / |A ∪ B|"""

    CONTAINMENT = "containment"
    """|A ∩ B| / |A|: how much of the record A lies in the kept one B."""

    COMMON = "common"
    """Whether the sets have a member in common: keys that decide, with their other halves."""


class CandidateBatch(NamedTuple):
    """Hold a batch and the kept records that share keys with it.

    Match i says that the key at `places[i]` of the batch is one of kept record `known[i]`, whose
    set is number `known[i]` of `known_sets`, in the order of record numbers. Places ascend.
    """

    keys: Hashes
    key_ends: IntArray
    key_rows: IntArray
    sets: Set
    set_ends: IntArray
    places: IntArray
    known: IntArray
    known_sets: Set
    known_set_ends: IntArray
    threshold: float
    labels: float
    """The similarity from which on a partly translated copy is a duplicate; 0 for never."""

    measure: Measure
    verified: bool
    within: bool
    """Whether the rows of the batch are candidates for each other."""

    records_per_key: int
    max_compared: int


class Decisions(NamedTuple):
    """Hold the answer for each row, and for each key whether too many records have it.

    `partners` is -1 for a row that stays, else a known record, or the number of known ones plus
    the row of this batch that it duplicates. Unverified similarities are 1 for the same text,
    else -1.
    """

    partners: IntArray
    similarities: npt.NDArray[np.float64]
    same_text: npt.NDArray[np.bool_]
    crowded: npt.NDArray[np.bool_]

    @classmethod
    def none(cls, rows: int, keys: int) -> Decisions:
        """Return verdicts of which every row stays."""
        return cls(
            np.full(rows, -1, np.int64),
            np.zeros(rows),
            np.zeros(rows, np.bool_),
            np.zeros(keys, np.bool_),
        )


def verify_candidates(case: CandidateBatch) -> Decisions:
    """Return what becomes of each row of a batch."""
    # Keys that decide are 64 bits wide, and the loop takes 32: within a batch numbers do.
    case = _numbered(case) if case.measure is Measure.COMMON else case
    rows, keys = len(case.set_ends), len(case.keys)
    verdicts = Decisions.none(rows, keys)
    sharing, group = _groups(case.keys)
    if not case.within:
        # No key is shared then, so no row is a candidate for a later one.
        sharing = sharing[:0]
    edges = np.arange(rows + 1)
    # Scratch of the loop by candidate: kept records first, then the rows of this batch.
    everyone = len(case.known_set_ends) + rows
    loops.verify_candidates(
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
        _ANY if case.measure is Measure.COMMON else case.threshold,
        case.labels,
        list(Measure).index(case.measure),
        case.verified,
        case.records_per_key,
        case.max_compared,
        verdicts.partners,
        verdicts.similarities,
        verdicts.same_text,
        verdicts.crowded,
        np.zeros(everyone, np.int64),
        np.zeros(everyone, np.bool_),
        np.empty(everyone, np.int64),
        np.zeros(keys, np.int64),
        np.full(keys, -1, np.int64),
        np.full(len(sharing), -1, np.int64),
        np.zeros(keys, np.int64),
    )
    return verdicts


def have_keys(
    known_keys: Hashes, known_key_ends: IntArray, known: IntArray, keys: Hashes
) -> npt.NDArray[np.bool_]:
    """Say of each match whether the known record has the key: a table compares less than a key."""
    real = np.zeros(len(known), np.bool_)
    loops.has_key(known_keys, known_key_ends, known, keys, real)
    return real


def _groups(keys: Hashes) -> tuple[IntArray, IntArray]:
    """Return the places of keys that occur more than once, and of each place its first like it."""
    # A power of two, more than twice the keys: the loop masks and probes.
    size = 1 << max(int(2 * len(keys)).bit_length(), 4)
    first, places = np.empty(len(keys), np.int64), np.empty(len(keys) + 1, np.int64)
    several = np.zeros(len(keys), np.bool_)
    count = loops.groups(keys, np.zeros(size, np.int64), first, several, places)
    return places[:count], first


def _numbered(case: CandidateBatch) -> CandidateBatch:
    """Return a case whose 64-bit members are numbered, as the loop compares 32 bits."""
    both = np.concatenate((case.sets, case.known_sets))
    numbers = np.unique(both, return_inverse=True)[1].astype(np.uint32)
    own, known = numbers[: len(case.sets)], numbers[len(case.sets) :]
    return case._replace(
        sets=_sorted_rows(own, case.set_ends), known_sets=_sorted_rows(known, case.known_set_ends)
    )


def _sorted_rows(flat: npt.NDArray[np.uint32], ends: IntArray) -> npt.NDArray[np.uint32]:
    rows = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=np.int64(0)))
    return flat[np.lexsort((flat, rows))]
