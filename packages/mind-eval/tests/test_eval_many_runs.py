"""Scores folders side by side: intervals, curves over checkpoints, every item; no script."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest

from mind_core.render.intervals import Dot, Row, interval_chart
from mind_core.testing import run_tool
from mind_eval.compare import compare
from mind_eval.report.comparison import _average_rows
from mind_eval.report.items import browser_section
from mind_eval.report.over_training import Curve, over_training
from mind_eval.report.words import _words, say, written_in
from mind_eval.results import read_scores


@pytest.fixture(scope="module")
def two(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    base = tmp_path_factory.mktemp("two")
    for name, shots in (("first", "0"), ("second", "1")):
        done = run_tool(
            "mind-eval",
            ["run", "--model", model_folder, "--benchmark", "piqa", "--benchmark", "mmlu",
             "--form", "cloze", "--shots", shots, "--limit", "25", "-o", base / name],
            environment={"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert done.code == 0, done.stderr
    return [base / "first", base / "second"]


def test_a_page_has_intervals_plots_and_items(two: list[Path], tmp_path: Path) -> None:
    done = run_tool("mind-eval", ["report", *two, "-o", tmp_path / "page.html"])
    assert done.code == 0, done.stderr
    page = (tmp_path / "page.html").read_text("utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{hashed}'" in page and "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", ""), "nothing is fetched"
    for folder in two:
        value = read_scores(folder)["headlines"]["piqa"]["value"]
        assert f"<b>{value:.3f}</b>" in page
    assert page.count("<circle") == 4 and "chance 0.500" in page
    counts = [
        int(n) for n in re.findall(r"<b>(\d+)</b> (?:runs disagree|all wrong|all right)", page)
    ]
    assert sum(counts) == 50, "every item of both benchmarks is in one kind"
    assert page.count("<details") == page.count("</details>") > 30
    rows = {(row["what"], row["metric"]): row for row in compare(two)}
    row = rows["piqa", "acc"]
    assert f"{row['difference']:+.3f}" in page and f"{row['p_holm']:.3g}" in page
    assert '<option value="mmlu">' in page and 'data-kind="all wrong"' in page
    name, headline = next(iter(read_scores(two[0])["headlines"].items()))
    assert f"<div class=tile><b>{headline['value']:.3f}</b><span>{name}, first</span>" in page
    assert 'data-label="difference"' in page, "for narrow screens"


def test_a_page_is_written_in_chinese_too(two: list[Path], tmp_path: Path) -> None:
    given = ["report", *two, "-o", tmp_path / "page.html", "--language"]
    done = run_tool("mind-eval", [*given, "zh"])
    assert done.code == 0 and "得分, 两两之差, 逐题查看" in done.stderr
    page = (tmp_path / "page.html").read_text("utf-8")
    assert '<html lang="zh-CN">' in page and "差异不显著" in page
    for english in ("Scores", "Differences", "not significant", "all wrong<", "benchmark</th>",
                    "The headline of", "Unfold an item"):  # fmt: skip
        assert english not in page, english
    done = run_tool("mind-eval", [*given, "fr"])
    assert done.code == 2 and "--language 'fr'" in done.stderr


def test_every_word_has_both_languages() -> None:
    words = _words()
    assert set(words["en"]) <= set(words["zh"])
    assert all(any("\u4e00" <= c <= "\u9fff" for c in text) for text in words["zh"].values())
    with written_in("zh"):
        assert (
            say("Scores") == "得分" and say("lead.items").startswith("展开") and say("acc") == "acc"
        )
    assert say("Scores") == "Scores" and say("lead.items").startswith("Unfold")


def test_averages_have_a_row_each_and_a_missing_one_a_dash() -> None:
    rows = _average_rows(
        [
            {"averages": {"Chinese": {"value": 0.25}, "Mathematics": {"value": None}}},
            {"averages": {"Chinese": {"value": 0.375}}},
        ]
    )
    assert rows == [
        ("<i>Chinese</i>", "average", "–", "<b>0.250</b>", "<b>0.375</b>"),
        ("<i>Mathematics</i>", "average", "–", "–", "–"),
    ]


def test_a_task_that_the_first_run_lacks_is_there_all_the_same(
    two: list[Path], model_folder: Path, tmp_path: Path
) -> None:
    done = run_tool(
        "mind-eval",
        ["run", "--model", model_folder, "--benchmark", "gaokao", "--benchmark", "piqa",
         "--form", "cloze", "--limit", "5", "-o", tmp_path / "third"],
    )  # fmt: skip
    assert done.code == 0, done.stderr
    done = run_tool("mind-eval", ["report", two[0], tmp_path / "third", "-o", tmp_path / "p.html"])
    assert done.code == 0, done.stderr
    page = (tmp_path / "p.html").read_text("utf-8")
    assert page.count("gaokao/") == 5, "each item of the second run's own benchmark"
    assert "25 items" in page and "5 items" in page, "runs of other sizes say so"


def test_checkpoints_of_one_model_make_a_curve(two: list[Path], tmp_path: Path) -> None:
    import shutil

    from mind_core.files import read_json, write_json

    for folder in two:
        shutil.copytree(folder, tmp_path / folder.name)
    text = {"documents": 3, "bytes": 70}
    for name, step, bits in (("first", 1, 3.5), ("second", 7, 3.25)):
        path = tmp_path / name / "scores.json"
        held = {"languages": {"zh": {**text, "bits_per_byte": bits}, "en": {**text, "bytes": step,
                "bits_per_byte": bits}}}  # fmt: skip
        model = {**read_json(path)["model"], "step": step}
        write_json(path, {**read_json(path), "model": model, "heldout": held})
    done = run_tool(
        "mind-eval",
        ["report", tmp_path / "first", tmp_path / "second", "-o", tmp_path / "page.html"],
    )
    assert done.code == 0 and "Over training" in done.stderr
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page.count("<polyline") == 3, "two benchmarks, and the one text that is the same in both"
    assert page.count("<polygon") == 2, "each benchmark has a chart of its own, with its band"
    assert (
        "smallest difference of two runs: 0." in page and "noise between checkpoints:" not in page
    )
    done = run_tool("mind-eval", ["report", two[0], tmp_path, "-o", tmp_path / "no.html"])
    assert done.code == 2 and "is no scores folder" in done.stderr


def checkpoint(step: int, acc: float, bits: float, top: float) -> dict[str, Any]:
    held = {"documents": 9, "bytes": 99, "bits_per_byte": bits, "in_top": {"1": top}}
    return {
        "model": {"step": step}, "benchmarks": {"piqa": {"chance": 0.5}},
        "n-samples": {"piqa": {"effective": 400}},
        "headlines": {"piqa": {"metric": "acc", "value": acc, "stderr": 0.025, "average": "items"}},
        "results": {"piqa": {"bits_per_byte,none": bits, "bits_per_byte_stderr,none": 0.02,
                             "margin,none": -0.5, "margin_stderr,none": 0.02}},
        "heldout": {"all": held, "languages": {"en": held}},
    }  # fmt: skip


def test_small_metrics_have_curves_and_flat_ones_are_grey() -> None:
    runs = [checkpoint(20, 0.52, 3.1, 0.2), checkpoint(10, 0.49, 3.4, 0.1),
            checkpoint(30, 0.51, 2.8, 0.3), checkpoint(40, 0.5, 2.5, 0.35)]  # fmt: skip
    section = over_training(runs)
    assert section is not None
    page = str(section.body)
    headings = re.findall("<h3>(.*?)</h3>", page)
    grey = ' <span class="grey">no signal at this size</span>'
    assert headings == [
        f"piqa, acc{grey}",
        "piqa, bits per byte of the right answer",
        f"piqa, margin in bits per byte{grey}",
    ]
    assert page.count("<polyline") == 5, "three metrics, held-out text in English, its likeliest"
    assert "noise between checkpoints: 0.0000 (n = 4)" in page, "a steady trend is no noise"
    assert "among the 1 likeliest" in page and "standard error: 0.0250" in page
    other = {**runs[0], "heldout": {"all": {**runs[0]["heldout"]["all"], "bytes": 1}}}
    assert "likeliest" not in str(over_training([other, runs[1]]).body)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("values", "error", "signal", "noise"),
    [
        ((3.0, 2.0), 0.1, True, None),
        ((3.0, 2.8), 0.1, False, None),  # √2 · 0.1 · 1.96 = 0.277
        ((3.0, 2.7), 0.1, True, None),
        ((3.0, 4.0, 2.0, 4.0, 2.5), 0.01, False, 2.0 / 2**0.5),  # it swings by more than it moved
        ((4.0, 3.0, 2.0, 1.0), 0.01, True, 0.0),
    ],
)
def test_a_signal_is_beyond_errors_and_noise(
    values: tuple[float, ...], error: float, signal: bool, noise: float | None
) -> None:
    curve = Curve("t", "bits_per_byte", range(len(values)), values, [error] * len(values), [], None)
    assert curve.signal is signal
    assert curve.noise == (None if noise is None else pytest.approx(noise, rel=0.2))


def test_charts_and_items_escape_what_they_show() -> None:
    chart = interval_chart([Row("<b>", [Dot(0, 0.5, 0.4, 0.6)], 0.25)], "share")
    assert "&lt;b&gt;" in chart and "<b>" not in chart
    item = {
        "task": "t", "metrics": {"acc": 1.0}, "question": "<i>", "choices": ["<u>", "b"],
        "answers": [[-1.0, True], [-2.0, False]], "picked": 0, "target": 0, "shots": 0,
    }  # fmt: skip
    section = browser_section(["run"], [{"t/1": item}], {"t": "acc"})
    assert section is not None and "&lt;i&gt;" in section.body and "<u>" not in section.body
    assert browser_section([], [], {}) is None and interval_chart([], "x") == ""


def test_all_that_a_page_says_is_said_in_chinese() -> None:
    import ast

    import mind_eval.report

    wanted: set[str] = set()
    for path in Path(mind_eval.report.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = getattr(getattr(node, "func", None), "id", "")
            if name not in ("say", "table") or not isinstance(node, ast.Call):
                continue
            if name == "table":
                if not isinstance(node.args[0], ast.List):
                    continue
                texts: list[ast.expr] = node.args[0].elts
            else:
                texts = node.args[:1]
            wanted |= {t.value for t in texts if isinstance(t, ast.Constant) and t.value}
    assert len(wanted) > 60
    assert sorted(wanted - set(_words()["zh"])) == []
