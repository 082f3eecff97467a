"""When keys are counted, merged and spilled: each bound of the memory at its last byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mind_clean import key_counts
from mind_clean.key_counts import KeyCounter, read_counted
from mind_core.errors import MindError

BUDGET = 9600


def keys(count: int, first: int = 0, times: int = 1) -> key_counts.Keys:
    """Return so many different keys, spread over 64 bits, each so often."""
    spread = np.arange(first, first + count).astype(np.uint64) * np.uint64(2**64 // 4096)
    return np.tile(spread, times)


def test_a_buffer_is_counted_when_sorting_it_would_take_half_of_the_budget() -> None:
    counter = KeyCounter(BUDGET)
    counter.add(keys(149))  # 1,192 bytes; sorting takes 4 times as much, half is 4,800
    assert (counter._buffered, len(counter._runs)) == (1192, 0)
    counter.add(keys(1, 149))
    assert (counter._buffered, counter._buffer) == (0, [])
    assert [len(found) for found, _ in counter._runs] == [150]
    counter.add(keys(0))
    assert counter._buffer == []


def test_runs_are_merged_at_a_quarter_of_the_budget_and_spilled_at_an_eighth() -> None:
    counter = KeyCounter(BUDGET)
    counter.add(keys(199))  # 2,388 bytes in a run
    assert (len(counter._runs), counter._spilled) == (1, [])
    counter = KeyCounter(BUDGET)
    counter.add(keys(200))  # 2,400: a quarter
    assert (counter._runs, counter._spilled) == ([], [(0, 200)])
    counter = KeyCounter(BUDGET)
    for turn in range(3):
        counter.add(keys(99, times=2))  # 1,188 bytes a run, twice is below a quarter
        assert len(counter._runs) == (1, 2, 1)[turn]
    assert counter._spilled == []
    assert counter._runs[0][1].tolist() == [6] * 99
    counter = KeyCounter(BUDGET)
    counter.add(keys(100, times=2))
    assert len(counter._runs) == 1
    counter.add(keys(100, times=2))  # merged at a quarter, and 1,200 bytes are an eighth
    assert (counter._runs, counter._spilled) == ([], [(0, 100)])


def test_what_was_spilled_is_merged_in_ranges_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = KeyCounter(BUDGET)
    for turn in range(5):
        counter.add(keys(200, first=turn % 2))
    assert [size for _, size in counter._spilled] == [200] * 5
    assert [offset for offset, _ in counter._spilled] == [2400 * turn for turn in range(5)]
    ranges: list[int] = []
    merged = key_counts._merged

    def noted(runs: Any) -> Any:
        ranges.append(sum(len(found) for found, _ in runs))
        return merged(runs)

    monkeypatch.setattr(key_counts, "_merged", noted)
    table = counter.table(1)
    # 12,000 bytes in all take 4 times as much to merge; half of the budget is 4,800.
    assert len(ranges) == 10 and sum(ranges) == 1000
    assert len(table) == 201 and table.counts.tolist() == [3, *[5] * 199, 2]
    assert (np.diff(table.keys.astype(object)) > 0).all()


def test_ranges_of_the_keys_hold_about_as_much_each(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = KeyCounter(BUDGET)
    chance = np.random.default_rng(1)
    for _ in range(20):
        counter.add(chance.integers(0, 2**64, 250, np.uint64))
    ranges: list[int] = []
    merged = key_counts._merged

    def noted(runs: Any) -> Any:
        ranges.append(sum(len(found) for found, _ in runs))
        return merged(runs)

    monkeypatch.setattr(key_counts, "_merged", noted)
    table = counter.table(2)
    assert len(table) == 0
    assert len(ranges) == 50 and sum(ranges) == 5000
    assert max(ranges) < 150


def test_a_table_may_take_the_budget_and_no_key_more() -> None:
    for count, fits in ((800, True), (801, False)):
        counter = KeyCounter(BUDGET)
        for _ in range(2):
            for first in range(0, count, 200):
                counter.add(keys(min(200, count - first), first))
        counter._count_buffer()
        if fits:
            assert len(counter.table(2)) == count
        else:
            with pytest.raises(MindError, match="2 times or more"):
                counter.table(2)


def test_what_is_written_is_read_as_it_was_counted(tmp_path: Path) -> None:
    for turns in (1, 5):
        counter = KeyCounter(BUDGET)
        for turn in range(turns):
            counter.add(keys(150, first=turn, times=2))
        counter.write(tmp_path / "counted")
        found, expected = read_counted(tmp_path / "counted"), counter.table(1)
        assert np.array_equal(found.keys, expected.keys) and len(found) == 149 + turns
        assert np.array_equal(found.counts, expected.counts) and int(found.counts[0]) == 2
