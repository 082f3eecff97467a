"""Conditions with words, tables without a curve, and a rule that was half tried."""

from __future__ import annotations

import numpy as np
import pytest

from mind_core.errors import UsageError
from mind_sft_select.expressions import Condition
from mind_sft_select.fitting.cells import Cells, make_cells
from mind_sft_select.fitting.verdict import judge_curve
from mind_sft_select.loop.compare import Difference, rule_verdict


@pytest.mark.parametrize(
    "text", ["language+1>2", "-language<1", "tokens>None", "language*9>1", "tokens==b'a'"]
)
def test_a_condition_that_calculates_with_a_word_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="with a word|is not allowed"):
        Condition(text, ("language", "tokens"))({"language": "en", "tokens": 9})


def test_clusters_with_one_gap_have_no_curve() -> None:
    rows = [{"cluster": n, "gap": 1.0, "value": float(n)} for n in range(5)]
    with pytest.raises(UsageError, match="three different gaps"):
        make_cells(rows)


def test_a_rule_is_confirmed_against_both_baselines_only() -> None:
    random = Difference("random", "en", -1.0, 0.1, 1e-6, 1e-6)
    length = Difference("random-length", "en", -1.0, 0.1, 1e-6, 1e-6)
    assert rule_verdict([random])[0] == "not decided at this size"
    assert rule_verdict([random, length])[0] == "confirmed"


def test_few_clusters_are_described_by_the_curve_of_the_draws() -> None:
    gaps = np.arange(5.0)
    values = np.exp(-((gaps - 2.0) ** 2) / 0.5)[:, None, None] + np.zeros((5, 2, 3))
    cells = Cells(tuple("abcde"), gaps, values, higher=True)
    assert judge_curve(cells).curve == "quadratic"
