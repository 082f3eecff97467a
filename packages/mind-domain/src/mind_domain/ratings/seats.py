"""What else moves a judge: the seat of a reply, its length, and chance."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from mind_domain.ratings.ballots import Ballot
from mind_domain.ratings.tails import tails


@dataclass(frozen=True)
class SeatedPair:
    """One pair in one ballot: who sat first, and what the first scored."""

    question: str
    first: str
    second: str
    score: float


def report_seats(ballots: Sequence[Ballot], draws: int, seed: int) -> dict[str, Any]:
    """Return how often the first seat or longer reply won, and how steady verdicts are.

    Rates have 95 % intervals, bootstrapped over questions; None where nothing is known. A bias is
    `resolved` if its interval leaves out one half. The first seat counts only where two models
    were judged in both seats, with the same weight for each: a baseline that always sits first
    would show its strength for a bias.
    """
    seated = [pair for ballot in ballots if ballot.seats for pair in _seated(ballot)]
    longer = [
        (ballot.question, score if ballot.lengths[one] > ballot.lengths[other] else 1.0 - score)
        for ballot in ballots
        for one, other, score in ballot.pairs()
        if score != 0.5
        and one in ballot.lengths
        and other in ballot.lengths
        and ballot.lengths[one] != ballot.lengths[other]
    ]
    # A question with one verdict can have no pair that was judged twice.
    again = {question for question, n in Counter(one.question for one in ballots).items() if n > 1}
    flips = list(_flips([pair for pair in seated if pair.question in again]))
    agreements, ties = _agreements([ballot for ballot in ballots if ballot.question in again])
    agreed = _rate(agreements, draws, seed)
    return {
        "first_seat": _rate(_first_seats(seated), draws, seed, middle=0.5),
        "flips": _rate(flips, draws, seed),
        "longer_reply": _rate(longer, draws, seed, middle=0.5),
        "repeats_agree": agreed,
        "kappa": _kappa(agreed, ties),
    }


def _seated(ballot: Ballot) -> Iterator[SeatedPair]:
    # Once for the ballot: one of 32 replies has 496 pairs.
    places = {name: n for n, group in enumerate(ballot.groups) for name in group}
    for one, other in combinations((name for name in ballot.seats if name in places), 2):
        gap = places[other] - places[one]
        yield SeatedPair(ballot.question, one, other, 0.5 if gap == 0 else float(gap > 0))


def _first_seats(seated: Sequence[SeatedPair]) -> list[tuple[str, float, float]]:
    """Return (question, 1 if the first seat won, weight) of decided verdicts in both seats."""
    decided = [pair for pair in seated if pair.score != 0.5]
    counts = Counter((pair.first, pair.second) for pair in decided)
    rows = []
    for pair in decided:
        here, there = counts[pair.first, pair.second], counts[pair.second, pair.first]
        if there:
            # Weights such that both orders of a pair of models count alike, and their sum stays the
            # number of verdicts.
            rows.append((pair.question, pair.score, (here + there) / (2.0 * here)))
    return rows


def _flips(seated: Sequence[SeatedPair]) -> Iterator[tuple[str, float]]:
    """Yield (question, 1 if the verdict changed with the seats) of pairs judged in both."""
    scores: dict[tuple[str, str, str], dict[bool, list[float]]] = defaultdict(
        lambda: {False: [], True: []}
    )
    for pair in seated:
        low, high = sorted((pair.first, pair.second))
        # Names in order are one way to sit, the other is swapped; scores are those of the first
        # name.
        swapped = pair.first != low
        score = 1.0 - pair.score if swapped else pair.score
        scores[pair.question, low, high][swapped].append(score)
    for (question, _, _), both in scores.items():
        # As many as were judged both ways; a verdict without its counterpart says nothing of seats.
        for one, other in zip(both[False], both[True], strict=False):
            yield question, float(one != other)


def _agreements(ballots: Sequence[Ballot]) -> tuple[list[tuple[str, float]], float]:
    """Return (question, 1 if two verdicts on a pair agree), and the share of ties."""
    scores: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for ballot in ballots:
        for one, other, score in ballot.pairs():
            low, high = sorted((one, other))
            scores[ballot.question, low, high].append(score if one == low else 1.0 - score)
    pairs = [
        (question, float(a == b))
        for (question, _, _), values in scores.items()
        for a, b in combinations(values, 2)
    ]
    # Only of pairs that were judged again, whose agreement it is set against.
    several = [value for values in scores.values() if len(values) > 1 for value in values]
    return pairs, several.count(0.5) / len(several) if several else 0.0


def _kappa(agreed: dict[str, Any] | None, ties: float) -> float | None:
    """Return agreement beyond chance; by chance either of two wins alike (Fleiss, two verdicts)."""
    if agreed is None:
        return None
    chance = ties**2 + 2.0 * ((1.0 - ties) / 2.0) ** 2
    return None if chance == 1.0 else round((agreed["rate"] - chance) / (1.0 - chance), 6)


def _rate(
    rows: Sequence[tuple[str, float] | tuple[str, float, float]],
    draws: int,
    seed: int,
    middle: float | None = None,
) -> dict[str, Any] | None:
    """Return a rate with its interval over questions."""
    if not rows:
        return None
    number = {name: n for n, name in enumerate(sorted({row[0] for row in rows}))}
    table = np.zeros((len(number), 2))
    for question, value, *given in rows:
        weight = given[0] if given else 1.0
        table[number[question]] += (value * weight, weight)
    found: dict[str, Any] = {
        "rate": round(float(table[:, 0].sum() / table[:, 1].sum()), 6),
        "count": len(rows),
    }
    if draws:
        chooser = np.random.Generator(np.random.PCG64(seed))
        share = np.full(len(number), 1.0 / len(number))
        # Questions are drawn with all their verdicts, which are no independent evidence.
        sums = chooser.multinomial(len(number), share, size=draws) @ table
        low, high = np.quantile(sums[:, 0] / sums[:, 1], tails(len(number)))
        found |= {"low": round(float(low), 6), "high": round(float(high), 6)}
        if middle is not None:
            found["resolved"] = not low <= middle <= high
    return found
