"""Ratings: the arithmetic of FastChat and choix, real verdicts, and judges that are simulated."""

import math
from itertools import combinations, permutations
from typing import Any

import choix
import numpy as np
import pytest

from mind_core import MindError
from mind_domain.ratings.ballots import Ballot
from mind_domain.ratings.bradley_terry import fit_bradley_terry, fit_davidson
from mind_domain.ratings.elo import EloRule, sequential_elo
from mind_domain.ratings.games import gather_games
from mind_domain.ratings.plackett_luce import choices_of, fit_plackett_luce, resample_plackett_luce
from mind_domain.ratings.rating import RatingRule, rate
from mind_domain.ratings.tails import tails


def pair(question: str, one: str, other: str, score: float) -> Ballot:
    groups = (
        ((one, other),) if score == 0.5 else ((one,), (other,)) if score else ((other,), (one,))
    )
    return Ballot(question, groups, (one, other))


def random_pairs(seed: int, models: int, count: int, ties: float = 0.0) -> list[Ballot]:
    chooser = np.random.default_rng(seed)
    strength = chooser.normal(size=models)
    ballots = []
    for n in range(count):
        a, b = chooser.choice(models, 2, replace=False)
        p = 1 / (1 + math.exp(strength[b] - strength[a]))
        score = 0.5 if chooser.random() < ties else float(chooser.random() < p)
        ballots.append(pair(f"q{n % 50}", f"m{a}", f"m{b}", score))
    return ballots


def fastchat_elo(ballots: list[Ballot], k: float, scale: float, base: float, start: float) -> dict:
    """Copy the loop of FastChat's `compute_elo` (elo_analysis.py)."""
    rating: dict[str, float] = {}
    for ballot in ballots:
        model_a, model_b = ballot.seats
        ra, rb = rating.setdefault(model_a, start), rating.setdefault(model_b, start)
        ea = 1 / (1 + base ** ((rb - ra) / scale))
        eb = 1 / (1 + base ** ((ra - rb) / scale))
        sa = ballot.score_in(model_a, model_b)
        rating[model_a] += k * (sa - ea)
        rating[model_b] += k * (1 - sa - eb)
    return rating


@pytest.mark.parametrize("k", [4.0, 32.0])
def test_sequential_elo_is_fastchats(k: float) -> None:
    ballots = random_pairs(0, 6, 800, ties=0.2)
    games = gather_games(ballots)
    found = sequential_elo(games, EloRule(k), orders=0, seed=0)[0]
    wanted = fastchat_elo(ballots, k, 400, 10, 1000)
    assert found == pytest.approx([wanted[name] for name in games.models], abs=1e-9)


def test_orders_do_not_depend_on_the_file() -> None:
    ballots = random_pairs(1, 5, 300)
    one = sequential_elo(gather_games(ballots), EloRule(), 20, 3)
    other = sequential_elo(gather_games(ballots[::-1]), EloRule(), 20, 3)
    assert one == pytest.approx(other, abs=1e-9)
    assert one.std(axis=0).min() > 0.1
    # Points only move from one to the other.
    assert one.mean(axis=1) == pytest.approx(np.full(20, 1000.0))


@pytest.mark.parametrize("seed", range(5))
def test_bradley_terry_is_choix(seed: int) -> None:
    ballots = random_pairs(seed, 7, 400)
    games = gather_games(ballots)
    wins, ties = games.total()
    data = [(a, b) for a in range(7) for b in range(7) for _ in range(int(wins[a, b]))]
    wanted = choix.ilsr_pairwise(7, data, max_iter=1000, tol=1e-13)
    found = fit_bradley_terry(wins[None], ties[None], 0.0)[0]
    assert found == pytest.approx(wanted - wanted.mean(), abs=1e-6)
    with_prior = choix.ilsr_pairwise_dense(wins + 0.3, alpha=0.0, max_iter=1000, tol=1e-12)
    found = fit_bradley_terry(wins[None], ties[None], 0.3)[0]
    assert found == pytest.approx(with_prior - with_prior.mean(), abs=1e-6)


