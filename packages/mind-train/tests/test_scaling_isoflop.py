"""IsoFLOP profiles: a planted exponent is found, and a minimum on an edge is none."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from mind_core.errors import GateError
from mind_core.testing import run_tool
from mind_train.experiments.isoflop import ON_EDGE, optimal_sizes, profiles_of
from mind_train.experiments.run_table import Runs

pytest.importorskip("scipy")

EPOCH = Path(__file__).parents[4] / "shared/data/scaling/epoch/svg_extracted_data.csv"
ALPHA, BETA = 0.34, 0.28
EXPONENT = BETA / (ALPHA + BETA)


def planted(seed: int, noise: float = 0.001, levels: int = 5, reach: float = 0.6) -> Runs:
    """Nine sizes at each of some FLOPs, around the best size of the law that makes the losses."""
    draw, rows = np.random.default_rng(seed), []
    scale = (ALPHA * 406.4 / (BETA * 410.7)) ** (1 / (ALPHA + BETA))
    for flops in np.geomspace(1e18, 1e21, levels):
        best = scale * (flops / 6) ** EXPONENT
        for size in best * 10 ** np.linspace(-reach, reach, 9):
            tokens = flops / 6 / size
            loss = 1.69 + 406.4 / size**ALPHA + 410.7 / tokens**BETA
            rows.append((size, tokens, loss * (1 + noise * draw.standard_normal())))
    size, tokens, loss = np.array(rows).T
    return Runs(size, tokens, loss, tuple(map(str, range(len(rows)))))


def test_a_planted_exponent_lies_in_its_interval() -> None:
    inside = {"parabola": 0, "akima": 0}
    for seed in range(12):
        result = optimal_sizes("", planted(seed), draws=40, seed=seed)
        for method, (value, low, high) in result.exponents.items():
            assert low < value < high and abs(value - EXPONENT) < 0.1
            inside[method] += low <= EXPONENT <= high
    assert min(inside.values()) >= 10, inside


def test_a_minimum_on_an_edge_is_left_out() -> None:
    """The three lowest of five profiles end before their best size."""
    runs = planted(0, noise=0.0)
    every, rest = profiles_of(runs)
    assert [len(one) for one in every] == [9] * 5 and rest == 0
    cut = [one.where(np.arange(9) < (4 if i < 3 else 9)) for i, one in enumerate(every)]
    joined = Runs(
        np.concatenate([one.parameters for one in cut]),
        np.concatenate([one.tokens for one in cut]),
        np.concatenate([one.loss for one in cut]),
        tuple(map(str, range(30))),
    )
    result = optimal_sizes("", joined, draws=20)
    assert [one.left_out for one in result.profiles] == [ON_EDGE] * 3 + [""] * 2
    assert not result.exponents
    with pytest.raises(GateError, match="2 IsoFLOP profiles"):
        result.require_identified()


def test_runs_of_other_flops_are_counted_and_in_no_profile() -> None:
    runs = planted(1, levels=3)
    more = Runs(
        np.append(runs.parameters, 1e9), np.append(runs.tokens, 1e9), np.append(runs.loss, 3.0),
        (*runs.names, "alone"),
    )  # fmt: skip
    result = optimal_sizes("", more, draws=20)
    assert result.in_no_profile == 1 and len(result.profiles) == 3
    assert result.exponents == optimal_sizes("", runs, draws=20).exponents


def test_the_command_prints_minima_and_refuses_what_needs_a_law(tmp_path: Path) -> None:
    runs = planted(2)
    with (tmp_path / "runs.csv").open("w") as file:
        rows = csv.writer(file)
        rows.writerow(["size", "tokens", "loss"])
        rows.writerows(zip(runs.parameters, runs.tokens, runs.loss, strict=True))
    call = ["scaling", tmp_path / "runs.csv", "--isoflop", "--draws", "20"]
    done = run_tool("mind-train", call)
    assert done.code == 0 and done.stdout.count(b"N ~ C^0.4") == 2
    refused = run_tool("mind-train", [*call, "--forecast", "1e9,1e10"])
    assert refused.code == 2 and "--isoflop fits no law" in refused.stderr


@pytest.mark.skipif(not EPOCH.exists(), reason="no points of the Chinchilla figures")
def test_the_points_of_the_chinchilla_figure_give_the_published_exponent() -> None:
    """0.49 (0.462 to 0.534) by approach 2 in Hoffmann et al., from the same runs."""
    with EPOCH.open() as file:
        rows = [(float(r["Model Size"]), float(r["Training FLOP"]), float(r["loss"]))
                for r in csv.DictReader(file)]  # fmt: skip
    size, flops, loss = np.array(rows).T
    result = optimal_sizes("", Runs(size, flops / 6 / size, loss, tuple(map(str, range(245)))), 40)
    for value, low, high in result.exponents.values():
        assert 0.462 < value < 0.534 and low < 0.49 < high
