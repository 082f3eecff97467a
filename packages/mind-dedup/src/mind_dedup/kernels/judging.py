"""Candidates of a batch's records compared one after the other, as `judge.judge` does it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_dedup.fold import Hashes
from mind_dedup.judge import Case, Measure, Verdicts
from mind_dedup.kernels.library import LOOPS

Numbers = npt.NDArray[np.int64]

_judge, _groups = LOOPS.function("judging.judge"), LOOPS.function("judging.groups")
_has_key = LOOPS.function("judging.has_key")


def judge(case: Case) -> Verdicts:
    """Return what becomes of each row of a batch."""
    rows, keys = len(case.set_ends), len(case.keys)
    verdicts = Verdicts.none(rows, keys)
    sharing, group = groups(case.keys)
    if not case.within:
        sharing = sharing[:0]
    edges = np.arange(rows + 1)
    everyone = len(case.known_set_ends) + rows
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
        np.zeros(everyone, np.int64),
        np.zeros(everyone, np.bool_),
        np.empty(everyone, np.int64),
        np.zeros(keys, np.int64),
        np.full(keys, -1, np.int64),
        np.full(len(sharing), -1, np.int64),
        np.zeros(keys, np.int64),
    )
    return verdicts


def has_key(
    known_keys: Hashes, known_key_ends: Numbers, known: Numbers, keys: Hashes
) -> npt.NDArray[np.bool_]:
    """Say of each match whether the known record has the key."""
    real = np.zeros(len(known), np.bool_)
    _has_key(known_keys, known_key_ends, known, keys, real)
    return real


def groups(keys: Hashes) -> tuple[Numbers, Numbers]:
    """Return the places of keys that occur more than once, and of each place its first like it."""
    size = 1 << max(int(2 * len(keys)).bit_length(), 4)
    first, places = np.empty(len(keys), np.int64), np.empty(len(keys) + 1, np.int64)
    count = _groups(keys, np.zeros(size, np.int64), first, np.zeros(len(keys), np.bool_), places)
    return places[:count], first
