"""What a fit says in words, where its variances come from, and how batches are cut."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mind_core.stream import Batch
from mind_sft_select.fitting.curves import gaussian
from mind_sft_select.fitting.noise import Noise, split_noise
from mind_sft_select.fitting.report import verdict_lines
from mind_sft_select.fitting.verdict import CANNOT_TELL, EDGE, NO_EFFECT, PEAK, FitConclusion
from mind_sft_select.instructions import batches_of_lines
from mind_sft_select.scoring.templates import ConversationTemplate

FOUND = FitConclusion(
    PEAK, "quadratic", 0.4, (0.1, 0.7), (-0.25, 1.25), 0.1, (0.0, 0.2), 0.05, 0.001, 0.9, 0.8, {},
    Noise(1.0, 0.1, 0.01), None,
)  # fmt: skip
BETWEEN = "95 % interval of the best gap: 0.10 … 0.70"
NEEDED = {"clusters": 9, "seeds": 3, "items": 1200}


@pytest.mark.parametrize(
    ("more", "first", "second"),
    [
        ({}, f"verdict: peak at 0.40 ({BETWEEN})", "--band -0.25,1.25"),
        ({"verdict": EDGE}, "verdict: edge", "no band is recommended"),
        ({"verdict": NO_EFFECT}, "the clusters differ by at most 0.2, less than 0.05", ""),
        ({"verdict": CANNOT_TELL}, f"verdict: cannot tell ({BETWEEN})", ""),
        ({"verdict": CANNOT_TELL, "interval": (-math.inf, math.inf), "needed": NEEDED},
         "open … open", "9 clusters × 3 seeds × 1,200 items would do"),
        ({"verdict": CANNOT_TELL, "needed": {**NEEDED, "enough": 0}},
         "cannot tell", "would still not do"),
    ],
)  # fmt: skip
def test_each_verdict_is_said(more: dict[str, Any], first: str, second: str) -> None:
    lines = verdict_lines(replace(FOUND, **more))
    assert first in lines[0]
    assert "chance of flat means 0.001, of rising ones 0.900, of falling ones 0.800" in lines[0]
    assert len(lines) == 1 + bool(second)
    assert second in lines[-1]


def test_variances_that_were_planted_are_found_apart() -> None:
    rng = np.random.default_rng(0)
    clusters, seeds, items = 40, 8, 50
    values = rng.normal(0, 2.0, (1, 1, items)) + rng.normal(0, 1.0, (1, seeds, 1))
    values = values + rng.normal(0, 0.5, (clusters, seeds, 1))
    values = values + rng.normal(0, 3.0, (clusters, seeds, items))
    known = 9.0 / (items * seeds) + 0.25 / seeds
    found = split_noise(values, known + 0.04)
    assert found.item == pytest.approx(9.0, rel=0.05)
    assert found.seed == pytest.approx(0.25, rel=0.25)
    assert found.cluster == pytest.approx(0.04, abs=0.01)
    assert found.of_mean(seeds, items) == pytest.approx(known + 0.04, rel=0.05)
    assert split_noise(values, 0.0).cluster == 0.0
    alone = split_noise(values[:, :1, :1], 0.5)
    assert (alone.item, alone.seed, alone.cluster) == (0.0, 0.0, 0.5)


def test_a_bell_of_known_width_is_fitted_by_its_own_curve() -> None:
    x = np.linspace(-1.0, 3.0, 17)
    width = 4.0 * 0.1  # the narrowest of the grid
    means = 1.0 + 2.0 * np.exp(-((x - 1.0) ** 2) / (2 * width**2))
    found = gaussian(x, means[None])
    assert found.peak[0] == pytest.approx(1.0, abs=0.1)
    assert found.error[0] < 1e-3


def lines_of(batches: list[Batch], count: int) -> list[tuple[str, list[tuple[int, bytes]]]]:
    return [(b.name, list(b.lines())) for b in batches_of_lines(iter(batches), count)]


def test_batches_have_so_many_records_and_end_with_their_input() -> None:
    batches = [
        Batch("a", 1, b"1\n2\n\n3\n"), Batch("a", 5, b"4\n"), Batch("b", 1, b"5\n6\n"),
    ]  # fmt: skip
    assert lines_of(batches, 3) == [
        ("a", [(1, b"1"), (2, b"2"), (4, b"3")]), ("a", [(5, b"4")]), ("b", [(1, b"5"), (2, b"6")]),
    ]  # fmt: skip
    assert all(batch.data.endswith(b"\n") for batch in batches_of_lines(iter(batches), 3))
    assert [len(lines) for _, lines in lines_of(batches, 1)] == [1] * 6


def test_no_text_is_encoded_as_nothing() -> None:
    template = SimpleNamespace(tokenizer=None)
    assert ConversationTemplate.encode_texts(template, []) == []  # type: ignore[arg-type]
