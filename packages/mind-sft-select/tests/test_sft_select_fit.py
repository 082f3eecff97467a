"""`fit`: a peak is found where it is, a flat or monotone metric is never called one."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.records import encode
from mind_core.testing import run_tool
from mind_sft_select.fitting.cells import Cells, make_cells
from mind_sft_select.fitting.curves import fit, gaussian, isotonic, leave_one_out, polynomial
from mind_sft_select.fitting.report import fit_lines
from mind_sft_select.fitting.verdict import judge_curve

MASSIVE = Path(__file__).parents[4] / "shared/data/sft-runs/massive-sft-evaluation_result.csv"
Curve = Callable[[Any], Any]


def made_cells(
    curve: Curve, number: int, clusters: int = 10, seeds: int = 3, items: int = 200
) -> Cells:
    """Make losses with item effects that all clusters share, item and seed noise of their own."""
    rng = np.random.default_rng(number)
    x = np.sort(np.linspace(-1, 2, clusters) + rng.uniform(-0.1, 0.1, clusters))
    base = 5.7 + 0.4 * rng.standard_normal(items)
    noise = 0.1 * rng.standard_normal((clusters, seeds, items))
    seed = 0.009 * rng.standard_normal((clusters, seeds, 1))
    extra = 0.005 * rng.standard_normal((clusters, 1, 1))
    values = curve(x)[:, None, None] + base + noise + seed + extra
    return Cells(tuple(map(str, range(clusters))), x, values)


PEAKS: dict[str, tuple[Curve, float]] = {
    "quadratic": (lambda x: 0.1 * (x - 0.6) ** 2 / 2.25, 0.6),
    "gaussian": (lambda x: -0.1 * np.exp(-((x - 0.4) ** 2) / 2 / 0.5**2), 0.4),
}
MONOTONE: dict[str, Curve] = {
    "linear": lambda x: 0.03 * x,
    "saturating": lambda x: -0.1 * (1 - np.exp(-2 * (x + 1))),
    "exponential": lambda x: 0.01 * np.exp(1.5 * x),
}
TIMES = 15
"""benchmarks/sft_fit.py draws 100 of each, and further shapes."""


@pytest.mark.parametrize("name", sorted(PEAKS))
def test_a_peak_lies_inside_its_interval(name: str) -> None:
    curve, place = PEAKS[name]
    found = [judge_curve(made_cells(curve, number)) for number in range(TIMES)]
    inside = sum(v.interval[0] <= place <= v.interval[1] for v in found)
    assert inside >= TIMES - 1
    peaks = [v for v in found if v.verdict == "peak"]
    assert len(peaks) >= TIMES // 2 and all(v.band == pytest.approx(v.interval, abs=1e-3)
                                            for v in peaks)  # fmt: skip
    assert {v.verdict for v in found} <= {"peak", "cannot tell", "edge"}


def test_flat_metrics_are_not_called_peak_or_edge() -> None:
    found = [judge_curve(made_cells(lambda x: 0 * x, number)).verdict for number in range(TIMES)]
    assert sum(name in ("no effect", "cannot tell") for name in found) >= TIMES - 1


@pytest.mark.parametrize("name", sorted(MONOTONE))
def test_a_monotone_metric_is_never_a_peak(name: str) -> None:
    found = [judge_curve(made_cells(MONOTONE[name], number)) for number in range(TIMES)]
    assert not [v for v in found if v.verdict == "peak"]
    assert any(v.verdict == "edge" for v in found)


def test_no_effect_needs_an_interval_below_the_smallest_that_matters() -> None:
    cells = made_cells(lambda x: 0 * x, 3, items=2000)
    assert judge_curve(cells, smallest=0.5).verdict == "no effect"
    found = judge_curve(cells, smallest=1e-6)
    assert found.verdict == "cannot tell" and found.needed is not None
    assert found.needed["clusters"] >= 10 and found.needed["items"] >= 2000
    lines = "\n".join(fit_lines(cells, found, "nll"))
    assert "verdict: cannot tell" in lines and "clusters ×" in lines


def test_higher_and_lower_are_mirrored() -> None:
    cells = made_cells(PEAKS["quadratic"][0], 1)
    turned = Cells(cells.names, cells.gaps, -cells.values, higher=True)
    assert judge_curve(turned).as_dict()["peak"] == judge_curve(cells).as_dict()["peak"]
    assert judge_curve(cells).as_dict() == judge_curve(cells).as_dict()


def test_curves_equal_what_they_are() -> None:
    x = np.array([0.0, 1.0, 2.0, 3.0, 5.0])
    made = polynomial(x, (2 - (x - 1.5) ** 2)[None], 2)
    assert made.peak[0] == pytest.approx(1.5) and made.error[0] < 1e-20
    assert polynomial(x, ((x - 1.5) ** 2)[None], 2).peak[0] in (np.inf, -np.inf)
    bell = gaussian(x, (1 + np.exp(-((x - 2.0) ** 2) / 2 / 0.9**2))[None])
    assert bell.peak[0] == pytest.approx(2.0, abs=0.2) and bell.error[0] < 0.01
    sklearn = pytest.importorskip("sklearn.isotonic")
    rng = np.random.default_rng(0)
    for _ in range(20):
        y = rng.standard_normal(9)
        for rising in (True, False):
            expected = sklearn.isotonic_regression(y, increasing=rising)
            assert isotonic(y, rising) == pytest.approx(expected)
    left = leave_one_out(x, 2 * x + 1)
    assert left["linear"] < 1e-20 < left["constant"] and fit("constant", x, x[None]).error[0] > 1


def row(cluster: Any, seed: int = 0, gap: float | None = None, **items: float) -> dict[str, Any]:
    gap = float(cluster) if gap is None else gap
    return {"cluster": cluster, "gap": gap, "seed": seed, "items": items or {"a": 1.0, "b": 2.0}}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row(c) for c in range(3)], "3 clusters are too few"),
        ([row(c) for c in range(4)] + [row(0)], "is there twice"),
        ([row(c) for c in range(4)] + [row(0, seed=1)], "has no seed 1"),
        ([row(c) for c in range(3)] + [row(3, a=1.0)], "evaluated on other items"),
        ([row(c) for c in range(3)] + [row(3, a=1.0, b=float("nan"))], "no finite number"),
        ([row(c) for c in range(4)] + [row(0, seed=1, gap=9.0)], "has two gaps"),
        ([{"cluster": 1}], "has no 'gap'"),
    ],
)
def test_cells_that_do_not_fit_together_are_refused(
    rows: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises((UsageError, MindError), match=message):
        make_cells(rows)


def test_the_command_reads_rows_and_says_the_verdict(tmp_path: Path) -> None:
    cells = made_cells(PEAKS["quadratic"][0], 2)
    lines = [
        encode({"cluster": name, "gap": float(cells.gaps[c]), "seed": s,
                "items": {str(i): float(v) for i, v in enumerate(cells.values[c, s])}})
        for c, name in enumerate(cells.names) for s in range(3)
    ]  # fmt: skip
    (tmp_path / "cells.jsonl").write_bytes(b"".join(lines))
    done = run_tool("mind-sft-select", ["fit", tmp_path / "cells.jsonl", "-o", tmp_path / "f.json"])
    assert done.code == 0, done.stderr
    assert b"verdict: peak" in done.stdout and b"recommended: --band" in done.stdout
    found = json.loads((tmp_path / "f.json").read_bytes())
    assert found["verdict"] == "peak" and found["peak"] == pytest.approx(0.6, abs=0.3)
    rows = [json.loads(line) for line in lines]
    assert found == json.loads(json.dumps(judge_curve(make_cells(rows)).as_dict()))


@pytest.mark.skipif(not MASSIVE.is_file(), reason="the table of runs is not here")
def test_real_runs_are_stable_over_model_families_or_cannot_be_told() -> None:
    """Data set against CMMLU in 1,027 tuned models: a verdict that holds for one family holds for
    the others, or nothing is claimed.
    """
    rows = list(csv.DictReader(io.StringIO(MASSIVE.read_text("utf-8"))))
    verdicts: dict[str, str] = {}
    for family in sorted({r["model_name"] for r in rows}):
        runs = [r for r in rows if r["model_name"] == family and r["cmmlu-0shot"]]
        sets: dict[str, list[float]] = {}
        for r in runs:
            sets.setdefault(r["data_name"], []).append(float(r["cmmlu-0shot"]))
        common = min((len(v) for v in sets.values()), default=0)
        if len(sets) < 4 or not common:
            continue
        table = [
            {"cluster": name, "gap": float(place), "seed": s, "value": value}
            for place, (name, values) in enumerate(sorted(sets.items()))
            for s, value in enumerate(values[:common])
        ]
        verdicts[family] = judge_curve(make_cells(table, higher=True)).verdict
    assert len(verdicts) >= 3
    # The order of data sets by name says nothing about them, so no peak and no trend may be found.
    assert sum(name in ("peak", "edge") for name in verdicts.values()) <= 0.1 * len(verdicts), (
        verdicts
    )
