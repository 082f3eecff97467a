"""The browser of items: which are shown, in what order, and what is said of each."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mind_core import Record
from mind_eval.report.items import SHOWN, _said, _short, _taken, browser_section


def choices(key: str, picked: int, right: bool) -> Record:
    return {
        "id": key, "task": "piqa", "question": f"{key}? <b>", "choices": ["yes", "no"],
        "answers": [[-1.25, True], [-2.5, False]], "picked": picked, "target": 0, "shots": 5,
        "metrics": {"acc": float(right)},
    }  # fmt: skip


def written(key: str, answer: Any, picked: str | None, right: bool) -> Record:
    return {
        "id": key, "task": "math", "question": f"{key}?", "answers": [answer], "picked": picked,
        "target": "42 ", "shots": 0, "metrics": {"exact": float(right)},
    }  # fmt: skip


METRICS = {"piqa": "acc", "math": "exact"}


def shown(*runs: list[Record], metrics: dict[str, str] = METRICS) -> str:
    names = [f"model {number}" for number in range(len(runs))]
    found = browser_section(names, [{row["id"]: row for row in run} for run in runs], metrics)
    return "" if found is None else str(found.body)


def test_items_are_grouped_by_who_was_right() -> None:
    one = [choices("a", 0, True), choices("b", 1, False), choices("c", 0, True)]
    two = [choices("a", 1, False), choices("b", 1, False), choices("c", 0, True)]
    page = shown(one, two)
    kinds = re.findall(r'data-kind="([a-z ]+)"><summary><b>(\d+)</b>', page)
    assert kinds == [("runs disagree", "1"), ("all wrong", "1"), ("all right", "1")]
    places = [page.index(f"<cite>{key} · 5 ") for key in "abc"]
    assert places == sorted(places)
    marks = re.findall(r'title="(model \d)">(.)</i>', page)
    assert marks == [(f"model {n % 2}", mark) for n, mark in enumerate("✓✗✗✗✓✓")]
    assert "&lt;b&gt;" in page and "? <b>" not in page
    # What each gave to the choices, the picked one in bold, the right one marked.
    assert page.count("<td>A. yes ✓</td>") == 3 and page.count("<td>B. no</td>") == 3
    first = page[places[0] : places[1]]
    assert re.findall(r"<td class=n>(.*?)</td>", first) == [
        "<b>-1.25</b>", "-1.25", "-2.50", "<b>-2.50</b>"
    ]  # fmt: skip


def test_each_run_has_a_list_of_right_and_wrong() -> None:
    page = shown([choices("a", 0, True), choices("b", 0, True)], [choices("a", 1, False)])
    assert re.findall(r'data-right="(..)"', page) == ["✓✗", "✓-"]
    assert re.findall(r'data-run="(\d)"', page) == ["0", "1"] and "model 1: ✗" in page
    assert "data-run" not in shown([choices("a", 0, True)]), "one run is right or wrong by kind"


def test_what_has_no_metric_is_left_out_and_lists_are_cut() -> None:
    assert shown([choices("a", 0, True)], metrics={"math": "exact"}) == ""
    assert shown([choices("a", 0, True)], metrics={"piqa": "acc_norm"}) == ""
    page = shown([choices(f"i{n}", 0, True) for n in range(SHOWN + 1)])
    assert f"<b>{SHOWN + 1}</b>" in page and page.count('class="item"') == SHOWN


def test_a_run_without_the_item_or_its_answer_leaves_a_gap() -> None:
    short = {**choices("a", 0, True), "answers": [[-1.0, True]]}
    page = shown([choices("b", 0, True)], [short])
    assert re.findall(r"<td class=n>(.*?)</td>", page[page.index("<cite>a") :]) == [
        "<b>-1.00</b>", "–"
    ]  # fmt: skip


def test_written_answers_are_quoted_with_what_they_were_taken_for() -> None:
    page = shown([written("a", "It is\n 42.", "42", True)], [written("a", "", None, False)])
    assert "<code>42</code>" in page
    assert "<blockquote>It is 42.<cite>model 0, taken as 42</cite>" in page
    assert "<blockquote>(nothing)<cite>model 1, in which no answer was found</cite>" in page
    assert _said({"answers": [[-2.0, True]]}) == "-2.00 nats (0.135)"
    assert _said({"answers": [[-1e9, True]]}).endswith("nats (9.86e-305)")
    assert _taken("x" * 81) == f"taken as {'x' * 79}…"


def test_more_choices_than_letters_are_numbered() -> None:
    many = {**choices("a", 0, True), "choices": [f"c{n}" for n in range(30)],
            "answers": [[-1.0 - n, False] for n in range(30)]}  # fmt: skip
    page = shown([many])
    assert "<td>K. c10</td>" in page and "<td>Z. c25</td>" in page and "<td>27. c26</td>" in page


@pytest.mark.parametrize(("length", "kept"), [(90, 90), (91, 89)])
def test_a_title_is_cut_at_ninety_characters(length: int, kept: int) -> None:
    assert _short("x" * length) == "x" * kept + ("…" if kept < length else "")
    assert _short(" a \n b ") == "a b"