def test_ties_are_half_wins() -> None:
    """Two ties are a win and a loss."""
    ballots = random_pairs(2, 4, 200)
    tied = [*ballots, pair("q", "m0", "m1", 0.5), pair("q", "m0", "m1", 0.5)]
    split = [*ballots, pair("q", "m0", "m1", 1.0), pair("q", "m0", "m1", 0.0)]
    one, other = (rate(each, RatingRule(prior=0, draws=0, orders=1)) for each in (tied, split))
    assert [row["rating"] for row in one["models"]] == [row["rating"] for row in other["models"]]


def test_davidson_maximises_its_likelihood() -> None:
    from scipy.optimize import minimize

    ballots = random_pairs(3, 5, 500, ties=0.3)
    games = gather_games(ballots)
    wins, ties = games.total()

    def loss(values: Any) -> float:
        theta, log_nu = np.append(values[:4], -values[:4].sum()), values[4]
        total = 0.0
        for a in range(5):
            for b in range(5):
                if a != b:
                    middle = log_nu + (theta[a] + theta[b]) / 2
                    whole = np.logaddexp(np.logaddexp(theta[a], theta[b]), middle)
                    total -= wins[a, b] * (theta[a] - whole) + ties[a, b] / 2 * (middle - whole)
        return total

    best = minimize(loss, np.zeros(5), method="BFGS", options={"gtol": 1e-9})
    theta, log_nu = fit_davidson(wins[None], ties[None], 0.0)
    assert theta[0][:4] == pytest.approx(best.x[:4], abs=1e-5)
    assert log_nu[0] == pytest.approx(best.x[4], abs=1e-5)


def test_davidson_without_ties_is_bradley_terry() -> None:
    wins, ties = gather_games(random_pairs(4, 5, 300)).total()
    theta, log_nu = fit_davidson(wins[None], ties[None], 0.1)
    assert theta == pytest.approx(fit_bradley_terry(wins[None], ties[None], 0.1), abs=1e-9)
    assert log_nu[0] == -math.inf


def random_rankings(seed: int, models: int, count: int) -> list[Ballot]:
    chooser = np.random.default_rng(seed)
    strength = chooser.normal(size=models)
    ballots = []
    for n in range(count):
        size = chooser.integers(2, models + 1)
        some = chooser.choice(models, size, replace=False)
        noisy = strength[some] + chooser.gumbel(size=size)
        order = some[np.argsort(-noisy)]
        ballots.append(Ballot(f"q{n}", tuple((f"m{model}",) for model in order)))
    return ballots


@pytest.mark.parametrize("seed", range(5))
def test_plackett_luce_is_choix(seed: int) -> None:
    ballots = random_rankings(seed, 6, 150)
    games = gather_games(ballots)
    choices = choices_of(ballots, games.models, games.questions)
    data = [[int(group[0][1:]) for group in ballot.groups] for ballot in ballots]
    wanted = choix.opt_rankings(6, data, tol=1e-12)
    found = fit_plackett_luce(choices, 0.0)
    assert found == pytest.approx(wanted - wanted.mean(), abs=1e-6)


def test_tied_replies_count_as_every_order() -> None:
    tied = Ballot("q1", (("m0",), ("m1", "m2", "m3"), ("m4",)))
    rest = random_rankings(7, 5, 40)
    copies = [Ballot(f"q{n}", tuple((name,) for name in ("m0", *order, "m4")))
              for n, order in enumerate(permutations(("m1", "m2", "m3")))]  # fmt: skip
    models = tuple(f"m{n}" for n in range(5))

    def fitted(ballots: list[Ballot]) -> Any:
        questions = sorted({one.question for one in ballots})
        return fit_plackett_luce(choices_of(ballots, models, questions), 0.0)

    assert fitted([tied] * 6 + rest) == pytest.approx(fitted(copies + rest), abs=1e-9)
    # For two replies this is Bradley-Terry with half wins.
    pairs = random_pairs(5, 5, 300, ties=0.3)
    wins, ties = gather_games(pairs).total()
    assert fitted(pairs) == pytest.approx(
        fit_bradley_terry(wins[None], ties[None], 0.0)[0], abs=1e-8
    )


