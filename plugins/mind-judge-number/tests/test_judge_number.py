"""What is right, what is wrong, and why."""

from __future__ import annotations

import pytest
from mind_judge_number import Number


@pytest.mark.parametrize(
    ("answer", "reference", "reason"),
    [
        ("The total is 1,200.50 yuan.", "1200.5", "right"),
        ("同比增长12％", "0.12", "right"),
        ("约为 −3.5", "-3.5", "right"),
        ("5 plus 6 is 12", "11", "wrong"),
        ("I do not know", "11", "no_number"),
        ("11", "eleven", "no_reference"),
    ],
)
def test_the_last_number_counts(answer: str, reference: str, reason: str) -> None:
    verdict = Number()("", answer, reference)
    assert verdict.reason == reason and verdict.score == float(reason == "right")


def test_tolerance() -> None:
    assert Number(tolerance=0.01)("", "100.5", "100").score == 1.0
