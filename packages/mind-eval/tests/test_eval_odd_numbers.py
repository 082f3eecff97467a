"""Numbers in golds and answers that `int` refuses."""

from __future__ import annotations

import pytest

from mind_eval.metrics.law import articles, term
from mind_eval.metrics.written import choice_place
from mind_eval.prompts.templates import TARGET, FieldTemplate

MANY = "9" * 5000


@pytest.mark.parametrize("gold", ["²", "--5", MANY, "1_0", "٣"])
def test_an_odd_number_is_no_place_and_stays_text(gold: str) -> None:
    assert choice_place(gold, ["w", "x", "y", "z"]) is None
    assert FieldTemplate("{{a}}", TARGET, has_choices=True)({"a": gold}) == gold


def test_a_number_is_a_place() -> None:
    assert choice_place("2", ["w", "x", "y"]) == 2
    assert FieldTemplate("{{a}}", TARGET, has_choices=True)({"a": 2}) == 2


@pytest.mark.parametrize("said", [MANY, "九" * 5000, "亿" * 5000])
def test_an_answer_of_thousands_of_digits_is_wrong_and_no_fault(said: str) -> None:
    assert articles(f"第{said}条", "第 264 条")[0] == 0
    assert term(f"{said}个月", "刑期: 12")[0] < 0.5
