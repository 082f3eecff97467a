"""Written answers, and questions of one's own: metrics by hand, choices named in free text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mind_core import MindError
from mind_core.testing import run_tool
from mind_eval.metrics.items import check_metrics, written_metrics
from mind_eval.metrics.written import (
    FILTERS,
    choice_named,
    f1,
    longest_common,
    matched,
    rouge_l,
    rouge_zh,
    same_text,
)
from mind_eval.prompts.spec import make_spec
from mind_eval.results import read_items, read_scores

ONE = {"OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("B", 1), ("B.", 1), ("(B) because", 1), ("b", 1), ("Ｂ", 1), ("答案是B", 1),
        ("答案：C。", 2),
        ("答案为选项 D", 3), ("正确答案是(A)。", 0), ("故选D", 3), ("所以选择：B", 1),
        ("应选 C。", 2),
        ("A选项错误，B选项错误，因此答案是C", 2), ("C项正确", 2), ("选项B符合题意", 1),
        ("The answer is B.", 1), ("The correct answer is (C).", 2), ("Answer: D", 3),
        ("I think option B is right", 1), ("So A is wrong. Answer: **B**", 1),
        ("\\boxed{C}", 2), ("答案是A？不，答案是B", 1), ("Only D fits here", 3),
        ("it is the river", 2), ("我不知道", None), ("A or B", None), ("", None),
        ("A, B and C", None), ("A lake", 1), ("A、B", None),
        ("An apple", None), ("Dogs bark", None), ("E", None),
    ],
)  # fmt: skip
def test_a_choice_is_read_from_free_text(text: str, found: int | None) -> None:
    assert choice_named(text, 4, ("a hill", "a lake", "the river", "a sea")) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [("The answer is K.", 10), ("答案：L", 11), ("I think it is J", 9), ("I'm sure: C", 2),
     ("M", None)],
)  # fmt: skip
def test_a_choice_among_twelve_is_read(text: str, found: int | None) -> None:
    assert choice_named(text, 12) == found


def test_overlap_is_by_word_in_english_and_by_character_in_chinese() -> None:
    assert same_text("The Yangtze", "yangtze.") == 1.0 and same_text("长江", "长江。") == 1.0
    assert same_text("长江", "黄河") == 0.0 and same_text("!", "?") == 0.0
    assert f1("a red fox", "red fox runs") == pytest.approx(2 * 2 / 6)
    assert f1("长江", "是长江") == pytest.approx(2 * 2 / 5) and f1("x", "y") == 0.0
    assert rouge_l("the cat sat", "the cat was sat") == pytest.approx(2 * 3 / 7)
    assert rouge_zh("天气很好", "天气 好") == pytest.approx(2 * 3 / 7)
    assert longest_common("ABCBDAB", "BDCABA") == 4 and longest_common("", "a") == 0
    assert matched(r"总额(\d+)元", "总额5元，总额7元") == "7" and matched("x", "y") is None
    assert FILTERS["drop_thinking"]("<think>B B B</think>A") == "A"
    assert FILTERS["last_line"]("a\nb\n") == "b" and FILTERS["drop_markup"]("**B**") == "B"


def spec_of(metrics: list[str], **metadata: Any) -> Any:
    return make_spec(
        {"task": "t", "output_type": "generate_until", "doc_to_text": "{{question}}",
         "doc_to_target": "answer", "metric_list": [{"metric": name} for name in metrics],
         "metadata": metadata},
        "t", "here",
    )  # fmt: skip


def test_the_best_of_several_answers_counts() -> None:
    spec = spec_of(["exact_match", "f1", "regex"], normalise=True, regex=r"是(\S+?)。")
    metrics, found = written_metrics(spec, ["长江", "扬子江"], "它是扬子江。")
    assert metrics["regex"] == 1.0 and found == "扬子江"
    assert metrics["exact_match"] == 0.0 and metrics["f1"] == pytest.approx(2 * 3 / 8)
    assert metrics["unparsed"] == 0.0
    metrics, found = written_metrics(spec, "长江", "不知道")
    assert found is None and metrics["unparsed"] == 1.0 and metrics["regex"] == 0.0
    for wrong in (
        spec_of(["regex"], regex="("),
        spec_of(["regex"]),
        spec_of(["f1"], filters=["no"]),
    ):
        with pytest.raises(MindError, match=r"metadata\.regex|no filter 'no'"):
            check_metrics(wrong)


QUESTIONS = [
    {"question": "中国最长的河流是哪条？", "answer": "B", "choices": ["黄河", "长江", "珠江"]},
    {"question": "Which is a fruit?", "answer": "apple", "choices": ["stone", "apple"]},
    {"question": "Which is an animal?", "answer": 1, "choices": ["stone", "dog"], "id": "dog"},
    {"question": "水的沸点是多少度？", "answer": "Ａ", "choices": ["一百", "零"]},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def test_own_questions_in_one_command(model_folder: Path, tmp_path: Path) -> None:
    own = write(tmp_path / "qa.jsonl", QUESTIONS)
    asked = ["run", "--model", model_folder, "--own", own, "-o", tmp_path / "scores"]
    done = run_tool("mind-eval", asked, environment=ONE)
    assert done.code == 0, done.stderr
    assert b"own questions: acc" in done.stdout and b"95 % interval" in done.stdout
    scores, items = read_scores(tmp_path / "scores"), read_items(tmp_path / "scores")
    assert set(scores["results"]) == {"own"} and scores["benchmarks"]["own"]["form"] == "cloze"
    assert [item["target"] for item in items] == [1, 1, 1, 0]
    assert [item["id"] for item in items] == ["own/0", "own/1", "own/dog", "own/3"]
    again = run_tool("mind-eval", ["score", tmp_path / "scores.answers", "-o", tmp_path / "two"])
    assert again.code == 0, again.stderr
    assert read_scores(tmp_path / "two")["results"] == scores["results"]
    shown = run_tool(
        "mind-eval", [*asked[:5], "--form", "letter", "--shots", "1", "--explain", "0"]
    )
    assert shown.code == 0, shown.stderr
    text = shown.stdout.decode()
    assert "  | 中国最长的河流是哪条？" in text and "  | B. 长江" in text and "答案：⏎" in text


def test_own_answers_are_written_where_there_are_no_choices(
    model_folder: Path, tmp_path: Path
) -> None:
    own = write(tmp_path / "qa.jsonl", [{"question": "1+1=?", "answer": ["2", "two"]}] * 2)
    asked = ["run", "--model", model_folder, "--own", own, "-o", tmp_path / "scores"]
    done = run_tool("mind-eval", asked, environment=ONE)
    assert done.code == 0, done.stderr
    scores = read_scores(tmp_path / "scores")
    assert scores["benchmarks"]["own"]["form"] == "written"
    assert {"exact_match,none", "f1,none", "rouge_l,none"} <= set(scores["results"]["own"])
    done = run_tool("mind-eval", [*asked[:4], write(tmp_path / "choices.jsonl", QUESTIONS),
                                  "--form", "asked"], environment=ONE)  # fmt: skip
    assert done.code == 0 and b"accuracy_from_text" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("row", "why"),
    [({"answer": "x"}, "'question' is missing"), ({"question": "q"}, "'answer' is missing"),
     ({"question": "q", "answer": {"a": 1}}, "'answer' is missing"),
     ({"question": 5, "answer": "x"}, "'question' is missing or no text"),
     ({"question": "q", "answer": "E", "choices": ["a", "b"]}, "none of the choices"),
     ({"question": "q", "answer": "A", "choices": "ab"}, "no list of 2 to 26"),
     ({"question": "q", "answer": ["A", "B"], "choices": ["a", "b"]}, "several right answers")],
)  # fmt: skip
def test_rows_of_wrong_types_are_named_by_line(
    row: dict[str, Any], why: str, model_folder: Path, tmp_path: Path
) -> None:
    good = {"question": "q", "answer": "A", "choices": ["a", "b"]}
    own = write(tmp_path / "qa.jsonl", [good if "choices" in row or "answer" not in row
                                        else {"question": "q", "answer": "x"}, row])  # fmt: skip
    if "choices" not in row:
        own = write(own, [{"question": "q", "answer": "x"}, row])
    done = run_tool("mind-eval", ["run", "--model", model_folder, "--own", own], environment=ONE)
    assert done.code == 1 and "qa.jsonl:2: " in done.stderr and why in done.stderr
    assert "Traceback" not in done.stderr


def test_an_own_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = run_tool("mind-eval", ["run", "--model", "m", "--own", tmp_path / "gone.jsonl"])
    assert done.code == 2 and "is no file" in done.stderr
