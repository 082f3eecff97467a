"""Bradley–Terry strengths by maximum likelihood, with ties as half wins or by Davidson's model."""

from __future__ import annotations

import numpy as np

from mind_core import MindError
from mind_domain.ratings.games import Floats

STEPS = 200
LONGEST_STEP = 2.0
TOLERANCE = 1e-10


def fit_bradley_terry(wins: Floats, ties: Floats, prior: float) -> Floats:
    """Return strengths [B, M] in natural logs, mean 0, of wins and ties [B, M, M].

    P(i beats j) = e^θi / (e^θi + e^θj); a tie is half a win for each. `prior` is that many wins and
    losses more between each two models (the α of `choix`), so that none is infinite.
    """
    score = wins + 0.5 * ties
    size = wins.shape[-1]
    # Everywhere but on the diagonal: no model plays against itself.
    score = score + prior * (1.0 - np.eye(size))
    played = score + np.swapaxes(score, -1, -2)
    theta = np.zeros(score.shape[:-1])
    # What each model scored; at the maximum of the likelihood it equals what is expected of it.
    scored = score.sum(axis=-1)  # (B, M)
    for _ in range(STEPS):
        # [..., i, j] takes θj - θi.
        p = 1.0 / (1.0 + np.exp(theta[..., None, :] - theta[..., :, None]))  # (B, M, M): i beats j
        gradient = scored - (played * p).sum(axis=-1)
        if _is_flat(gradient, played):
            return theta
        # The variance of each pair's score, from which the Hessian is made.
        spread = played * p * (1.0 - p)
        theta = theta + _step(_laplacian(spread), gradient)
    raise _diverging()


def fit_davidson(wins: Floats, ties: Floats, prior: float) -> tuple[Floats, Floats]:
    """Return strengths [B, M] and log ν [B] of Davidson (1970): ties have a rate of their own.

    P(i beats j) ∝ e^θi, P(tie) ∝ ν · e^((θi + θj)/2).
    """
    size = wins.shape[-1]
    wins = wins + prior * (1.0 - np.eye(size))
    played = wins + np.swapaxes(wins, -1, -2) + ties
    scored = wins.sum(axis=-1) + 0.5 * ties.sum(axis=-1)
    drawn = ties.sum(axis=(-1, -2)) / 2.0
    theta = np.zeros((*wins.shape[:-1],))
    # Without ties ν is 0: the model is then that of Bradley and Terry.
    log_nu = np.where(drawn > 0, 0.0, -np.inf)
    for _ in range(STEPS):
        gap = (theta[..., :, None] - theta[..., None, :]) / 2.0
        with np.errstate(divide="ignore"):
            middle = np.exp(log_nu)[..., None, None] * np.ones_like(gap)
        # The larger exponent is taken off all three, so that none overflows.
        top = np.maximum(np.abs(gap), 0.0)
        up, down, level = np.exp(gap - top), np.exp(-gap - top), middle * np.exp(-top)
        whole = up + down + level
        p, tie = up / whole, level / whole  # i beats j; they tie
        # The expected score of i against j.
        mean = p + 0.5 * tie
        gradient = scored - (played * mean).sum(axis=-1)
        # Halved, as each pair stands in the matrix twice.
        tie_gradient = drawn - (played * tie).sum(axis=(-1, -2)) / 2.0
        tie_gradient = np.where(drawn > 0, tie_gradient, 0.0)
        if _is_flat(np.concatenate([gradient, tie_gradient[..., None]], axis=-1), played):
            return theta, log_nu
        # Its variance: E[score²] is p · 1² + tie · 0.5².
        spread = played * (p + 0.25 * tie - mean**2)
        hessian = np.zeros((*theta.shape[:-1], size + 1, size + 1))
        hessian[..., :size, :size] = _laplacian(spread)
        cross = (played * (0.5 * tie - mean * tie)).sum(axis=-1)
        hessian[..., :size, size] = hessian[..., size, :size] = cross
        own = (played * tie * (1.0 - tie)).sum(axis=(-1, -2)) / 2.0
        # Where log ν is fixed, a 1 keeps the matrix regular; its gradient is 0, so it does not
        # move.
        hessian[..., size, size] = np.where(drawn > 0, own, 1.0)
        step = _step(hessian, np.concatenate([gradient, tie_gradient[..., None]], axis=-1))
        # Only differences count; this keeps the mean at 0.
        theta = theta + step[..., :size] - step[..., :size].mean(axis=-1, keepdims=True)
        log_nu = np.where(drawn > 0, log_nu + step[..., size], log_nu)
    raise _diverging()


def _laplacian(spread: Floats) -> Floats:
    """Return the negative Hessian [B, M, M] with the flat direction (all alike) filled."""
    size = spread.shape[-1]
    spread = spread * (1.0 - np.eye(size))
    # Moving all strengths alike changes nothing, so the plain Hessian is singular: 1 / size in
    # every cell fills just that direction, along which the gradient is 0.
    result: Floats = np.eye(size) * spread.sum(axis=-1)[..., None] - spread + 1.0 / size
    return result


def _step(hessian: Floats, gradient: Floats) -> Floats:
    """Return Newton's step, no coordinate longer than two: far out the curve is no parabola."""
    try:
        step = np.linalg.solve(hessian, gradient[..., None])[..., 0]
    except np.linalg.LinAlgError:
        raise _diverging() from None
    longest = np.abs(step).max(axis=-1, keepdims=True)
    result: Floats = step * np.minimum(1.0, LONGEST_STEP / np.maximum(longest, LONGEST_STEP))
    return result


def _is_flat(gradient: Floats, played: Floats) -> bool:
    # Relative to the number of games: sums over millions of them do not come to 1e-10.
    scale = np.maximum(played.sum(axis=(-1, -2)), 1.0)[..., None]
    return bool((np.abs(gradient) <= TOLERANCE * scale).all())


def _diverging() -> MindError:
    return MindError(
        "the strengths do not settle",
        cause="a model that never lost, or never won, has no finite strength",
        hint="give a weak prior: --prior 0.01",
    )
