"""Rules of a few lines each: rank correlation, clearness of a claim, words, curves, rows."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from mind_core import MindError
from mind_train.checkpoint import CONFIG, read_config
from mind_train.experiments.identification import _edges
from mind_train.experiments.outcomes import Effect, spearman, two_sided
from mind_train.experiments.regmix import _number
from mind_train.metrics import describe, in_words
from mind_train.models.gpt_neo import GPTNeoConfig
from mind_train.models.mindllm import MindLLMConfig
from mind_train.references.runs import ReferenceRun


@pytest.mark.parametrize(
    ("left", "right"),
    [([1, 2, 3, 4], [1, 3, 2, 4]), ([1, 1, 2, 5], [3, 4, 4, 9]), ([0.1, 7, 3], [2, 2, 1])],
)
def test_a_rank_correlation_is_scipys(left: list[float], right: list[float]) -> None:
    assert spearman(left, right) == pytest.approx(stats.spearmanr(left, right).statistic)


def test_ranks_that_are_all_one_go_with_nothing() -> None:
    for left, right in (([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [1, 1, 1]), ([1, 1], [2, 2])):
        assert spearman(left, right) == 0.0


def test_a_claim_is_the_clearer_the_farther_its_effect_is_from_the_smallest() -> None:
    def effect(value: float, error: float = 0.1) -> Effect:
        return Effect(value, error, 0.0, freedom=8, seeds=9, smallest=0.2)

    assert effect(0.5).decided_at() == pytest.approx(two_sided(3.0, 8))
    assert effect(-0.5).decided_at() == effect(0.5).decided_at() == effect(-0.5).decided_at()
    assert effect(0.2).decided_at() == pytest.approx(1.0)
    assert effect(0.0).decided_at() == pytest.approx(two_sided(2.0, 8))
    assert effect(0.5, 0.0).decided_at() == 0.0
    low, high = effect(0.5).interval(0.05)
    assert (low + high) / 2 == pytest.approx(0.5)
    assert high - 0.5 == pytest.approx(0.1 * float(stats.t.isf(0.025, 8)))
    assert Effect(0.5, 0.3, 0.4, 8, 9, 0.2).error == pytest.approx(0.5)


def test_a_step_is_put_into_words() -> None:
    line: dict[str, Any] = {"loss": 2.34567, "tokens_per_second": 12345.6, "mfu": None}
    assert in_words(line) == "loss 2.346, 12,346 tokens/s"
    assert in_words({**line, "mfu": 0.416}) == "loss 2.346, 12,346 tokens/s, MFU 42%"
    assert in_words({"cause": "a spike", "tokens_per_second": 9.0, "mfu": None}) == (
        "a spike, 9 tokens/s"
    )
    assert in_words({"step": 3}) == "passed over"


def test_an_evaluation_is_put_into_words() -> None:
    result = {
        "all": {"nats_per_token": 3.21098},
        "languages": {
            "zh": {"nats_per_token": 3.5, "bits_per_byte": 1.23456},
            "en": {"nats_per_token": 2.75, "bits_per_byte": None},
        },
    }
    assert describe(result) == "3.211 nats/token, zh 1.235 bits/byte, en 2.750"


def test_a_curve_is_a_line_over_the_logarithm_of_tokens() -> None:
    points = ((0.0, 8.0), (100.0, 4.0), (10_000.0, 2.0))
    run = ReferenceRun("r", "mindllm", 1, "", "", {"zh": points, "one": ((5.0, 1.0),)})
    for tokens, value in ((0, 8.0), (50, 6.0), (100, 4.0), (1000, 3.0), (10_000, 2.0)):
        assert run.at("zh", tokens) == pytest.approx(value)
    assert run.at("zh", 10_001) is run.at("zh", -1) is run.at("en", 50) is None
    assert run.at("one", 5) == 1.0 and run.at("one", 4.9) is None
    assert run.fall("zh", 100) == pytest.approx(2.0) and run.fall("zh", 10_001) is None
    assert run.fall("zh", 10_000) == pytest.approx(math.log(2) / math.log(10))
    assert run.fall("one", 5) is None


def test_a_row_of_regmix_holds_finite_numbers() -> None:
    assert [_number(value, "f") for value in ("0.5", 2, "1e-3")] == [0.5, 2.0, 0.001]
    for value in ("x", "", None, "nan", "inf", True):
        with pytest.raises(MindError, match=r"^f: .* is no finite number"):
            _number(value, "f")


def test_an_interval_ends_where_the_profile_crosses_its_limit() -> None:
    """From the fit's own objective, not from 0: (2, 1.00), limit 1.02, (2.5, 1.5) cross at 2.02."""
    values, heights = np.array([2.0, 1.5, 1.9, 2.5, 3.0]), np.array([1.0, 1.8, 1.01, 1.5, 2.0])
    low, high = _edges(values, heights, 1.02)
    assert high == pytest.approx(2.02) and low == pytest.approx(1.9 - 0.4 * 0.01 / 0.79)
    # A profile that goes below the fit counts from its own lowest value.
    assert _edges(np.array([2.0, 1.0, 3.0]), np.array([5.0, 4.0, 1.0]), 2.0) == [2.75]


@pytest.mark.parametrize(
    "described",
    [{}, {"architecture": "mindllm"}, {"architecture": 7, "config": {}},
     {"architecture": "mindllm", "config": 7}, {"architecture": "mindllm", "config": ["x"]}],
)  # fmt: skip
def test_a_file_that_describes_no_model_is_named(tmp_path: Path, described: object) -> None:
    (tmp_path / CONFIG).write_text(json.dumps(described))
    with pytest.raises(MindError, match=f"{CONFIG} describes no model"):
        read_config(tmp_path)


@pytest.mark.parametrize("form", [MindLLMConfig, GPTNeoConfig])
def test_each_size_of_a_model_is_at_least_one(form: Any) -> None:
    sizes = {"vocab": 8, "dim": 8, "layers": 1, "heads": 2, "ffn_dim": 8, "context": 8}
    if form is GPTNeoConfig:
        sizes["window"] = 1
    form(**sizes)
    for name in sizes:
        for wrong in (0, -1):
            with pytest.raises(MindError, match=name):
                form(**{**sizes, name: wrong})
