"""Ratings for people, ties at their limit, verdicts that change with the seats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mind_core import MindError
from mind_domain.judges.nll import NllJudge
from mind_domain.judges.trial import Trial
from mind_domain.ratings.ballots import Ballot
from mind_domain.ratings.plackett_luce import LARGEST_TIE, choices_of
from mind_domain.ratings.rating import RatingRule, rate
from mind_domain.ratings.show import format_ratings, plot_ratings

ORDERED = (("a",), ("b",))
TURNED = (("b",), ("a",))


def test_a_flip_is_another_winner_and_not_another_seat() -> None:
    """The loser loses in both seats: the verdict did not change, whoever sat where."""
    here, there = ("a", "b"), ("b", "a")
    steady = [Ballot("q0", TURNED, here), Ballot("q0", TURNED, there)]
    steady += [Ballot("q1", ORDERED, here), Ballot("q1", ORDERED, there)]
    assert rate(steady, RatingRule(orders=1, draws=0))["seats"]["flips"] == {
        "rate": 0.0,
        "count": 2,
    }
    changed = [*steady, Ballot("q2", TURNED, here), Ballot("q2", ORDERED, there)]
    flips = rate(changed, RatingRule(orders=1, draws=0))["seats"]["flips"]
    assert flips == {"rate": pytest.approx(1 / 3, abs=1e-6), "count": 3}


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    chooser = np.random.default_rng(0)
    ballots = []
    for number in range(60):
        groups = ORDERED if chooser.random() < 0.8 else TURNED
        ballots.append(Ballot(f"q{number}", groups, ("a", "b")))
    return rate(ballots, RatingRule(orders=2, draws=50))


def test_a_table_has_ranks_and_intervals_where_they_are_known(report: dict[str, Any]) -> None:
    lines = format_ratings(report).splitlines()
    assert lines[0].startswith("60 verdicts on 60 questions, 60 pairs;")
    for row in report["models"]:
        line = next(line for line in lines[3:] if line.endswith(row["model"]))
        assert f"{row['rank_low']}-{row['rank_high']}" in line.split()
        assert f"{row['low']:.1f} …" in line and f"{row['win_rate']:.1%}" in line
    differences = [one["resolved"] for one in report["differences"]]
    assert f"{sum(differences)} of {len(differences)} differences are resolved" in lines
    bare = rate([Ballot("q", ORDERED, ("a", "b"))], RatingRule(orders=1, draws=0))
    text = format_ratings(bare)
    assert "…" not in text and "None" not in text and "resolved" not in text


def test_a_plot_has_a_row_and_an_interval_for_each_model(report: dict[str, Any]) -> None:
    drawn = plot_ratings(report)
    assert drawn.count("<circle") == 2 and drawn.count('stroke-width="2"') == 2
    places = [float(part.partition('"')[0]) for part in drawn.split('cx="')[1:]]
    assert places[0] > places[1], "the better one stands on the right"


def test_a_tie_of_many_is_refused_beyond_the_limit_and_not_at_it() -> None:
    names = [f"m{n}" for n in range(LARGEST_TIE + 1)]
    at_limit = Ballot("q", (tuple(names[:-1]),), ())
    found = choices_of([at_limit], names[:-1], ["q"])
    assert found.chosen.shape == (1, LARGEST_TIE)
    with pytest.raises(MindError, match="13 replies are tied"):
        choices_of([Ballot("q", (tuple(names),), ())], names, ["q"])


@pytest.mark.parametrize(
    ("bits", "groups"),
    [
        ((1.0, 1.5, 0.25), ((2,), (0,), (1,))),
        ((2.0, 2.0 + 1e-12, 3.0), ((0, 1), (2,))),
        ((1.0, 1.0 + 1e-6, 1.0), ((0, 2), (1,))),
    ],
)
def test_equal_to_nine_digits_is_a_tie_and_nothing_else(
    bits: tuple[float, ...], groups: tuple[tuple[int, ...], ...], tmp_path: Path
) -> None:
    judge = NllJudge(",".join(f"{name}={tmp_path}" for name in "abc"))
    for name, value in zip("abc", bits, strict=True):
        judge._bits[name, "q"] = value
    trial = Trial("q", 0, (), "x", ("a", "b", "c"), ("", "", ""), "", "en")
    assert judge.rank(trial) == groups
