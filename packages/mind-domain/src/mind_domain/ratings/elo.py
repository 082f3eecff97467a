"""Sequential Elo, as FastChat computes it, averaged over orders of the games."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mind_domain.ratings.games import Floats, Games

BASE = 10.0
GAMES_AT_ONCE = 4096
"""Games whose models are looked up together, so that memory does not grow with the games."""


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
        # Four bytes a game: a ranking of 32 replies is 496 games, in each of the orders.
        order = np.empty((orders, count), np.int32)
        for row in order:
            row[:] = canonical[chooser.permutation(count)]
    else:
        order = np.arange(count, dtype=np.int32)[None]
    return _play(games, rule, order)


def _play(games: Games, rule: EloRule, order: NDArray[np.integer]) -> Floats:
    """Play all orders [O, G] in step, as each game needs the ratings after the one before."""
    size = len(games.models)
    ratings = np.full(len(order) * size, rule.start)
    # Where the models of an order stand in `ratings`, which is flat.
    begins = np.arange(len(order)) * size
    odds = math.log(BASE) / rule.scale
    for start in range(0, order.shape[1], GAMES_AT_ONCE):
        games_now = order[:, start : start + GAMES_AT_ONCE].T  # (N, O)
        places = np.stack([games.first[games_now], games.second[games_now]], axis=1) + begins
        for place, score in zip(places, games.score[games_now], strict=True):
            pair = ratings[place]  # (2, O)
            expected = 1.0 / (1.0 + np.exp((pair[1] - pair[0]) * odds))
            change = rule.k * (score - expected)
            pair[0] += change
            # FastChat subtracts what the other expects from what it scored: the same number.
            pair[1] -= change
            ratings[place] = pair
    return ratings.reshape(len(order), size)
