"""The rate and batch of Step Law: as published, with the band of its authors' coefficients."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from mind_train.step_law import advice, advice_line

COEFFICIENTS = (
    Path(__file__).parents[4]
    / "shared/data/scaling/step-law/1004_fitted_lr_bs_scaling_model_parameters.csv"
)
RUNS = [(3e8, 1e10), (1e9, 2e10), (1e9, 1e11), (3e9, 5e11), (1e7, 2e8)]


@pytest.mark.parametrize(("size", "tokens"), RUNS)
def test_the_middle_is_the_published_formula(size: float, tokens: float) -> None:
    """1.79 N^-0.713 D^0.307 and 0.58 D^0.571, to what three digits of an exponent leave open."""
    found = advice(size, tokens)
    assert found.rate == pytest.approx(1.79 * size**-0.713 * tokens**0.307, rel=0.03)
    assert found.batch == pytest.approx(0.58 * tokens**0.571, rel=0.01)
    assert found.rate_band[0] < found.rate < found.rate_band[1]
    assert found.is_outside == (size in (3e9, 1e7))


def test_the_line_says_where_the_law_was_not_fitted() -> None:
    assert advice_line(advice(1e9, 2e10)) == (
        "Step Law: rate 1.01e-03 (9.48e-04 … 1.08e-03), batch 442,000 tokens (422,000 … 463,000)"
    )
    assert advice_line(advice(1e9, 1e9)).endswith(", far from the runs it was fitted to")


@pytest.mark.skipif(not COEFFICIENTS.exists(), reason="no coefficients of Step Law")
def test_bands_are_those_of_the_authors_resamplings() -> None:
    with COEFFICIENTS.open() as file:
        rows = np.array([[float(x) for x in row.values()] for row in csv.DictReader(file)])
    for size, tokens in RUNS:
        rates = np.exp(rows[:, :3] @ [1, np.log(size), np.log(tokens)])
        batches = np.exp(rows[:, 3:] @ [1, np.log(tokens)])
        found = advice(size, tokens)
        ends = [0.025, 0.975]
        assert found.rate_band == pytest.approx(np.quantile(rates, ends), rel=0.015)
        assert found.batch_band == pytest.approx(np.quantile(batches, ends), rel=0.015)
