"""Rules of a few lines each: the pace of requests, classes of returns, words, turns."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from mind_core import MindError, Reason, Record
from mind_core.errors import UsageError
from mind_domain.domains.dialogues import read_dialogue
from mind_domain.domains.finance.classes import class_of, edges_of, fit_edges, quantiles_of
from mind_domain.domains.finance.price_rows import _day, _is_empty, _number
from mind_domain.options import require_log, require_one_of
from mind_domain.ratings.ballots import Ballot
from mind_domain.ratings.games import gather_games
from mind_domain.ratings.rating import RatingRule, _strengths
from mind_domain.requests import _Pace
from mind_domain.split_files import Cuts


def test_requests_begin_evenly_and_a_pause_is_not_made_up_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, waits = [100.0], list[float]()

    def pause(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    monkeypatch.setattr("mind_domain.requests.time.monotonic", lambda: now[0])
    pace = _Pace(30, pause)
    for _ in range(3):
        pace.take()
    assert waits == [2.0, 2.0] and now == [104.0]
    now[0] += 60.0
    pace.take()
    pace.take()
    assert waits == [2.0, 2.0, 2.0], "the minute that nobody asked in gives no burst"
    free = _Pace(0, pause)
    free.take()
    assert (free.gap, len(waits)) == (0.0, 3)


def test_edges_are_a_threshold_on_both_sides_and_three_times_of_it() -> None:
    assert edges_of(3, 0.02, "") == edges_of(2, 0.02, "") == (-0.02, 0.02)
    assert edges_of(5, 0.02, "") == (-0.06, -0.02, 0.02, 0.06)
    assert edges_of(3, 0.02, "-1/100, 0.03") == (-0.01, 0.03) and edges_of(2, 0, "0") == (0.0,)
    for classes, edges in ((3, "0.1"), (3, "0.1,0.1"), (3, "0.2,0.1"), (5, "1,2"), (2, "1,2,3")):
        with pytest.raises(UsageError, match=f"^{classes} classes and edges"):
            edges_of(classes, 0.02, edges)
    for wrong in ("x,1", "1/0,1", "nan,1", "1e999,1", "1e999999999,1", "1/2/3,1"):
        with pytest.raises(UsageError, match="is no number"):
            edges_of(3, 0.02, wrong)


def test_a_return_at_an_edge_is_in_the_class_that_the_text_says() -> None:
    five = (-0.06, -0.02, 0.02, 0.06)
    changes = (0.061, 0.06, 0.021, 0.02, 0.0, -0.02, -0.021, -0.06, -0.061)
    assert [class_of(change, five, 5) for change in changes] == [
        "surge", "rise", "rise", "flat", "flat", "flat", "fall", "fall", "plunge"
    ]  # fmt: skip
    assert [class_of(change, (-0.1, 0.1), 2) for change in (0.2, 0.1, -0.1, -0.2)] == [
        "rise", None, None, "fall"
    ]  # fmt: skip
    assert [class_of(change, (0.0,), 2) for change in (0.1, 0.0, -0.1)] == ["rise", "fall", "fall"]


def test_quantiles_are_fitted_where_there_are_returns_enough() -> None:
    assert quantiles_of(3, "1/4,3/4") == (0.25, 0.75)
    for wrong in ("0,0.5", "0.5,1"):
        with pytest.raises(UsageError):
            quantiles_of(3, wrong)
    assert fit_edges([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], (0.2, 0.8)) == (1.0, 4.0)
    with pytest.raises(MindError, match="5 returns of training dates are too few"):
        fit_edges([0.0, 1.0, 2.0, 3.0, 4.0], (0.2, 0.8))
    with pytest.raises(MindError, match="fall together at 0"):
        fit_edges([0.0] * 9, (0.2, 0.8))


def test_cells_of_a_price_table() -> None:
    empty = (None, math.nan, "", " ", "nan", "NaN")
    assert all(_is_empty(cell) is True for cell in empty)
    assert not any(_is_empty(cell) for cell in (0, 0.0, "0", "1,100"))
    assert [_number(cell) for cell in ("1,100", " 2.5 ", 3)] == [1100.0, 2.5, 3.0]
    assert math.isnan(_number("x")) and math.isnan(_number("1,10"))
    assert str(_day("2014/12/31")) == str(_day("2014-12-31 15:00")) == "2014-12-31"
    assert _day("31.12.2014") is None


def test_answers_that_are_paid_for_are_kept(tmp_path: Path) -> None:
    for places, log in (([], None), (["run/05-model", "x.http://"], None),
                        (["http://host/v1#m"], tmp_path / "log")):  # fmt: skip
        require_log(places, log)
    for place in ("http://host/v1#m", "https://host/v1#m"):
        with pytest.raises(UsageError, match="paid for"):
            require_log(["folder", place], None)
    require_one_of("--x", "a", ("a", "b"))
    with pytest.raises(UsageError, match="--x 'c'"):
        require_one_of("--x", "c", ("a", "b"))


@pytest.mark.parametrize(
    ("row", "question"),
    [
        ({"instruction": "Read.", "question": "Who?", "answer": "A."}, "Read.\nWho?"),
        ({"instruction": "Read.", "input": "Who?", "output": "A."}, "Read.\nWho?"),
        ({"question": "Who?", "answer": "A."}, "Who?"),
    ],
)
def test_an_instruction_and_its_question_are_asked_together(row: Record, question: str) -> None:
    found = read_dialogue({**row, "year": 2020, "metadata": {"k": 1}}, "here")
    assert not isinstance(found, Reason)
    assert [one["content"] for one in found["messages"]] == [question, "A."]
    assert found["source"] == "here" and found["metadata"] == {"k": 1, "year": 2020}
    assert len(found["id"]) == 16 and read_dialogue({**row, "id": 7}, "here")["id"] == "7"  # type: ignore[index]


def test_what_is_no_conversation_has_a_reason() -> None:
    assert read_dialogue({"instruction": "Read.", "output": ""}, "here") == "no_answer"
    rows = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"},
            {"role": "assistant", "content": "c"}]  # fmt: skip
    assert read_dialogue({"messages": rows}, "here") == "role_order"


def test_a_split_needs_a_day_and_its_sides_in_order() -> None:
    test, first = Cuts("2021-06-01", "2021-01-01").resolve([])
    assert (str(test), str(first)) == ("2021-06-01", "2021-01-01")
    assert Cuts("2021-06-01").resolve([])[1] is None
    with pytest.raises(UsageError, match="needs a date"):
        Cuts().resolve([])
    for first_day in ("2021-06-01", "2021-06-02"):
        with pytest.raises(UsageError, match=f"validation from {first_day}"):
            Cuts("2021-06-01", first_day).resolve([])
    for cuts in (Cuts(), Cuts("2021-06-01", fractions="0.8,0.2")):
        with pytest.raises(UsageError, match="one of the two"):
            cuts.check()


@pytest.mark.parametrize("model", ["bradley-terry", "davidson"])
def test_draws_without_a_prior_have_a_thousandth_so_that_each_has_strengths(model: str) -> None:
    ballots = [
        Ballot(f"q{n}", (("a",), ("b",)) if n % 3 else (("b",), ("a",))) for n in range(6)
    ]  # fmt: skip
    games = gather_games(ballots)
    whole, drawn = _strengths(ballots, games, RatingRule(model, prior=0.0, draws=60))
    alike, same = _strengths(ballots, games, RatingRule(model, prior=1e-3, draws=60))
    assert drawn.tolist() == same.tolist() and drawn.shape == (60, 2)
    assert np.isfinite(drawn).all() and whole.tolist() != alike.tolist()
    assert _strengths(ballots, games, RatingRule(model, draws=0))[1].shape == (0, 2)
