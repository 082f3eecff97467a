"""Plackett–Luce strengths of whole rankings, tied replies in every order at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from mind_core import MindError
from mind_domain.ratings.ballots import Ballot
from mind_domain.ratings.bradley_terry import LONGEST_STEP, STEPS, TOLERANCE
from mind_domain.ratings.games import Floats

LARGEST_TIE = 12


@dataclass(frozen=True)
class Choices:
    """Rankings as choices of the best of a set: sets [U, M], and by question how often what.

    `chosen` [Q, M] counts how often each model was chosen, `faced` [Q, U] how often each set was
    chosen from; both are fractions where replies are tied.
    """

    sets: NDArray[np.bool_]
    chosen: Floats
    faced: Floats


def choices_of(
    ballots: Sequence[Ballot], models: Sequence[str], questions: Sequence[str]
) -> Choices:
    """Turn rankings into choices: the best of all, then the best of the rest, and so on.

    Tied replies count as every order of theirs, each alike: for two this is half a win for each.
    """
    place = {name: n for n, name in enumerate(models)}
    number = {name: n for n, name in enumerate(questions)}
    index: dict[frozenset[int], int] = {}
    cells: dict[tuple[int, int], float] = {}
    chosen = np.zeros((len(questions), len(models)))
    for ballot in ballots:
        row = number[ballot.question]
        groups = [[place[name] for name in group] for group in ballot.groups]
        for n, group in enumerate(groups):
            # Those ranked below the group face every choice within it.
            rest = [one for later in groups[n + 1 :] for one in later]
            # A tie of n has 2ⁿ subsets, of which each becomes a set.
            if len(group) > LARGEST_TIE:
                raise MindError(
                    f"question {ballot.question}: {len(group)} replies are tied",
                    hint=f"Plackett-Luce takes {LARGEST_TIE} at most: use --model bradley-terry",
                )
            for left in range(1, len(group) + 1):
                if left == 1 and not rest:
                    continue  # the last one is not chosen, it is left over
                # Over all orders each subset of this size is what is left equally often.
                share = 1.0 / comb(len(group), left)
                for subset in combinations(group, left):
                    face = index.setdefault(frozenset((*subset, *rest)), len(index))
                    cells[row, face] = cells.get((row, face), 0.0) + share
                # In a random order each of the group is as likely to be the next.
                chosen[row, group] += 1.0 / len(group)
    sets = np.zeros((len(index), len(models)), dtype=bool)
    for members, n in index.items():
        sets[n, list(members)] = True
    faced = np.zeros((len(questions), len(index)))
    for (row, face), value in cells.items():
        faced[row, face] = value
    return Choices(sets, chosen, faced)


def fit_plackett_luce(choices: Choices, prior: float) -> Floats:
    """Return strengths [M] in natural logs, mean 0, of all questions together.

    `prior` is that many wins and losses more between each two models.
    """
    chosen, faced, sets = _with_prior(choices, prior)
    theta = np.zeros(sets.shape[1])
    for _ in range(STEPS):
        gradient, hessian = _slopes(theta, chosen, faced, sets)
        if np.abs(gradient).max() <= TOLERANCE * max(1.0, faced.sum()):
            result: Floats = theta - theta.mean()
            return result
        step = np.linalg.solve(hessian, gradient)
        # Shortened as a whole, so that its direction stays; the small number is for a step of 0.
        theta = theta + step * min(1.0, LONGEST_STEP / max(float(np.abs(step).max()), 1e-300))
    raise MindError(
        "the strengths do not settle",
        cause="a model that was always first, or always last, has no finite strength",
        hint="give a weak prior: --prior 0.01",
    )


def resample_plackett_luce(
    choices: Choices, theta: Floats, weights: Floats, prior: float
) -> Floats:
    """Return strengths [B, M] for weights [B, Q] of the questions, by one Newton step each.

    From the estimate on all questions one step is the estimate on others up to the second order,
    and costs a product of matrices instead of a fit.
    """
    chosen, faced, sets = _with_prior(choices, prior)
    _, hessian = _slopes(theta, chosen, faced, sets)
    p = _shares(theta, choices.sets)  # (U, M)
    score = choices.chosen - choices.faced @ p  # (Q, M): what each question pulls at
    added = chosen - choices.chosen.sum(axis=0)
    pull = weights @ score + (added - _prior_pull(theta, prior))
    moved: Floats = theta + np.linalg.solve(hessian, pull.T).T
    moved -= moved.mean(axis=1, keepdims=True)
    return moved


def _prior_pull(theta: Floats, prior: float) -> Floats:
    """Return what the prior's games are expected to give: the other side of its gradient."""
    p = 1.0 / (1.0 + np.exp(theta[None] - theta[:, None]))
    result: Floats = 2.0 * prior * (p.sum(axis=1) - 0.5)
    return result


def _with_prior(choices: Choices, prior: float) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    size = choices.sets.shape[1]
    pairs = list(combinations(range(size), 2)) if prior else []
    more = np.zeros((len(pairs), size), dtype=bool)
    for n, pair in enumerate(pairs):
        more[n, list(pair)] = True
    # Each model wins `prior` times against every other, so each set of two is faced twice as often.
    chosen = choices.chosen.sum(axis=0) + prior * (size - 1)
    faced = np.concatenate([choices.faced.sum(axis=0), np.full(len(pairs), 2.0 * prior)])
    return chosen, faced, np.concatenate([choices.sets, more])


def _shares(theta: Floats, sets: NDArray[np.bool_]) -> Floats:
    # The largest is taken off, so that nothing overflows; shares do not depend on it.
    weights = np.where(sets, np.exp(theta - theta.max()), 0.0)
    result: Floats = weights / weights.sum(axis=1, keepdims=True)
    return result


def _slopes(
    theta: Floats, chosen: Floats, faced: Floats, sets: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Return the gradient [M], and the negative Hessian [M, M] with its flat direction filled."""
    p = _shares(theta, sets)
    expected = faced @ p
    hessian = np.diag(expected) - (p * faced[:, None]).T @ p + 1.0 / len(theta)
    return chosen - expected, hessian
