"""Verdicts as arrays: who won how often, question by question, on models in a fixed order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mind_core import MindError
from mind_domain.ratings.ballots import Ballot

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Games:
    """Hold the games of M models on Q questions.

    `first`, `second` and `score` [G] are all pairs in the order of the ballots, with `question`
    [G]; `wins` and `ties` [Q, M, M] count them, ties in both places.
    """

    models: tuple[str, ...]
    questions: tuple[str, ...]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    score: Floats
    question: NDArray[np.int64]
    wins: Floats
    ties: Floats

    def total(self, weights: Floats | None = None) -> tuple[Floats, Floats]:
        """Return wins and ties [M, M], or [B, M, M] for weights [B, Q] of the questions."""
        if weights is None:
            return self.wins.sum(axis=0), self.ties.sum(axis=0)
        size = len(self.models)
        wins = weights @ self.wins.reshape(len(self.questions), -1)
        ties = weights @ self.ties.reshape(len(self.questions), -1)
        return wins.reshape(-1, size, size), ties.reshape(-1, size, size)


def gather_games(ballots: Sequence[Ballot]) -> Games:
    """Expand ballots into pairs; models and questions are in the order of their names."""
    models = tuple(sorted({name for one in ballots for group in one.groups for name in group}))
    questions = tuple(sorted({one.question for one in ballots}))
    if len(models) < 2:
        raise MindError("there is nothing to rate: no two models were compared")
    place = {name: n for n, name in enumerate(models)}
    number = {name: n for n, name in enumerate(questions)}
    rows = [
        (place[one], place[other], score, number[ballot.question])
        for ballot in ballots
        for one, other, score in ballot.pairs()
    ]
    # Numbers of models and questions are exact in float64, so one array holds them with the scores.
    table = np.array(rows, dtype=np.float64)  # (G, 4)
    first, second, question = (table[:, n].astype(np.int64) for n in (0, 1, 3))
    score = table[:, 2]
    shape = (len(questions), len(models), len(models))
    wins, ties = np.zeros(shape), np.zeros(shape)
    won, drawn = score == 1.0, score == 0.5
    # `+=` would count a pair that comes twice with one index only once.
    np.add.at(wins, (question[won], first[won], second[won]), 1.0)
    np.add.at(ties, (question[drawn], first[drawn], second[drawn]), 1.0)
    np.add.at(ties, (question[drawn], second[drawn], first[drawn]), 1.0)
    return Games(models, questions, first, second, score, question, wins, ties)


def groups_of(wins: Floats, ties: Floats) -> list[list[int]]:
    """Return the strongly connected groups of models: i before j if i beat or tied j.

    Strengths are finite without a prior exactly if there is one group (Ford 1957).
    """
    reach = (wins + ties > 0) | np.eye(len(wins), dtype=bool)
    for middle in range(len(reach)):  # Warshall's closure
        # Who reaches `middle` reaches all that it does.
        reach |= reach[:, middle, None] & reach[None, middle]
    both = reach & reach.T
    seen: dict[tuple[bool, ...], list[int]] = {}
    for n, row in enumerate(both):
        seen.setdefault(tuple(row.tolist()), []).append(n)
    return list(seen.values())


def islands_of(wins: Floats, ties: Floats) -> list[list[int]]:
    """Return the groups of models that were compared, directly or through others."""
    played = wins + wins.T + ties
    return groups_of(played, np.zeros_like(played))
