"""What a report draws and quotes, what an answer of a server is, and rows that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mind_core.errors import MindError
from mind_core.records import annotate
from mind_core.render.chart import SMOOTHING, smooth
from mind_eval.benchmarks.rows import AT, BAD, choice_row, index_of
from mind_eval.contamination import pieces_of
from mind_eval.finite import check_read_items
from mind_eval.models import endpoint
from mind_eval.models.endpoint import UnansweredError, _written
from mind_eval.models.folder_weights import stop_ids
from mind_eval.report.curves import curves_section, last_losses
from mind_eval.report.funnel import _example


def test_a_running_mean_is_that_of_the_last_points_behind_them_too() -> None:
    points = [(n, float(n * n % 17)) for n in range(3 * SMOOTHING)]
    values = [y for _, y in points]
    for place, (x, mean) in enumerate(smooth(points)):
        last = values[max(0, place - SMOOTHING + 1) : place + 1]
        assert (x, mean) == (place, pytest.approx(sum(last) / len(last)))


@pytest.mark.parametrize(("steps", "drawn"), [(1, 1), (299, 299), (599, 599), (600, 300)])
def test_a_curve_has_some_hundred_points_of_the_whole_run(
    steps: int, drawn: int, tmp_path: Path
) -> None:
    lines = [{"step": n, "loss": 5.0 - n / 1000} for n in range(1, steps + 1)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    section = curves_section("a", "Run", "Lead.", tmp_path)
    assert section is not None
    drawn_points = str(section.body).partition('points="')[2].partition('"')[0].split()
    assert len(drawn_points) == drawn
    assert last_losses(tmp_path) == {}


def test_an_example_quotes_its_record_and_the_numbers_that_decided() -> None:
    record = {"id": "r1", "text": "some text <b>"}
    assert " · " not in str(_example(record)) and "r1" in str(_example(record))
    annotate(record, "rejected", tool="mind-clean", step="x", reason="short", value=3, threshold=5)
    shown = str(_example(record))
    assert " · value 3, threshold 5</cite>" in shown and "&lt;b&gt;" in shown


def test_pieces_are_what_an_item_asks_and_its_choices() -> None:
    doc = {"question": "Why?", "passage": "", "choices": ["yes", 2], "answer": "hidden"}
    assert pieces_of(doc) == ["Why?", "yes", "2"]
    assert pieces_of({"passage": "P", "goal": "G", "choices": None}) == ["P", "G"]
    assert pieces_of({}) == []


@pytest.mark.parametrize(
    ("text", "finish", "kind"),
    [
        ("x", "content_filter", endpoint.FILTERED), (None, "stop", endpoint.FILTERED),
        ("", "length", endpoint.CUT), (" \n", "length", endpoint.CUT),
        (None, "length", endpoint.CUT), ("x", "tool_calls", endpoint.TOOL_CALLS),
        (None, "function_call", endpoint.TOOL_CALLS),
    ],
)  # fmt: skip
def test_what_is_no_answer_of_a_server(text: str | None, finish: str, kind: str) -> None:
    with pytest.raises(UnansweredError, match="item 3") as caught:
        _written(text, finish, 8, "item 3")
    assert caught.value.kind == kind


@pytest.mark.parametrize(("text", "finish"), [("x", "stop"), ("", "stop"), ("x", "length")])
def test_what_is_an_answer_of_a_server(text: str, finish: str) -> None:
    assert _written(text, finish, 8, "item 3") == text


def test_rows_that_cannot_be_used_say_why() -> None:
    whole = choice_row("f:1", " ｂ. ", "ABCD", ["1", "2"], question="q")
    assert whole == {"question": "q", "choices": ["1", "2"], "answer": 1, AT: "f:1"}
    assert choice_row("f:1", "A", "ABCD", ["1", ""]) == {
        AT: "f:1",
        BAD: "choice B is missing or empty",
    }
    for label in ("C", "AB", "", None, 1):
        row = choice_row("f:1", label, "ABCD", ["1", "2"])
        assert row == {AT: "f:1", BAD: f"the answer {label!r} is none of A, B"}
    assert [index_of(label) for label in ("A", "(d)", "E")] == [0, 3, None]


def test_items_with_a_number_that_is_missing_or_not_finite_are_named(tmp_path: Path) -> None:
    good = {"id": "a", "metrics": {"acc": 1}, "answers": [[-1.5, True], "text"]}
    check_read_items([good, {"id": "b"}], tmp_path)
    for wrong in (
        {"metrics": {"acc": None}}, {"metrics": {"acc": float("nan")}},
        {"answers": [[None, True]]}, {"answers": [[-1.0, True], [float("-inf"), True]]},
    ):  # fmt: skip
        with pytest.raises(MindError) as caught:
            check_read_items([good, {**good, "id": "wrong", **wrong}], tmp_path)
        assert "item wrong" in f"{caught.value} {caught.value.cause}"


def test_stops_are_those_of_both_files(tmp_path: Path) -> None:
    assert stop_ids(tmp_path) == frozenset()
    (tmp_path / "config.json").write_text('{"eos_token_id": 2}')
    assert stop_ids(tmp_path) == {2}
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [0, 7]}')
    assert stop_ids(tmp_path) == {0, 2, 7}
    (tmp_path / "config.json").write_text("{}")
    assert stop_ids(tmp_path) == {0, 7}
