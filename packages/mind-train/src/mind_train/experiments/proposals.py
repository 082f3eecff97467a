"""Proposed mixtures: Dirichlet draws around the tempered shares of the data, epochs bounded.

The draw is that of RegMix (Liu et al. 2024, arXiv:2407.01492): shares of the tokens to the power
of one half, fifteen strengths in equal ratios from 0.1 to 5; a mixture that would read a source
more often than the plan allows is drawn again, and a share under 2e-4 is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mind_core.errors import MindError

TEMPER = 0.5
STRENGTHS = np.geomspace(0.1, 5.0, 15)
SMALLEST_SHARE = 2e-4
TRIES = 200
RAISE = 1.5

PRINCIPLES: Mapping[str, Mapping[str, float]] = {
    "more web and encyclopedia": {"webtext": RAISE, "encyclopedia": RAISE},
    "less math": {"math": 1 / RAISE},
    "more code and academic": {"code": RAISE, "academic": RAISE},
    "more dialogue and books": {"dialogue": RAISE, "books": RAISE},
}
"""MindLLM's principles of mixing, as changes of the natural shares (arXiv:2310.15777)."""


@dataclass(frozen=True)
class Proposal:
    """A mixture by its name: a share of the tokens for each source, summing to 1."""

    name: str
    shares: dict[str, float]


def propose(
    have: Mapping[str, int], tokens: int, count: int, max_epochs: float, seed: int,
    principles: bool,
) -> list[Proposal]:  # fmt: skip
    """Return `count` drawn mixtures, then natural and equal shares, then the paper's principles.

    `have` are the training tokens of each source, `tokens` those of a run. Raises MindError where
    no mixture stays within the epochs.
    """
    names = sorted(have)
    sizes = np.array([have[name] for name in names], dtype=float)
    natural = sizes / sizes.sum()
    prior = natural**TEMPER / (natural**TEMPER).sum()
    # A source can give its tokens so many times: more than this share would be read too often.
    max_shares = max_epochs * sizes / tokens
    # Together all sources cannot fill the run.
    if max_shares.sum() < 1:
        raise MindError(
            f"{tokens:,} tokens would read all {int(sizes.sum()):,} more than {max_epochs:g} times",
            hint="fewer tokens, or more text",
        )
    draw = np.random.default_rng(seed)
    found: list[Proposal] = []
    for number in range(count):
        shares = _draw(draw, prior, max_shares, STRENGTHS[number % len(STRENGTHS)])
        found.append(Proposal(f"p{number:03}", _table(names, shares)))
    found.append(Proposal("natural", _table(names, natural)))
    found.append(Proposal("equal", _table(names, bounded(np.full(len(names), 1.0), max_shares))))
    if principles:
        for name, changes in PRINCIPLES.items():
            if not set(changes) & set(names):
                continue
            factors = np.array([changes.get(one, 1.0) for one in names])
            found.append(Proposal(name, _table(names, bounded(natural * factors, max_shares))))
    return found


def _draw(
    draw: np.random.Generator, prior: np.ndarray, max_shares: np.ndarray, strength: float
) -> np.ndarray:
    for _ in range(TRIES):
        # At least a trace, as a Dirichlet distribution wants strengths above 0.
        shares = draw.dirichlet(np.maximum(prior * len(prior) * strength, 1e-3))
        shares = np.where(shares < SMALLEST_SHARE, 0.0, shares)
        if shares.sum() > 0 and np.all(shares / shares.sum() <= max_shares):
            return np.asarray(shares / shares.sum())
    # Bounds so narrow that hardly a draw fits: one is cut to them.
    return bounded(draw.dirichlet(prior * len(prior) * strength) + 1e-6, max_shares)


def bounded(weights: np.ndarray, max_shares: np.ndarray) -> np.ndarray:
    """Return shares in proportion to weights, none above its bound; the rest is spread anew.

    Bounds have to sum to 1 at least. What sources with a weight cannot take goes to the others, in
    proportion to their bounds.
    """
    shares = weights / weights.sum()
    full = np.zeros(len(weights), dtype=bool)
    while True:
        over = ~full & (shares > max_shares)
        if not over.any():
            return np.asarray(shares / shares.sum())
        # For good: more is left for the others in each round, so a full source stays full.
        full |= over
        free = np.where(full, 0.0, weights)
        if not free.any():
            free = np.where(full, 0.0, max_shares)
        left = max(0.0, 1 - max_shares[full].sum())
        shares = np.where(full, max_shares, free / max(free.sum(), np.finfo(float).tiny) * left)


def _table(names: list[str], shares: np.ndarray) -> dict[str, float]:
    return {name: round(float(share), 9) for name, share in zip(names, shares, strict=True)}