def test_one_newton_step_is_a_fit_up_to_the_second_order() -> None:
    ballots = sorted(random_rankings(8, 5, 400), key=lambda ballot: ballot.question)
    games = gather_games(ballots)
    choices = choices_of(ballots, games.models, games.questions)
    chooser = np.random.default_rng(0)
    weights = chooser.multinomial(400, np.full(400, 1 / 400), size=20).astype(float)
    theta = fit_plackett_luce(choices, 0.1)
    assert resample_plackett_luce(choices, theta, np.ones((1, 400)), 0.1)[0] == pytest.approx(theta)
    steps = resample_plackett_luce(choices, theta, weights, 0.1)
    for row, step in zip(weights, steps, strict=True):
        drawn = [one for one, times in zip(ballots, row, strict=True) for _ in range(int(times))]
        whole = fit_plackett_luce(choices_of(drawn, games.models, games.questions), 0.1)
        assert step == pytest.approx(whole, abs=0.05)


def test_ratings_do_not_depend_on_names_order_or_anchor() -> None:
    ballots = random_pairs(6, 5, 400, ties=0.1)
    plain = rate(ballots, RatingRule(orders=10, draws=200))
    names = {f"m{n}": f"x{(n * 3) % 5}" for n in range(5)}
    renamed = [
        Ballot(one.question, tuple(tuple(names[name] for name in group) for group in one.groups))
        for one in ballots
    ]
    other = rate(renamed, RatingRule(orders=10, draws=200))
    for mine, theirs in zip(plain["models"], other["models"], strict=True):
        assert names[mine["model"]] == theirs["model"]
        for key in ("rating", "low", "high", "rank"):
            assert mine[key] == pytest.approx(theirs[key], abs=1e-3)
    assert rate(ballots[::-1], RatingRule(orders=10, draws=200))["models"] == plain["models"]
    anchored = rate(ballots, RatingRule(orders=10, draws=200, anchor="m2", anchor_at=1114))
    shift = {
        a["rating"] - p["rating"] for a, p in zip(anchored["models"], plain["models"], strict=True)
    }
    assert max(shift) - min(shift) < 1e-3
    for a, p in zip(anchored["models"], plain["models"], strict=True):
        assert a["high"] - a["low"] == pytest.approx(p["high"] - p["low"], abs=1e-3)
    assert anchored["differences"] == plain["differences"]
    assert next(row for row in anchored["models"] if row["model"] == "m2")["rating"] == 1114


def test_a_ranking_counts_once() -> None:
    """Ten copies of each verdict on a question are ten times the games and no more evidence."""
    ballots = [one for n in range(60) for one in random_rankings(n, 4, 1)]
    ballots = [Ballot(f"q{n}", one.groups) for n, one in enumerate(ballots)]
    for model in ("bradley-terry", "plackett-luce"):
        rule = RatingRule(model, prior=1e-6, orders=1, draws=400)
        one, ten = rate(ballots, rule), rate(ballots * 10, rule)
        for a, b in zip(one["models"], ten["models"], strict=True):
            assert a["high"] - a["low"] == pytest.approx(b["high"] - b["low"], rel=0.02)


def test_what_has_no_finite_strength_is_named() -> None:
    ballots = [pair("q1", "best", "mid", 1.0), pair("q2", "mid", "worst", 1.0),
               pair("q3", "apart", "alone", 1.0), pair("q4", "alone", "apart", 1.0)]  # fmt: skip
    report = rate(ballots, RatingRule(orders=1, draws=50))
    marks = {row["model"]: row["marks"] for row in report["models"]}
    assert marks == {"best": ["never_beaten"], "worst": ["never_winning"], "mid": [],
                     "apart": ["disconnected"], "alone": ["disconnected"]}  # fmt: skip
    assert all(math.isfinite(row["rating"]) for row in report["models"])
    with pytest.raises(MindError, match="no finite strengths") as caught:
        rate(ballots, RatingRule(prior=0))
    assert "best is never_beaten" in str(caught.value.cause)
    circle = [pair("q", a, b, 1.0) for a, b in ("ab", "bc", "ca", "de", "ed", "ad")]
    with pytest.raises(MindError) as caught:
        rate(circle, RatingRule(prior=0))
    assert "a, b, c" in str(caught.value.cause)


