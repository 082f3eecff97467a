"""Counts are exact, however little memory there is."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from mind_clean.key_counts import KeyCounter, bytes_of
from mind_core.errors import MindError, UsageError


@pytest.mark.parametrize("budget", [1 << 30, 1 << 22, 1 << 18])
@pytest.mark.parametrize("min_count", [1, 2, 5])
def test_counts_are_those_of_plain_python(budget: int, min_count: int) -> None:
    chance = np.random.default_rng(7)
    counter = KeyCounter(budget)
    expected: Counter[int] = Counter()
    for _ in range(150):
        # Few distinct keys and many, spread over all 64 bits as hashes are.
        keys = chance.integers(0, 2**64, chance.integers(0, 300), np.uint64)
        keys[: len(keys) // 2] = (keys[: len(keys) // 2] % np.uint64(50)) * np.uint64(2**57)
        counter.add(keys)
        expected.update(keys.tolist())
    spilled = bool(counter._spilled)
    table = counter.table(min_count)
    assert spilled is (budget == 1 << 18)
    assert dict(zip(table.keys.tolist(), table.counts.tolist(), strict=True)) == {
        key: count for key, count in expected.items() if count >= min_count
    }
    assert (np.diff(table.keys.astype(object)) > 0).all()
    asked = np.array([*list(expected)[:20], 1, 2**64 - 1], np.uint64)
    counts = [expected[k] if expected[k] >= min_count else 0 for k in asked.tolist()]
    assert table.counts_of(asked).tolist() == counts


def test_nothing_counted_is_an_empty_table() -> None:
    table = KeyCounter(1 << 20).table(1)
    assert len(table) == 0
    assert table.counts_of(np.array([3], np.uint64)).tolist() == [0]


def test_a_table_over_the_budget_is_refused() -> None:
    counter = KeyCounter(1 << 15)
    for start in range(0, 10_000, 100):
        counter.add(np.arange(start, start + 100).astype(np.uint64) * np.uint64(2**49))
    with pytest.raises(MindError) as caught:
        counter.table(1)
    assert "more memory" in str(caught.value.hint)


@pytest.mark.parametrize(("size", "wanted"), [("1K", 1024), ("1.5 M", 3 << 19), ("2GiB", 2 << 30)])
def test_sizes(size: str, wanted: int) -> None:
    assert bytes_of(size) == wanted


@pytest.mark.parametrize("size", ["", "12", "M", "-1M", "1T"])
def test_what_is_no_size(size: str) -> None:
    with pytest.raises(UsageError):
        bytes_of(size)
