"""Rate models from ballots: strengths, intervals by question, ranks, differences, and marks."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from mind_core import MindError
from mind_core.errors import UsageError
from mind_domain.ratings.ballots import Ballot
from mind_domain.ratings.bradley_terry import fit_bradley_terry, fit_davidson
from mind_domain.ratings.elo import BASE, EloRule, sequential_elo
from mind_domain.ratings.games import Floats, Games, gather_games, groups_of, islands_of
from mind_domain.ratings.plackett_luce import (
    choices_of,
    fit_plackett_luce,
    resample_plackett_luce,
)
from mind_domain.ratings.seats import report_seats
from mind_domain.ratings.tails import LEVEL, tails

MODELS = ("bradley-terry", "davidson", "plackett-luce")
AT_ONCE = 250


@dataclass(frozen=True)
class RatingRule:
    """Say how models are rated; `prior` is that many wins and losses between each two models.

    Strengths become points as in Elo: `scale` points are odds of ten to one, the mean of all models
    is `start`, unless `anchor` stands at `anchor_at`.
    """

    model: str = "bradley-terry"
    prior: float = 0.01
    elo: EloRule = field(default_factory=EloRule)
    orders: int = 100
    draws: int = 1000
    seed: int = 0
    anchor: str = ""
    anchor_at: float = 1000.0

    def points(self, theta: Floats) -> Floats:
        """Turn strengths in natural logs, mean 0, into points."""
        result: Floats = self.elo.start + self.elo.scale / math.log(BASE) * theta
        return result


def rate(ballots: Sequence[Ballot], rule: RatingRule) -> dict[str, Any]:
    """Return ratings with intervals, ranks, differences, the win matrix and the seats as JSON.

    Intervals are bootstrapped over questions: all verdicts on one question, be it a ranking of ten
    replies or ten repeats, are drawn together, because they are no independent evidence.
    """
    games = gather_games(ballots)
    if rule.anchor and rule.anchor not in games.models:
        raise UsageError(
            f"there is no model {rule.anchor!r} to anchor at",
            hint=f"the models are {', '.join(games.models)}",
        )
    marks = _marks(games, rule.prior)
    strengths, drawn = _strengths(ballots, games, rule)
    points, draws = rule.points(strengths), rule.points(drawn)
    if rule.anchor:  # a shift of everything, so that it adds no width to any interval
        shift = rule.anchor_at - points[games.models.index(rule.anchor)]
        points, draws = points + shift, draws + shift
    elo = sequential_elo(games, rule.elo, rule.orders, rule.seed)
    return {
        "rule": {**asdict(rule), "interval": LEVEL, "resampled": "questions"},
        "ballots": len(ballots),
        "questions": len(games.questions),
        "games": len(games.score),
        "models": _rows(games, points, draws, elo, marks),
        "differences": _differences(games, points, draws),
        "win_matrix": _win_matrix(games),
        "unequal_questions": _unequal(ballots, games),
        "seats": report_seats(ballots, rule.draws, rule.seed),
    }


def _strengths(ballots: Sequence[Ballot], games: Games, rule: RatingRule) -> tuple[Floats, Floats]:
    """Return strengths [M], and [B, M] of questions drawn with replacement."""
    chooser = np.random.Generator(np.random.PCG64(rule.seed))
    count = len(games.questions)
    # How often each question is drawn, [B, Q]: no ballot is copied.
    drawn = chooser.multinomial(count, np.full(count, 1.0 / count), size=rule.draws)
    weights: Floats = drawn.astype(np.float64)
    if rule.model == "plackett-luce":
        choices = choices_of(ballots, games.models, games.questions)
        theta = fit_plackett_luce(choices, rule.prior)
        return theta, resample_plackett_luce(choices, theta, weights, rule.prior)
    fit = fit_bradley_terry if rule.model == "bradley-terry" else _only_strengths
    wins, ties = games.total()
    whole = fit(wins[None], ties[None], rule.prior)[0]
    # A draw may lack what made the whole connected, so draws have a prior even where it has none.
    prior = rule.prior or 1e-3
    parts = [
        fit(*games.total(weights[start : start + AT_ONCE]), prior)
        # Some at a time: matrices are [B, M, M].
        for start in range(0, rule.draws, AT_ONCE)
    ]
    return whole, np.concatenate(parts) if parts else np.empty((0, len(whole)))


def _only_strengths(wins: Floats, ties: Floats, prior: float) -> Floats:
    return fit_davidson(wins, ties, prior)[0]


def _marks(games: Games, prior: float) -> dict[str, list[str]]:
    """Name models whose strength rests on the prior; without one they are refused."""
    wins, ties = games.total()
    marks: dict[str, list[str]] = defaultdict(list)
    for n, name in enumerate(games.models):
        # A tie is half a loss, so a model that tied once has a finite strength.
        if not ties[n].any() and not wins[:, n].any():
            marks[name].append("never_beaten")
        if not ties[n].any() and not wins[n].any():
            marks[name].append("never_winning")
    islands = islands_of(wins, ties)
    if len(islands) > 1:
        # Ratings between islands rest on the prior alone; the largest is taken for the rule.
        main = max(islands, key=len)
        for island in islands:
            for n in island if island is not main else ():
                marks[games.models[n]].append("disconnected")
    groups = groups_of(wins, ties)
    if len(groups) > 1 and not prior:
        raise MindError(
            f"{len(games.models)} models have no finite strengths",
            cause="; ".join(f"{name} is {', '.join(words)}" for name, words in marks.items())
            or "some models won all games against all others: "
            + " | ".join(", ".join(games.models[n] for n in group) for group in groups),
            hint="give a weak prior: --prior 0.01",
        )
    return dict(marks)


def _rows(
    games: Games, points: Floats, draws: Floats, elo: Floats, marks: dict[str, list[str]]
) -> list[dict[str, Any]]:
    wins, ties = games.total()
    # Ties stand in both places of the matrix, so one sum counts each once.
    played = wins.sum(1) + wins.sum(0) + ties.sum(1)
    order = sorted(range(len(points)), key=lambda n: (-points[n], games.models[n]))
    # One more than the number of models that are better in this draw.
    places = (draws[:, :, None] < draws[:, None, :]).sum(axis=2) + 1  # (B, M): 1 is the best
    rows, questions = [], len(games.questions)
    for rank, n in enumerate(order, 1):
        low, high = interval(draws[:, n], questions)
        first, last = interval(places[:, n].astype(float), questions)
        rows.append(
            {
                "model": games.models[n],
                "rank": rank,
                "rating": round(float(points[n]), 4),
                "low": low,
                "high": high,
                # Without draws there is no interval: None stays None; a place is 1 at least, so
                # never falsy.
                "rank_low": first and int(first),
                "rank_high": last and int(last),
                "rank_probabilities": [
                    round(float((places[:, n] == place).mean()), 4) if len(draws) else None
                    for place in range(1, len(points) + 1)
                ],
                "games": int(played[n]),
                "win_rate": round(float((wins[n].sum() + ties[n].sum() / 2) / played[n]), 6),
                "elo": {
                    "mean": round(float(elo[:, n].mean()), 4),
                    "spread": round(float(elo[:, n].std()), 4),
                    "low": round(float(elo[:, n].min()), 4),
                    "high": round(float(elo[:, n].max()), 4),
                    "orders": len(elo),
                },
                "marks": marks.get(games.models[n], []),
            }
        )
    return rows


def interval(values: Floats, questions: int) -> tuple[float | None, float | None]:
    """Return the 95 % interval of draws over so many questions, or two None if there are none."""
    if not len(values):
        return None, None
    low, high = np.quantile(values, tails(questions))
    return round(float(low), 4), round(float(high), 4)


def _differences(games: Games, points: Floats, draws: Floats) -> list[dict[str, Any]]:
    """Return each pair's difference with its own interval: those of two ratings do not tell it."""
    models = games.models
    order = sorted(range(len(points)), key=lambda n: (-points[n], models[n]))
    rows = []
    for place, a in enumerate(order):
        for b in order[place + 1 :]:
            low, high = interval(draws[:, a] - draws[:, b], len(games.questions))
            rows.append(
                {
                    "better": models[a],
                    "worse": models[b],
                    "difference": round(float(points[a] - points[b]), 4),
                    "low": low,
                    "high": high,
                    "resolved": None if low is None else low > 0.0,
                }
            )
    return rows


def _win_matrix(games: Games) -> dict[str, dict[str, float]]:
    """Return the share of games that a model won against another, ties as halves."""
    wins, ties = games.total()
    matrix: dict[str, dict[str, float]] = {}
    for a, one in enumerate(games.models):
        for b, other in enumerate(games.models):
            played = wins[a, b] + wins[b, a] + ties[a, b]
            if played:
                share = (wins[a, b] + ties[a, b] / 2) / played
                matrix.setdefault(one, {})[other] = round(float(share), 6)
    return matrix


def _unequal(ballots: Sequence[Ballot], games: Games) -> dict[str, int]:
    """Return the number of questions of models that were not judged on all of them."""
    seen: dict[str, set[str]] = defaultdict(set)
    for ballot in ballots:
        for group in ballot.groups:
            for name in group:
                seen[name].add(ballot.question)
    return {
        name: len(asked)
        for name, asked in sorted(seen.items())
        if len(asked) < len(games.questions)
    }
