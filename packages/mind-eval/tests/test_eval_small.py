"""Metrics with signal for small models, minimal pairs, and the line below which nothing is said."""

from __future__ import annotations

import io
import json
import math
import tarfile
from pathlib import Path

import pytest

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.testing import run_tool
from mind_eval.benchmarks.benchmark import benchmark_folder
from mind_eval.builtins import FOLDER
from mind_eval.metrics.likelihoods import pair_metrics, small_metrics
from mind_eval.results import read_items, read_scores
from mind_eval.significance import NO_SIGNAL, detectable_between, has_signal
from mind_eval.suites import suite_recipe

SHARED = Path(__file__).parents[4] / "shared" / "data" / "benchmarks"
ONE = {"OMP_NUM_THREADS": "1"}


def test_the_right_answer_has_bits_a_share_and_a_margin() -> None:
    nats = [math.log(0.2), math.log(0.6), math.log(0.05)]
    found = small_metrics(["ab", "水", "x"], 1, [(one, False) for one in nats])
    assert found["bits_per_byte"] == pytest.approx(-math.log2(0.6) / 3), "three bytes"
    assert found["probability"] == pytest.approx(0.6 / 0.85)
    # of the wrong ones, "ab" costs least by byte: log2(5) / 2
    assert found["margin"] == pytest.approx(math.log2(5) / 2 + math.log2(0.6) / 3)
    far = small_metrics(["a", "b"], "b", [(-2000.0, False), (-1000.0, True)])
    assert far["probability"] == 1.0, "no underflow"


def test_pairs_are_compared_by_sum_by_mean_and_between() -> None:
    def verdicts(good: float, bad: float, tokens: tuple[int, int]) -> list[float]:
        return list(pair_metrics(0, [(good, False), (bad, False)], tokens).values())

    assert verdicts(-10.0, -9.0, (8, 4)) == [0.0, 1.0, 1.0], "the longer one is likelier by token"
    assert verdicts(-10.0, -6.0, (8, 4)) == [0.0, 1.0, 0.0]
    assert verdicts(-5.0, -5.0, (3, 3)) == [0.0, 0.0, 0.0], "as likely is not likelier"
    assert verdicts(-1.0, -9.0, (3, 3)) == [1.0, 1.0, 1.0]


def test_no_signal_is_a_stated_rule() -> None:
    assert has_signal(0.30, 0.03, 0.25) is False and has_signal(0.31, 0.03, 0.25) is True
    assert has_signal(0.19, 0.03, 0.25) is True, "worse than chance says something"
    assert has_signal(0.3, None, 0.25) is None and has_signal(0.3, 0.1, None) is None
    # None of 4 and all of 4 have no error: a guesser gets 0 of 4 in a third of all cases.
    assert has_signal(0.0, 0.0, 0.25, 4) is False and has_signal(1.0, 0.0, 0.25, 4) is True
    assert has_signal(0.0, 0.0, 0.25, 40) is True and has_signal(0.0, 0.0, 0.25) is None
    assert detectable_between(0.01) == pytest.approx(2.8016 * math.sqrt(2) * 0.01, rel=1e-4)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pairs")
    rows = [
        {"UID": uid, "pairID": n, "phenomenon": "p", "linguistics_term": "t",
         "sentence_good": f"他把杯子{n}打碎了。", "sentence_bad": f"他把杯子{n}。"}
        for uid in ("BA_deletion", "BA_negation") for n in range(3)
    ]  # fmt: skip
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (root / "zhoblimp").mkdir()
    with tarfile.open(root / "zhoblimp" / "ZhoBLiMP.tar.gz", "w:gz") as archive:
        for name, data in (
            ("BA_deletion", text[: len(text) // 2]),
            ("BA_negation", text[len(text) // 2 :]),
        ):
            for path, body in (
                (f"ZhoBLiMP/{name}.jsonl", data),
                (f"ZhoBLiMP/._{name}.jsonl", "\0"),
            ):
                info = tarfile.TarInfo(path)
                info.size = len(body.encode())
                archive.addfile(info, io.BytesIO(body.encode()))
    (root / "blimp" / "data").mkdir(parents=True)
    (root / "blimp" / "data" / "BA_deletion.jsonl").write_text(text, encoding="utf-8")
    return root


def test_minimal_pairs_run_and_are_measured_again(
    pairs: Path, model_folder: Path, tmp_path: Path
) -> None:
    asked = ["--benchmark", "zhoblimp", "--benchmark", "blimp", "--benchmark", "piqa", "--limit",
             "6", "--metrics", "small", "--data-root", pairs]  # fmt: skip
    asked += ["-o", tmp_path / "scores"]
    done = run_tool("mind-eval", ["run", "--model", model_folder, *asked], environment=ONE)
    assert done.code == 0, done.stderr
    scores, items = read_scores(tmp_path / "scores"), read_items(tmp_path / "scores")
    assert scores["headlines"]["zhoblimp"]["metric"] == "acc_slln"
    assert set(scores["subjects"]["zhoblimp"]) == {"BA_deletion", "BA_negation"}
    assert scores["benchmarks"]["zhoblimp"]["chance"] == 0.5
    assert scores["higher_is_better"]["piqa"]["bits_per_byte"] is False
    mine = [item for item in items if item["task"] == "piqa"]
    for name in ("bits_per_byte", "probability", "margin"):
        mean = sum(item["metrics"][name] for item in mine) / len(mine)
        assert scores["results"]["piqa"][f"{name},none"] == pytest.approx(mean)
    first = next(item for item in items if item["task"] == "zhoblimp")
    assert first["metrics"]["acc"] == float(first["answers"][0][0] > first["answers"][1][0])
    table = done.stdout.decode()
    assert "acc_slln *" in table and "probability" in table and NO_SIGNAL in table
    again = tmp_path / "again"
    done = run_tool("mind-eval", ["score", tmp_path / "scores.answers", "-o", again])
    assert done.code == 0, done.stderr
    assert read_scores(again)["results"] == scores["results"]
    done = run_tool("mind-eval", ["score", tmp_path / "scores.answers", "--metrics", "standard"])
    assert done.code == 0 and b"probability" not in done.stdout


def test_other_sets_of_metrics_and_damaged_archives_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no --metrics 'large'"):
        suite_recipe(None, ("piqa",), None, None, None, "large")
    (tmp_path / "zhoblimp").mkdir()
    (tmp_path / "zhoblimp" / "ZhoBLiMP.tar.gz").write_bytes(b"no archive")
    with pytest.raises(MindError, match=r"ZhoBLiMP\.tar\.gz cannot be read"):
        benchmark_folder(FOLDER / "zhoblimp")().load(tmp_path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the full benchmarks are not on this machine")
def test_both_sets_are_read_whole() -> None:
    for name, items, paradigms in (("blimp", 67_000, 67), ("zhoblimp", 35_400, 118)):
        benchmark = benchmark_folder(FOLDER / name)()
        data = benchmark.load(SHARED)
        found = {row["subject"] for row in data.splits["test"]}
        assert (len(data.splits["test"]), len(found)) == (items, paradigms)
        assert found == set().union(*benchmark.rules["categories"].values())
