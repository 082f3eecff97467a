"""The order of rows is a pure function of (seed, index), and a permutation in each epoch."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mind_train.permutation import permuted, row_of


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 700), key=st.integers(0, 2**64 - 1))
def test_every_row_comes_once_in_an_epoch(n: int, key: int) -> None:
    assert sorted(permuted(i, n, key) for i in range(n)) == list(range(n))


def test_epochs_and_seeds_differ_and_repeat() -> None:
    n = 200
    first = [row_of(i, n, 1) for i in range(n)]
    assert first == [row_of(i, n, 1) for i in range(n)]
    assert first != [row_of(i, n, 2) for i in range(n)]
    assert first != [row_of(n + i, n, 1) for i in range(n)]
    assert first != sorted(first)


def test_any_index_is_found_at_once() -> None:
    """Far out and in huge sets: nothing is replayed or stored."""
    assert 0 <= row_of(10**15, 10**12, 3) < 10**12
    assert row_of(10**15, 10**12, 3) == row_of(10**15, 10**12, 3)


def test_neighbours_are_scattered() -> None:
    n = 10_000
    steps = [abs(row_of(i + 1, n, 0) - row_of(i, n, 0)) for i in range(2000)]
    mean = sum(steps) / len(steps)
    assert abs(mean - n / 3) < n / 20  # two random places are a third of the range apart
