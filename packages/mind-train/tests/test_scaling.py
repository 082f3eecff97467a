"""Scaling laws: gradients, planted laws, real runs, designs that determine nothing, bad tables."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zstandard

from mind_core.errors import MindError
from mind_core.testing import ToolResult
from mind_train.experiments import fitting, identification
from mind_train.experiments.fitting import fit
from mind_train.experiments.identification import design_faults, profile_faults, profiles
from mind_train.experiments.laws import LAWS, ScalingLaw
from mind_train.experiments.run_table import RunColumns, Runs, read_runs
from mind_train.experiments.scaling import Settings, analyse, check_pooling

SHARED = Path(__file__).parents[4] / "shared" / "data" / "scaling"
real = pytest.mark.skipif(not SHARED.exists(), reason="the real runs are not here")
BOTH = LAWS["N,D"]
# Sizes from the file names of the runs, as its authors' code has them.
OLMO = {"190M": 190354176, "370M": 371262464, "760M": 758220288, "1B": 1279395840, "3B": 3169537280}
C4 = "eval/c4_en-validation/CrossEntropyLoss"


def grid(sizes: list[float], tokens: list[float]) -> tuple[np.ndarray, np.ndarray]:
    left, right = np.meshgrid(sizes, tokens)
    return left.ravel(), right.ravel()


def true_loss(parameters: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    return 1.8 + 2.0 * (parameters / 1e6) ** -0.30 + 2.2 * (tokens / 1e6) ** -0.33


def runs_of(parameters: np.ndarray, tokens: np.ndarray, noise: float = 0.0, seed: int = 0) -> Runs:
    draw = np.random.default_rng(seed)
    loss = true_loss(parameters, tokens) + noise * draw.standard_normal(len(tokens))
    return Runs(parameters, tokens, loss, tuple(f"run {i}" for i in range(len(loss))))


@pytest.mark.parametrize("law", LAWS.values(), ids=lambda law: law.name)
def test_gradients_are_those_of_finite_differences(law: ScalingLaw) -> None:
    parameters, tokens = grid([1e6, 3e6, 9e6], [2e6, 8e6])
    x = law.variables(parameters, tokens)
    theta = np.linspace(0.3, 0.7, law.size)
    _, gradient = law.log_loss(theta, x)
    for index in range(law.size):
        step = np.zeros(law.size)
        step[index] = 1e-6
        numeric = (law.log_loss(theta + step, x)[0] - law.log_loss(theta - step, x)[0]) / 2e-6
        np.testing.assert_allclose(gradient[index], numeric, rtol=1e-6, atol=1e-8)


def test_a_law_without_noise_is_found_again() -> None:
    parameters, tokens = grid([1e6, 3e6, 9e6, 27e6], [1e6, 4e6, 16e6])
    found = fit(BOTH, parameters, tokens, true_loss(parameters, tokens))
    shown = BOTH.shown(found.theta)
    assert shown["E"] == pytest.approx(1.8, rel=1e-3)
    assert shown["alpha"] == pytest.approx(0.30, rel=1e-3)
    assert shown["beta"] == pytest.approx(0.33, rel=1e-3)
    assert shown["a"] == pytest.approx(0.33 / 0.63, rel=1e-3)
    assert shown["A"] == pytest.approx(2.0 * 1e6**0.30, rel=1e-2)
    assert found.starts >= 500 and found.agreeing >= 5


def test_a_planted_law_lies_in_its_intervals_and_forecasts_the_next_size() -> None:
    parameters, tokens = grid([0.5e6, 1e6, 2e6, 4e6, 8e6], [1e6, 4e6, 16e6, 64e6])
    runs = runs_of(parameters, tokens, noise=0.01, seed=3)
    settings = Settings(wanted=[(16e6, 128e6)], draws=20)
    result = analyse(BOTH, "", runs, settings)
    assert result.is_identified, result.why
    for name, value in (("E", 1.8), ("alpha", 0.30), ("beta", 0.33)):
        low, high = result.intervals[name]
        assert low <= value <= high and high - low < value
    (ahead,) = result.forecasts
    real_loss = float(true_loss(np.array([16e6]), np.array([128e6]))[0])
    assert ahead.low <= real_loss <= ahead.high and ahead.high - ahead.low < 0.2
    assert ahead.real is None and ahead.error is None and not ahead.is_outside
    assert [check.left_out for check in result.checks] == ["largest size", "most tokens"]
    for check in result.checks:
        assert check.mean_error < check.line_error and check.mean_error < check.unchanged_error
    # The same seed gives the same bytes.
    again = analyse(BOTH, "", runs, settings)
    assert json.dumps(result.as_json()) == json.dumps(again.as_json())


def test_five_sizes_at_one_length_determine_nothing() -> None:
    parameters, tokens = grid([10e6, 50e6, 150e6, 350e6, 500e6], [10.486e9])
    runs = runs_of(parameters, tokens, noise=0.01)
    result = analyse(BOTH, "", runs, Settings(draws=20))
    assert not result.is_identified
    assert any("numbers of tokens" in reason for reason in result.why)
    with pytest.raises(MindError, match="not identified") as caught:
        result.require_identified()
    assert caught.value.code == 3


def test_a_fixed_ratio_of_tokens_to_size_tells_no_effects_apart() -> None:
    sizes = np.array([1e6, 2e6, 4e6, 8e6, 16e6, 32e6, 64e6])
    assert any("told apart" in fault for fault in design_faults(BOTH, sizes, 20 * sizes))
    parameters, tokens = grid([1e6, 2e6, 4e6], [1e6, 2e6, 4e6])
    assert design_faults(BOTH, parameters, tokens) == []


def test_the_end_points_read_from_the_papers_figure_are_not_identified() -> None:
    sizes = np.array([10e6, 50e6, 150e6, 350e6, 500e6])
    loss = np.array([4.38, 3.15, 2.77, 2.57, 2.49])
    tokens = np.full(5, 10.486e9)
    found = fit(LAWS["C"], sizes, tokens, loss)
    assert profile_faults(LAWS["C"], profiles(found, sizes, tokens, loss))


def write(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["size,tokens,loss", "1e6,1e6,nan"], "line 2: loss is 'nan'"),
        (["size,tokens,loss", "1e6,1e6,3", "1e6,0,3"], "line 3: tokens is '0'"),
        (["size,tokens,loss", "1e6,1e6"], "line 2 has 2 cells, the header 3"),
        (["size,tokens", "1e6,1e6"], "no column 'loss'"),
        (["size,tokens,loss"], "has no runs"),
        (['{"size": 1e6, "tokens": 1e6, "loss": 3}', "{broken"], "line 2 is no JSON"),
        (['{"size": 1e6, "tokens": 1e6, "loss": 3}', "[1, 2]"], "line 2 is no JSON object"),
        (['{"size": 1e6, "tokens": 1e6, "loss": "inf"}'], "line 1: loss is 'inf'"),
    ],
)
def test_a_bad_table_is_refused_with_its_line(
    tmp_path: Path, rows: list[str], message: str
) -> None:
    with pytest.raises(MindError) as caught:
        read_runs(write(tmp_path / "runs.csv", rows), RunColumns())
    assert message in caught.value.message


def test_runs_of_several_corpora_need_a_word(tmp_path: Path) -> None:
    rows = [
        "corpus,size,tokens,loss",
        "c4,1e6,1e6,3",
        "web,1e6,1e6,3",
        "c4,2e6,1e6,2",
        "web,2e6,1e6,2",
    ]
    table = write(tmp_path / "runs.csv", rows)
    with pytest.raises(MindError, match="2 kinds of corpus: c4, web"):
        read_runs(table, RunColumns())
    assert sorted(read_runs(table, RunColumns(group="corpus"))) == ["c4", "web"]


def test_the_same_run_twice_is_refused(tmp_path: Path) -> None:
    rows = ["name,size,tokens,loss", "a,1e6,1e6,3", "a,2e6,1e6,3"]
    with pytest.raises(MindError, match="stands there 2 times"):
        read_runs(write(tmp_path / "runs.csv", rows), RunColumns(name="name"))
    assert len(read_runs(tmp_path / "runs.csv", RunColumns())[""]) == 2


def test_the_command_prints_what_it_says_and_gates(
    tmp_path: Path, mind_train: Callable[..., ToolResult]
) -> None:
    parameters, tokens = grid([1e6, 2e6, 4e6], [1e6, 4e6])
    rows = ["size,tokens,loss"]
    rows += [
        f"{n},{d},{x}"
        for n, d, x in zip(parameters, tokens, true_loss(parameters, tokens), strict=True)
    ]
    table = write(tmp_path / "runs.csv", rows)
    done = mind_train("scaling", table, "--draws", "20", "--require-identified")
    assert done.code == 3, done.stderr
    printed = done.stdout.decode()
    assert "not identified" in printed and "2 numbers of tokens" in printed
    bad = mind_train("scaling", table, "--forecast", "3e9")
    assert bad.code == 2 and "--forecast 3e9,500e9" in bad.stderr


def olmo(branch: Callable[[str], bool] = lambda _: True) -> Runs:
    rows = []
    for name, size in OLMO.items():
        for length in ("0.5xC", "1xC-rerun", "2xC", "5xC", "10xC"):
            if branch(f"{name}-{length}"):
                path = SHARED / "olmo-ladder" / f"{name}-{length}.csv.zst"
                text = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read().decode()
                last = list(csv.DictReader(io.StringIO(text)))[-1]
                tokens, loss = float(last["throughput/total_tokens"]), float(last[C4])
                rows.append((float(size), tokens, loss, f"{name}-{length}"))
    return Runs(*(np.array([row[i] for row in rows]) for i in range(3)),
                tuple(row[3] for row in rows))  # fmt: skip


@real
def test_the_ladder_of_olmo_forecasts_its_largest_model() -> None:
    """Fitted up to 1.28B, within 2 % at 3.17B; the shortest branch is flagged."""
    result = analyse(BOTH, "", olmo(), Settings(min_ratio=15, draws=20))
    check = result.checks[0]
    assert check.left_out == "largest size"
    wanted = [2.8255, 2.7625, 2.6891, 2.6402]
    assert [one.predicted for one in check.forecasts] == pytest.approx(wanted, abs=2e-3)
    assert all(abs(one.error or 1.0) < 0.02 for one in check.forecasts)
    short = {one.name: one for one in result.below_ratio}
    assert len(short) == 5 and short["3B-0.5xC"].is_outside


@real
def test_the_points_of_the_chinchilla_figures_give_the_published_refit() -> None:
    with (SHARED / "epoch" / "svg_extracted_data.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = ("Model Size", "Training FLOP", "loss")
    size, flops, loss = (np.array([float(row[name]) for row in rows]) for name in columns)
    kept = np.argsort(loss)[:-5]
    size, flops, loss = size[kept], flops[kept], loss[kept]
    found = fit(BOTH, size, flops / (6 * size), loss)
    shown = BOTH.shown(found.theta)
    assert shown["A"] == pytest.approx(477.826, abs=0.01)
    assert shown["B"] == pytest.approx(2143.42, abs=0.1)
    assert shown["E"] == pytest.approx(1.817218, abs=1e-5)
    assert shown["alpha"] == pytest.approx(0.347310, abs=1e-5)
    assert shown["beta"] == pytest.approx(0.367172, abs=1e-5)
    assert found.objective == pytest.approx(0.00101827, abs=1e-8)


@real
def test_sizes_without_embeddings_are_not_identified() -> None:
    with (SHARED / "misfitting" / "scaling_results_last_ckpt_only.csv").open("r") as file:
        best: dict[tuple[str, str], dict[str, str]] = {}
        for row in csv.DictReader(file):
            key = row["N"], row["D"]
            if key not in best or float(row["loss"]) < float(best[key]["loss"]):
                best[key] = row
    assert len(best) == 81
    size, tokens, loss = (
        np.array([float(row[name]) for row in best.values()]) for name in ("N_no_emb", "D", "loss")
    )
    found = fit(BOTH, size, tokens, loss)
    assert any(
        "down to zero" in why for why in profile_faults(BOTH, profiles(found, size, tokens, loss))
    )


@real
def test_three_corpora_are_three_laws() -> None:
    raw = (SHARED / "gadre" / "models.tar.zst").read_bytes()
    unpacked = io.BytesIO(zstandard.ZstdDecompressor().stream_reader(raw).read())
    groups: dict[str, list[tuple[float, float, float]]] = {}
    with tarfile.open(fileobj=unpacked) as archive:
        for member in archive:
            if not member.name.endswith(".json"):
                continue
            run = json.load(archive.extractfile(member))  # type: ignore[arg-type]
            facts = run["hyperparameters"]
            loss = next(
                result["loss"] for result in run["results"] if "shard_0" in result["val_data"][0]
            )
            groups.setdefault(run["dataset_name"], []).append(
                (facts["params"], facts["tokens"], loss)
            )
    laws = {
        name: Runs(*np.array(rows, dtype=float).T, tuple(map(str, range(len(rows)))))
        for name, rows in groups.items()
    }
    assert len(laws) == 3 and sum(map(len, laws.values())) == 104
    with pytest.raises(MindError, match="different laws"):
        check_pooling(BOTH, laws)


@pytest.mark.parametrize("law", ["N,D", "C"])
@pytest.mark.parametrize("shape", ["flat", "rising", "step"])
def test_losses_that_do_not_fall_give_no_law(
    law: str, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No number of a result is infinite, and no law is called identified."""
    monkeypatch.setattr(identification, "GRID", 8)
    monkeypatch.setattr(fitting, "POLISHED_STARTS", fitting.AGREEING_STARTS)
    parameters, tokens = grid([1e6, 2e6, 4e6, 8e6], [1e6, 4e6, 16e6])
    loss = {
        "flat": np.full(12, 3.0),
        "rising": 2.0 + 0.1 * np.log(parameters * tokens),
        "step": np.where(parameters * tokens <= 1e12, 10.0, 3.0),
    }[shape]
    runs = Runs(parameters, tokens, loss, tuple(map(str, range(12))))
    result = analyse(LAWS[law], "", runs, Settings(law=law, draws=2))
    assert not result.is_identified
    written = json.dumps(result.as_json())
    assert "Infinity" not in written and "NaN" not in written
