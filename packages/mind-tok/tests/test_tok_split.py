"""Copies of a text never lie on both sides, and no group of some size goes without validation."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mind_core.errors import UsageError
from mind_tok.sampling import hash64
from mind_tok.split import TRAIN, VALIDATION, Splitter

Placed = list[tuple[str, tuple[str, int]]]


def place(documents: list[tuple[str, int]], share: float) -> Placed:
    splitter: Splitter[tuple[str, int]] = Splitter(share, min_documents=3)
    placed: Placed = []
    for group, key in documents:
        placed += splitter.place(group, key, (group, key))
    return placed + list(splitter.finish())


keys = st.sampled_from([hash64(b"%d" % i, 0) for i in range(12)])
documents = st.lists(st.tuples(st.sampled_from("ab"), keys), max_size=40)


@given(documents=documents, share=st.sampled_from([0.0, 1e-12, 0.1, 0.5]))
def test_every_document_is_placed_once_and_copies_go_together(
    documents: list[tuple[str, int]], share: float
) -> None:
    placed = place(documents, share)
    assert Counter(document for _, document in placed) == Counter(documents)
    sides: dict[int, set[str]] = {}
    for split, (_, key) in placed:
        sides.setdefault(key, set()).add(split)
    assert all(len(splits) == 1 for splits in sides.values()), "in whatever group they stand"
    for group in "ab":
        count = sum(g == group for g, _ in documents)
        has = any(split == VALIDATION and g == group for split, (g, _) in placed)
        own = {key for g, key in documents if g == group}
        shared = own <= {key for g, key in documents if g != group}
        assert has or count < 3 or share == 0 or shared


def test_a_copy_in_another_group_is_not_held_out_of_what_is_trained() -> None:
    low, high = 1 << 40, 1 << 60
    # "a" trains on `high`; in "b" it is the lowest, and must not go to validation.
    first = [("a", low), ("a", high), ("a", high + 1)]
    placed = place([*first, ("b", high), ("b", high + (1 << 50)), ("b", high + (1 << 51))], 1e-12)
    assert (VALIDATION, ("a", low)) in placed and (TRAIN, ("b", high)) in placed
    assert (VALIDATION, ("b", high + (1 << 50))) in placed
    # And the other way round: what "a" holds back is held back in "b" too.
    assert (VALIDATION, ("b", low)) in place([*first, ("b", high), ("b", low)], 1e-12)


def test_the_share_is_met_on_many_documents() -> None:
    placed = place([("a", hash64(b"%d" % i, 0)) for i in range(20_000)], 0.1)
    assert sum(split == VALIDATION for split, _ in placed) == pytest.approx(2000, rel=0.1)


def test_a_small_group_stays_in_training() -> None:
    assert [split for split, _ in place([("a", 1 << 63), ("a", 1 << 62)], 1e-9)] == [TRAIN, TRAIN]


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_what_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(UsageError):
        Splitter[None](share)


@given(
    batches=st.lists(documents, max_size=6),
    share=st.sampled_from([0.0, 1e-12, 0.1, 0.5]),
)
def test_a_batch_at_once_is_placed_as_document_by_document(
    batches: list[list[tuple[str, int]]], share: float
) -> None:
    one_by_one: Splitter[tuple[str, int]] = Splitter(share, min_documents=3)
    at_once: Splitter[tuple[str, int]] = Splitter(share, min_documents=3)
    for batch in batches:
        expected = [p for group, key in batch for p in one_by_one.place(group, key, (group, key))]
        numbers = np.array(["ab".index(group) for group, _ in batch], np.int64)
        chosen = at_once.place_all("ab", numbers, np.array([key for _, key in batch], np.uint64))
        if chosen is None:
            found = [p for group, key in batch for p in at_once.place(group, key, (group, key))]
        else:
            splits = [VALIDATION if validation else TRAIN for validation in chosen]
            found = list(zip(splits, batch, strict=True))
        assert found == expected
    assert list(at_once.finish()) == list(one_by_one.finish())
    assert at_once._trained == one_by_one._trained


def test_nearly_all_batches_are_placed_at_once() -> None:
    splitter: Splitter[int] = Splitter(0.1)
    rows = np.array([hash64(b"%d" % i, 0) for i in range(2000)], np.uint64)
    assert splitter.place_all("a", np.zeros(100, np.int64), rows[:100]) is None
    for key in rows[:100].tolist():
        list(splitter.place("a", key, 0))
    for start in range(100, 2000, 100):
        chosen = splitter.place_all("a", np.zeros(100, np.int64), rows[start : start + 100])
        assert chosen is not None
        assert 0 <= chosen.sum() < 40
