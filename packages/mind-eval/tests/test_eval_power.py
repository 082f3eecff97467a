"""What difference so many items would show: the exact test's own power, by scipy's binomial."""

from __future__ import annotations

import pytest

from mind_eval.power import detectable, least_one_sided, power
from mind_eval.significance import mcnemar

binomial = pytest.importorskip("scipy.stats").binom


def by_hand(difference: float, disagree: float, items: int) -> float:
    """Sum the power over every outcome, with no cut."""
    disagree = max(disagree, difference)
    better = (disagree + difference) / (2 * disagree)
    return float(
        sum(
            binomial.pmf(n, items, disagree) * binomial.pmf(k, n, better)
            for n in range(1, items + 1)
            for k in range(n + 1)
            if mcnemar(k, n - k) < 0.05
        )
    )


@pytest.mark.parametrize(
    ("difference", "disagree", "items"),
    [(0.12, 0.0, 67), (0.1, 0.3, 67), (0.3, 0.5, 40), (1, 0, 6)],
)
def test_power_is_the_sum_over_all_outcomes(difference: float, disagree: float, items: int) -> None:
    wanted = by_hand(difference, disagree, items)
    assert power(difference, disagree, items) == pytest.approx(wanted, abs=1e-6)


def test_the_smallest_difference_is_one_that_the_exact_test_can_find() -> None:
    assert least_one_sided() == 6, "2 / 2**6 is below 0.05, 2 / 2**5 is not"
    assert mcnemar(0, 6) < 0.05 < mcnemar(0, 5)
    found = detectable(0, 0, 67)
    assert found is not None and found > 6 / 67, "fewer than 6 of 67 items are never significant"
    assert power(found, 0.0, 67) == pytest.approx(0.8, abs=1e-3)
    assert found == pytest.approx(0.1154, abs=1e-4)
    assert detectable(0, 0, 5) is None, "five items show nothing"
    assert detectable(10, 30, 200) == pytest.approx(0.0912, abs=2e-4)
    many = detectable(2000, 2200, 14042)
    assert many == pytest.approx(2.8016 * (4200 / 14042 / 14042) ** 0.5, rel=0.02), "normal there"
