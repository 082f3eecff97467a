"""Sequential Elo, as FastChat computes it, averaged over orders of the games."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mind_domain.ratings.games import Floats, Games

BASE = 10.0


@dataclass(frozen=True)
class EloRule:
    """FastChat's defaults: K of 4, 400 points for odds of ten to one, a start of 1000."""

    k: float = 4.0
    scale: float = 400.0
    start: float = 1000.0


def sequential_elo(games: Games, rule: EloRule, orders: int, seed: int) -> Floats:
    """Return ratings [orders, M] after all games, each time in another order.

    After a game the rating of a model grows by K · (score - expected score) (FastChat,
    `compute_elo`), so a result depends on the order: a single one is no rating. With 0 orders the
    games are played once in the order they came in. The orders depend on the seed and the set of
    games alone, not on their order in the file.
    """
    count = len(games.score)
    if orders:
        chooser = np.random.Generator(np.random.PCG64(seed))
        # Sorted before it is shuffled: a seed gives the same orders whatever the file's order is.
        canonical = np.lexsort((games.score, games.second, games.first, games.question))
        order = np.stack([canonical[chooser.permutation(count)] for _ in range(orders)])
    else:
        order = np.arange(count)[None]
    # All orders are played in step, as each game needs the ratings after the one before.
    rows = np.arange(len(order))
    ratings = np.full((len(order), len(games.models)), rule.start)
    first, second, score = games.first[order], games.second[order], games.score[order]
    for n in range(count):
        a, b = first[:, n], second[:, n]
        one, other = ratings[rows, a], ratings[rows, b]
        expected = 1.0 / (1.0 + BASE ** ((other - one) / rule.scale))
        change = rule.k * (score[:, n] - expected)
        ratings[rows, a] = one + change
        # FastChat subtracts what the other expects from what it scored: the same number.
        ratings[rows, b] = other - change
    return ratings
