"""Verdicts as judges and leaderboards write them, and the ratings of real ones."""

import json
import math
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from mind_core import Reason, Record
from mind_core.errors import BadRecord
from mind_core.stream import read_records
from mind_core.testing import run_tool
from mind_domain.ratings.ballots import Ballot, read_ballot
from mind_domain.ratings.elo import EloRule, sequential_elo
from mind_domain.ratings.games import gather_games
from mind_domain.ratings.rating import RatingRule, rate

JUDGE = Path(__file__).parents[4] / "shared" / "data" / "judge"
needs_judge = pytest.mark.skipif(not JUDGE.is_dir(), reason="the shared data are not here")


@pytest.mark.parametrize(
    ("record", "groups"),
    [
        ({"ranking": ["a", "b", "c"]}, (("a",), ("b",), ("c",))),
        ({"ranking": ["a", ["c", "b"]]}, (("a",), ("b", "c"))),
        ({"ranks": {"a": 2, "b": 1, "c": 2}}, (("b",), ("a", "c"))),
        ({"scores": {"a": 2, "b": 9.5}}, (("b",), ("a",))),
        ({"model_a": "a", "model_b": "b", "winner": "model_b"}, (("b",), ("a",))),
        ({"model_a": "a", "model_b": "b", "winner": "a"}, (("a",), ("b",))),
        ({"model_a": "a", "model_b": "b", "winner": "tie (bothbad)"}, (("a", "b"),)),
        ({"model_a": "a", "model_b": "b", "preference": 1.0}, (("a",), ("b",))),
        ({"model_a": "a", "model_b": "b", "preference": 1.97}, (("b",), ("a",))),
        ({"model_a": "a", "model_b": "b", "preference": 1.5}, (("a", "b"),)),
        ({"model_a": "a", "model_b": "b", "preference": 0}, (("a", "b"),)),
    ],
)
def test_forms_of_verdicts(record: Record, groups: tuple[tuple[str, ...], ...]) -> None:
    found = read_ballot({"question_id": 1, **record}, "x:1")
    assert isinstance(found, Ballot)
    assert (found.question, found.groups) == ("1", groups)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"model_a": "a", "model_b": "b", "preference": None}, "no_verdict"),
        ({"model_a": "a", "model_b": "b", "winner": ""}, "no_verdict"),
        ({"ranking": ["a", "b", "a"]}, "double_model"),
        ({"ranking": ["a"]}, "one_model"),
        ({"ranking": ["a", "b"], "seats": ["a", "b", "c"]}, "incomplete"),
        ({"ranking": ["a", "x"], "seats": ["a", "b"]}, "incomplete"),
        ({"failed": "unparsed", "ranking": None}, "unparsed"),
    ],
)
def test_verdicts_that_say_nothing(record: Record, reason: str) -> None:
    found = read_ballot({"question_id": 1, **record}, "x:1")
    assert isinstance(found, Reason)
    assert str(found) == reason


@pytest.mark.parametrize(
    "record",
    [
        {"ranking": ["a", "b"]}, {"question_id": 1}, {"question_id": 1, "ranking": ["a", 3]},
        {"question_id": 1, "scores": {"a": 1, "b": float("nan")}},
        {"question_id": 1, "scores": {"a": 1, "b": True}},
        {"question_id": 1, "model_a": "a", "model_b": "b", "winner": "c"},
        {"question_id": 1, "model_a": "a", "model_b": "b", "preference": 7},
    ],
)  # fmt: skip
def test_what_is_no_verdict_is_bad(record: Record) -> None:
    with pytest.raises(BadRecord):
        read_ballot(record, "x:1")


def test_the_tool(tmp_path: Path) -> None:
    records: list[Record] = [
        {"question_id": f"q{n}", "model_a": "one", "model_b": "two", "winner": winner}
        for n, winner in enumerate(["one"] * 6 + ["two"] * 3 + ["tie", None])
    ]
    arguments = ["elo", "--prior", "0", "-o", "r.json", "--plot", "r.svg", "--summary", "s.json"]
    done = run_tool("mind-domain", arguments, records, folder=tmp_path)
    assert done.code == 0, done.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    one, two = report["models"]
    wanted = 400 * math.log10(6.5 / 3.5)
    assert one["rating"] - two["rating"] == pytest.approx(wanted, abs=1e-3)
    assert (one["win_rate"], one["games"], report["left_out"]) == (0.65, 10, {"elo.no_verdict": 1})
    assert report["win_matrix"] == {"one": {"two": 0.65}, "two": {"one": 0.35}}
    assert (tmp_path / "r.svg").read_text().startswith("<svg")
    summary = json.loads((tmp_path / "s.json").read_text())
    assert (summary["in"], summary["kept"]) == (11, 10)
    assert "one\n" in done.stdout.decode()
    again = run_tool("mind-domain", ["elo", "--prior", "0", "--json"], records[::-1])
    assert json.loads(again.stdout)["models"] == report["models"]


@needs_judge
def test_alpaca_eval_is_a_star() -> None:
    """With one baseline the strengths are the log-odds of the win rates, exactly."""
    ballots, left = [], Counter()
    for record in read_records([JUDGE / "alpaca_eval_gpt4-verdicts.jsonl.zst"]):
        ballot = read_ballot(record, "x")
        if isinstance(ballot, Reason):
            left[str(ballot)] += 1
        else:
            ballots.append(ballot)
    assert (len(ballots), left) == (25_732, {"no_verdict": 28})
    assert sum(len(ballot.groups) == 1 for ballot in ballots) == 25 + 134
    won_by: dict[str, list[float]] = defaultdict(list)
    for ballot in ballots:
        score = ballot.score_in(ballot.seats[1], "text_davinci_003")
        assert score is not None
        won_by[ballot.seats[1]].append(score)
    report = rate(ballots, RatingRule(prior=0, orders=100, draws=1000))
    baseline = next(row for row in report["models"] if row["model"] == "text_davinci_003")
    for row in report["models"]:
        if row is not baseline:
            won = won_by[row["model"]]
            odds = 400 * math.log10(sum(won) / (len(won) - sum(won)))
            assert row["rating"] - baseline["rating"] == pytest.approx(odds, abs=1e-3)
    in_file = sequential_elo(gather_games(ballots), EloRule(), 0, 0)[0]
    models = gather_games(ballots).models
    by_mean = sorted(report["models"], key=lambda row: -row["elo"]["mean"])
    mean_place = {row["model"]: n for n, row in enumerate(by_mean)}
    file_place = {models[n]: place for place, n in enumerate(np.argsort(-in_file))}
    assert max(abs(mean_place[name] - file_place[name]) for name in models) == 15
