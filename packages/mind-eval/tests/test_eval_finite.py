"""A number that is not finite is no answer: it names item and model, and passes no gate."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mind_core import MindError
from mind_core.errors import GateError, UsageError
from mind_core.files import read_json, write_json
from mind_core.output import write_records
from mind_core.testing import run_tool
from mind_eval.compare import compare
from mind_eval.finite import check_scores
from mind_eval.gates import check_gates, metrics_of, parse_gate
from mind_eval.report.run_report import write_report
from mind_eval.response_cache import ResponseCache, WrittenText, read_answers
from mind_eval.results import read_items, read_scores

ONE = {"OMP_NUM_THREADS": "1"}
HELDOUT = (
    '{"text":"Water boils at a hundred degrees.","source":"b"}\n'
    '{"text":"水的沸点是一百度。","source":"a"}\n'
)


def asked(model: Path, *more: Any) -> Any:
    return run_tool("mind-eval", ["run", "--model", model, *more], environment=ONE)


def test_nan_answers_end_the_run_with_item_and_model(nan_folder: Path, tmp_path: Path) -> None:
    scores = tmp_path / "scores"
    gate = ["--require", "piqa>=0.4"]
    done = asked(nan_folder, "--benchmark", "piqa", "--limit", "4", "-o", scores, *gate)
    assert done.code == 1, (done.stdout, done.stderr)
    assert "task piqa, item " in done.stderr and str(nan_folder) in done.stderr
    assert "nan" in done.stderr and not done.stdout
    assert not scores.exists()
    assert read_answers(tmp_path / "scores.answers") == {}, "no such answer is logged"
    done = asked(nan_folder, "--benchmark", "piqa", "--limit", "4", "--keep-going", *gate)
    assert done.code == 1 and "piqa has no value" in done.stderr


def test_nan_in_held_out_text_and_in_what_is_written(nan_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "heldout.jsonl").write_text(HELDOUT)
    done = asked(nan_folder, "--suite", "none", "--heldout", tmp_path / "heldout.jsonl")
    assert done.code == 1 and "held-out record 1 (en/b)" in done.stderr
    assert str(nan_folder) in done.stderr and b"nan" not in done.stdout
    root = tmp_path / "data" / "gsm8k"
    root.mkdir(parents=True)
    row = json.dumps({"question": "1+1?", "answer": "#### 2"}) + "\n"
    for split in ("train", "test"):
        (root / f"{split}.jsonl").write_text(row.replace("1+1", f"{split} 1+1") * 2)
    done = asked(nan_folder, "--benchmark", "gsm8k", "--data-root", tmp_path / "data", "--shots", 0)
    assert done.code == 1 and "task gsm8k, item test-0" in done.stderr


def test_a_log_takes_and_gives_finite_numbers_only(tmp_path: Path) -> None:
    log = ResponseCache(tmp_path / "log")
    for value in (float("nan"), float("-inf"), float("inf")):
        with pytest.raises(MindError, match="not logged"):
            log.add({"good": (-1.0, True), "bad": (value, False)})
    assert log.found == {}, "nor is the batch that it came in"
    log.add({"good": (-1.0, True)})
    log.close()
    with (tmp_path / "log" / "rank-0.jsonl").open("a") as file:
        file.write('{"key":"a","nats":null,"greedy":true}\n{"key":"b","text":null}\n')
        file.write('{"key":"c","nats":"-1","greedy":true}\n{"key":"d","nats":-2,"greedy":true}\n')
    assert read_answers(tmp_path / "log") == {"good": (-1.0, True), "d": (-2, True)}


def test_the_first_answer_after_a_torn_line_is_kept(tmp_path: Path) -> None:
    log = ResponseCache(tmp_path)
    log.add({"one": (-1.0, True)})
    log.close()
    with (tmp_path / "rank-0.jsonl").open("ab") as file:
        file.write(b'{"key":"torn","nats":-3')
    log = ResponseCache(tmp_path)
    log.add({"two": (-2.0, False)})
    log.add({"three": WrittenText("text")})
    log.close()
    assert read_answers(tmp_path) == {"one": (-1.0, True), "two": (-2.0, False), "three": "text"}


@pytest.fixture(scope="module")
def scores_folder(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finite") / "scores"
    done = asked(model_folder, "--benchmark", "piqa", "--limit", "6", "-o", folder)
    assert done.code == 0, done.stderr
    assert "mind-eval: device: cpu with 1 thread, float32\n" in done.stderr
    return folder


def damaged(scores: Path, folder: Path, change: Any, change_item: Any = None) -> Path:
    """Copy a scores folder with a change to its scores, and to its first item."""
    shutil.copytree(scores, folder)
    found = read_json(folder / "scores.json")
    change(found)
    write_json(folder / "scores.json", found)
    if change_item is not None:
        items = read_items(scores)
        change_item(items[0])
        (folder / "items.jsonl.zst").unlink()
        write_records(folder / "items.jsonl.zst", items)
    return folder


def test_every_reader_of_scores_refuses_what_json_made_of_nan(
    scores_folder: Path, tmp_path: Path
) -> None:
    def lose(scores: Any) -> None:
        scores["results"]["piqa"]["acc,none"] = None

    def lose_held(scores: Any) -> None:
        figures = {"documents": 1, "tokens": 9, "bytes": 30, "nats_per_token": 2.0}
        scores["heldout"] = {"languages": {"zh": {**figures, "bits_per_byte": None}}}

    bad = damaged(scores_folder, tmp_path / "bad", lose)
    with pytest.raises(MindError, match=r"piqa\.acc"):
        read_scores(bad)
    held = damaged(scores_folder, tmp_path / "held", lose_held)
    with pytest.raises(MindError, match=r"heldout\.zh\.bits_per_byte"):
        read_scores(held)
    for verb in (["compare", scores_folder, bad], ["report", bad, "-o", tmp_path / "p.html"]):
        done = run_tool("mind-eval", verb)
        assert done.code == 1 and "no finite numbers" in done.stderr, verb
    assert not (tmp_path / "p.html").exists()
    name = read_items(scores_folder)[0]["id"]
    for place, change in enumerate(
        (
            lambda item: item["metrics"].update(acc=None),
            lambda item: item["answers"].__setitem__(0, [None, True]),
        )
    ):
        folder = damaged(scores_folder, tmp_path / f"item{place}", lambda _: None, change)
        with pytest.raises(MindError, match=f"item {name}"):
            compare([scores_folder, folder])


def test_a_run_page_says_what_is_no_number(scores_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()

    def lose(scores: Any) -> None:
        scores["results"]["piqa"]["acc,none"] = None

    damaged(scores_folder, run / "scores", lose)
    (run / "model").mkdir()
    lines = [{"step": 1, "loss": 5.0}, {"step": 2, "loss": None}, {"step": 3, "loss": 4.0}]
    (run / "model" / "metrics.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    write_report(run, tmp_path / "page.html", "T")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "not finite" in page
    assert "Steps without a finite loss, left out of the curve: 1." in page and "nan" not in page


def test_gates_hold_finite_numbers_only() -> None:
    scores: dict[str, Any] = {
        "results": {"piqa": {"acc,none": float("nan"), "acc_norm,none": float("inf")}},
        "headlines": {"piqa": {"value": None}},
        "averages": {"all": {"value": float("nan")}},
    }
    assert metrics_of(scores) == {}
    for gate in ("piqa>=0.4", "piqa.acc>=0", "piqa.acc_norm>=0", "average.all>=0"):
        with pytest.raises((MindError, GateError)):
            check_gates([parse_gate(gate)], scores)
    for gate in ("piqa<=1e999", "piqa>=-1e999"):
        with pytest.raises(UsageError, match="--require"):
            parse_gate(gate)
    with pytest.raises(MindError, match=r"results\.piqa\.acc,none is nan"):
        check_scores(scores)
    check_scores({"a": [1.0, {"b": None}], "c": 2})