def test_intervals_cover() -> None:
    """100 simulated judges: intervals of differences hold the truth in 93 to 97 of 100."""
    strength = {"a": 0.6, "b": 0.2, "c": -0.1, "d": -0.7}
    points = 400 / math.log(10)
    hits, total = 0, 0
    for seed in range(100):
        chooser = np.random.default_rng(seed)
        ballots = []
        for question in range(150):
            noisy = {name: value + chooser.gumbel() for name, value in strength.items()}
            order = sorted(noisy, key=noisy.__getitem__, reverse=True)
            ballots.append(Ballot(f"q{question}", tuple((name,) for name in order)))
        rule = RatingRule("plackett-luce", prior=0.01, orders=1, draws=400, seed=seed)
        for one in rate(ballots, rule)["differences"]:
            truth = points * (strength[one["better"]] - strength[one["worse"]])
            hits += one["low"] <= truth <= one["high"]
            total += 1
    assert 0.93 <= hits / total <= 0.97


@pytest.mark.parametrize(("bias", "resolved"), [(0.2, True), (0.0, False)])
def test_a_planted_bias_of_the_first_seat_is_found(bias: float, resolved: bool) -> None:
    chooser = np.random.default_rng(11)
    ballots = []
    for question in range(400):
        for one, other in combinations("abc", 2):
            seats = (one, other) if chooser.random() < 0.5 else (other, one)
            better = chooser.random() < 1 / (1 + math.exp(ord(seats[0]) - ord(seats[1])))
            won = chooser.random() < bias or better
            groups = ((seats[0],), (seats[1],)) if won else ((seats[1],), (seats[0],))
            ballots.append(Ballot(f"q{question}", groups, seats))
    first = rate(ballots, RatingRule(orders=1, draws=500))["seats"]["first_seat"]
    assert first["resolved"] is resolved
    assert first["rate"] == pytest.approx(0.5 + bias / 2, abs=0.03)


def test_seats_lengths_flips_and_agreement() -> None:
    ballots = [
        Ballot("q1", (("a",), ("b",)), ("a", "b"), lengths={"a": 9, "b": 5}),
        Ballot("q1", (("a",), ("b",)), ("b", "a"), lengths={"a": 9, "b": 5}),
        Ballot("q2", (("a",), ("b",)), ("a", "b"), lengths={"a": 1, "b": 5}),
        Ballot("q2", (("b",), ("a",)), ("b", "a"), lengths={"a": 1, "b": 5}),
    ]
    seats = rate(ballots, RatingRule(orders=1, draws=0))["seats"]
    assert seats["first_seat"] == {"rate": 0.75, "count": 4}
    assert seats["flips"] == {"rate": 0.5, "count": 2}
    assert seats["longer_reply"] == {"rate": 0.75, "count": 4}
    assert seats["repeats_agree"] == {"rate": 0.5, "count": 2}
    assert seats["kappa"] == 0.0
    fixed = [ballots[0], ballots[2]]  # always the same seat: a strength, perhaps, and no bias
    assert rate(fixed, RatingRule(orders=1, draws=0))["seats"]["first_seat"] is None


@pytest.mark.parametrize(("count", "low"), [(10, 0.00855), (60, 0.02180), (805, 0.02476)])
def test_few_questions_make_intervals_wider(count: int, low: float) -> None:
    """Student's quantiles from a table, 2.2622, 2.0010 and 1.9629, times the root of n/(n - 1)."""
    assert tails(count)[0] == pytest.approx(low, abs=1e-4)
    assert sum(tails(count)) == pytest.approx(1.0)
    assert tails(1) == (0.0, 1.0)


def test_intervals_of_few_questions_cover() -> None:
    """Two models on 10 questions: the 2.5 and 97.5 % of draws hold the truth in 92 of 100 only."""
    chooser = np.random.default_rng(1)
    hits = []
    for p in np.linspace(0.5, 0.75, 11):
        won = chooser.binomial(10, p, 150)
        drawn = chooser.binomial(10, (won / 10)[:, None], (150, 1000))
        low, high = np.quantile(np.log((drawn + 0.01) / (10 - drawn + 0.01)), tails(10), axis=1)
        hits.append((low <= math.log(p / (1 - p))) & (math.log(p / (1 - p)) <= high))
    assert 0.93 <= np.mean(hits) <= 0.97
