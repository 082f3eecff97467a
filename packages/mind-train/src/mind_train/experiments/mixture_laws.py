"""Laws of mixing: the loss of a target as a function of the shares of the sources.

| name | form | source |
|---|---|---|
| `log-linear` | log L = b + Σ tⱼwⱼ, small ridge | OLMix (Ai2, 2026) |
| `mixing-law` | L = c + k·exp(Σ tⱼwⱼ), Huber on log L | Ye et al. 2024, arXiv:2403.16952 |
| `boosting` | gradient boosting of trees | RegMix, Liu et al. 2024, arXiv:2407.01492 |
| `matrix` | L = Σ wⱼ·(loss of the model of source j) | no mixture is trained for it |

Shares are float64 (n, sources), losses float64 (n,) in any unit.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mind_core.errors import MindError
from mind_train.experiments.outcomes import spearman

Floats = npt.NDArray[np.float64]
Predict = Callable[[Floats], Floats]
Fitter = Callable[[Floats, Floats], Predict]

RIDGE = 1e-3
DELTA = 0.01
STARTS = 8
FOLDS = 8
SPLITS = 8
PICKED = 128
TREES: dict[str, float] = {
    "n_estimators": 400,
    "learning_rate": 0.05,
    "max_depth": 4,
    "subsample": 0.7,
}


def log_linear(shares: Floats, losses: Floats) -> Predict:
    """Fit log L = b + Σ tⱼwⱼ by least squares with a small ridge on t."""
    center = shares.mean(axis=0)
    left, right = shares - center, np.log(losses)
    # Shares sum to 1, so one direction says nothing: without the ridge it would be singular.
    normal = left.T @ left + RIDGE * np.eye(shares.shape[1])
    slopes = np.linalg.solve(normal, left.T @ (right - right.mean()))
    height = float(right.mean())
    return lambda w: np.asarray(np.exp(height + (w - center) @ slopes))


def mixing_law(shares: Floats, losses: Floats) -> Predict:
    """Fit L = c + k·exp(Σ tⱼwⱼ) from several starts by Huber's loss of log L."""
    from scipy.optimize import minimize

    count, sources = shares.shape
    log_loss, low = np.log(losses), float(losses.min())

    def parts(theta: Floats) -> tuple[Floats, Floats]:
        # Far beyond any loss: what L-BFGS tries on its way may not overflow.
        rest = np.exp(np.clip(theta[1] + shares @ theta[2:], -30, 30))
        return np.exp(theta[0]) + rest, rest

    def objective(theta: Floats) -> tuple[float, Floats]:
        value, rest = parts(theta)
        off = np.log(value) - log_loss
        inside = np.abs(off) <= DELTA
        loss = np.where(inside, 0.5 * off**2, DELTA * (np.abs(off) - 0.5 * DELTA))
        slope = np.where(inside, off, DELTA * np.sign(off)) / value
        gradient = np.concatenate(
            [[(slope * np.exp(theta[0])).sum(), (slope * rest).sum()], (slope * rest) @ shares]
        )
        # The ridge keeps slopes of sources that no mixture moves near 0.
        penalty = RIDGE * float(theta[2:] @ theta[2:])
        # By δ² like the loss below, so that the tolerances of L-BFGS stand for something.
        scaled = gradient / DELTA**2
        scaled[2:] += 2 * RIDGE * theta[2:]
        return float(loss.sum()) / DELTA**2 + penalty, scaled

    draw = np.random.default_rng(0)
    # A floor of half the lowest loss makes the law a line in the logarithm: a first guess.
    linear = np.linalg.lstsq(
        np.column_stack([np.ones(count), shares]), np.log(losses - 0.5 * low), rcond=None
    )[0]
    # The floor is below every loss, and no slope leads out of what can be computed.
    bounds = [(np.log(low) - 10, np.log(low)), (-20.0, 10.0), *[(-20.0, 20.0)] * sources]
    best: tuple[float, Floats] | None = None
    for number in range(STARTS):
        floor = low * (0.1 + 0.8 * number / STARTS)
        start = np.concatenate([[np.log(floor), linear[0]], linear[1:]])
        # The first start is that guess, the others lie around it.
        start[1:] += 0.3 * draw.standard_normal(sources + 1) * (number > 0)
        found = minimize(objective, start, jac=True, method="L-BFGS-B",
                         bounds=bounds,
                         options={"maxiter": 500.0})  # fmt: skip
        if np.isfinite(found.fun) and (best is None or found.fun < best[0]):
            best = float(found.fun), found.x
    if best is None:
        raise MindError("no fit of the mixing law converges", hint="look at the losses")
    theta = best[1]
    return lambda w: np.asarray(
        np.exp(theta[0]) + np.exp(np.clip(theta[1] + w @ theta[2:], -30, 30))
    )


