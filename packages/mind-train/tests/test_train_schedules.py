"""Schedules are pure functions of the step, with known values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mind_core import MindError
from mind_train.optim.schedules import Constant, Cosine, Linear, Schedule, WarmupStableDecay


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (Constant(), {1: 1.0, 50: 1.0, 100: 1.0}),
        (Constant(warmup=10), {1: 0.1, 5: 0.5, 10: 1.0, 100: 1.0}),
        (Linear(warmup=20, floor=0.1), {10: 0.5, 20: 1.0, 60: 0.55, 100: 0.1}),
        (Cosine(warmup=0.2, floor=0.2), {10: 0.5, 20: 1.0, 60: 0.6, 100: 0.2}),
        (WarmupStableDecay(warmup=10, decay=0.2), {5: 0.5, 10: 1.0, 80: 1.0, 90: 0.5, 100: 0.0}),
    ],
)
def test_values(schedule: Schedule, values: dict[int, float]) -> None:
    for step, factor in values.items():
        assert schedule(step, 100) == pytest.approx(factor), step


@given(
    total=st.integers(1, 500),
    warmup=st.one_of(st.floats(0, 0.99), st.integers(1, 600).map(float)),
    floor=st.floats(0, 1),
)
def test_factors_stay_between_0_and_1(total: int, warmup: float, floor: float) -> None:
    for kind in (Constant, Linear, Cosine, WarmupStableDecay):
        schedule = kind(warmup=warmup, floor=floor)
        for step in range(1, total + 1, max(1, total // 7)):
            assert 0.0 <= schedule(step, total) <= 1.0


@given(warmup=st.floats(0, 0.99), decay=st.floats(0.01, 1))
def test_a_run_of_one_step_learns(warmup: float, decay: float) -> None:
    for kind in (Constant, Linear, Cosine):
        assert kind(warmup=warmup, floor=0.0)(1, 1) == 1.0
    assert WarmupStableDecay(warmup=warmup, decay=decay)(1, 1) == 1.0
    assert WarmupStableDecay(decay=0.2)(4, 4) == 1.0  # a decay over 0.8 of a step
    # A warm-up of a number of steps is none of the run's: the one step is its first.
    assert Constant(warmup=10)(1, 1) == pytest.approx(0.1)


def test_values_without_meaning_are_refused() -> None:
    for make in (
        lambda: Cosine(warmup=-1),
        lambda: Linear(floor=2.0),
        lambda: WarmupStableDecay(decay=0.0),
    ):
        with pytest.raises(MindError) as caught:
            make()
        assert caught.value.hint