def boosting(shares: Floats, losses: Floats) -> Predict:
    """Fit gradient boosting of trees, as RegMix does."""
    if importlib.util.find_spec("sklearn") is None:
        raise MindError(
            "gradient boosting needs scikit-learn", hint="pip install 'mind-train[experiments]'"
        )
    from sklearn.ensemble import GradientBoostingRegressor

    model = GradientBoostingRegressor(random_state=0, **TREES).fit(shares, losses)
    return lambda w: np.asarray(model.predict(w), dtype=float)


def matrix_only(rows: Floats) -> Predict:
    """Guess L = Σ wⱼLⱼ from the losses of one model a source, float64 (sources,)."""
    return lambda w: np.asarray(w @ rows)


FITTERS: dict[str, Fitter] = {
    "log-linear": log_linear, "mixing-law": mixing_law, "boosting": boosting,
}  # fmt: skip


@dataclass(frozen=True)
class Score:
    """How a law does on mixtures that it has not seen: rank correlation, and regret.

    `regret` is the loss of its pick minus the lowest measured, averaged over splits; beside it
    stand those of natural and equal shares, and of the best mixture that the law was fitted on.
    """

    law: str
    spearman: float
    regret: float
    natural: float | None
    equal: float | None
    random: float


def leave_out(fitter: Fitter, shares: Floats, losses: Floats, seed: int = 0) -> Floats:
    """Return the prediction for each mixture by a law fitted without it (eight folds)."""
    order = np.random.default_rng(seed).permutation(len(losses))
    found = np.empty(len(losses))
    for fold in range(min(FOLDS, len(losses))):
        unseen = order[fold :: min(FOLDS, len(losses))]
        seen = np.setdiff1d(order, unseen)
        found[unseen] = fitter(shares[seen], losses[seen])(shares[unseen])
    return found


def scores_of(
    names: Sequence[str], shares: Floats, losses: Floats, rows: Floats | None, seed: int = 0
) -> list[Score]:
    """Score every law on the measured mixtures; `rows` are what the matrix-only guess takes."""
    fitters: dict[str, Fitter] = dict(FITTERS)
    if rows is not None:
        guess = matrix_only(rows)
        fitters["matrix"] = lambda _shares, _losses: guess
    lowest = float(losses.min())
    fixed = {
        name: float(losses[list(names).index(name)]) - lowest if name in names else None
        for name in ("natural", "equal")
    }
    found = []
    for law, fitter in fitters.items():
        predicted = leave_out(fitter, shares, losses, seed)
        regret, random = _regret(fitter, shares, losses, seed)
        found.append(
            Score(law, spearman(predicted.tolist(), losses.tolist()), regret, fixed["natural"],
                  fixed["equal"], random)
        )  # fmt: skip
    return found


def _regret(fitter: Fitter, shares: Floats, losses: Floats, seed: int) -> tuple[float, float]:
    """Fit on one half, pick in the other; return the mean regret, and that of random search."""
    draw = np.random.default_rng(seed)
    picked, random = [], []
    # Fewer on many mixtures, which take longer to fit.
    for _ in range(SPLITS if len(losses) < 100 else SPLITS // 2):
        order = draw.permutation(len(losses))
        seen, unseen = order[: len(order) // 2], order[len(order) // 2 :]
        predicted = fitter(shares[seen], losses[seen])(shares[unseen])
        picked.append(losses[unseen[int(np.argmin(predicted))]] - losses.min())
        random.append(losses[seen].min() - losses.min())
    return float(np.mean(picked)), float(np.mean(random))


def best_mixture(predict: Predict, candidates: Floats) -> Floats:
    """Return the mean of the candidates with the lowest predicted losses (RegMix takes 128)."""
    order = np.argsort(predict(candidates), kind="stable")
    return np.asarray(candidates[order[: min(PICKED, len(order) // 10 or 1)]].mean(axis=0))
