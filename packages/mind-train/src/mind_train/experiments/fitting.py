"""Fit a scaling law by the robust objective of Hoffmann et al., from many starting points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mind_core.errors import MindError
from mind_train.experiments.laws import ScalingLaw

Array = NDArray[np.float64]

# Hoffmann et al. 2022, section 3.3: Huber loss of the residuals of log L.
HUBER_DELTA = 1e-3
AGREEING_STARTS = 5
AGREEMENT = 1e-4
POLISHED_STARTS = 12
DESCENT_STEPS = 60


@dataclass(frozen=True)
class LawFit:
    """A fitted law: θ, the objective (a sum, not a mean), residuals of log L float64 (n,)."""

    law: ScalingLaw
    theta: Array
    objective: float
    residuals: Array
    starts: int
    agreeing: int

    @property
    def noise(self) -> float:
        """Standard deviation of log L around the law, with n − p degrees of freedom."""
        freedom = max(len(self.residuals) - self.law.size, 1)
        return float(np.sqrt((self.residuals**2).sum() / freedom))

    def log_loss(self, parameters: Array, tokens: Array) -> Array:
        """Return the predicted log L of runs."""
        return self.law.log_loss(self.theta, self.law.variables(parameters, tokens))[0]


def huber(residuals: Array, delta: float) -> tuple[Array, Array]:
    """Return the Huber loss of each residual and its derivative."""
    size = np.abs(residuals)
    inside = size <= delta
    value = np.where(inside, 0.5 * residuals**2, delta * (size - 0.5 * delta))
    return value, np.where(inside, residuals, delta * np.sign(residuals))


def minimize(
    law: ScalingLaw, start: Array, x: Array, log_loss: Array, delta: float, *,
    fixed: tuple[int, float] | None = None,
) -> tuple[float, Array]:  # fmt: skip
    """Return the objective and θ that L-BFGS reaches from `start`.

    `fixed` holds one exponent or e = log E, by its index, at a value (for a profile). The
    objective is divided by δ² inside, since it is so small that the usual tolerances stop early
    (Besiroglu et al. 2024).
    """
    from scipy.optimize import minimize as lbfgs

    # Centred variables: a scale and its exponent would else be almost the same direction.
    scale, center = 1.0 / delta**2, x.mean(axis=1)
    centred = x - center[:, None]
    theta = _shifted(start, -center)
    free = np.ones(law.size, dtype=bool)
    if fixed is not None:
        theta[fixed[0]], free[fixed[0]] = fixed[1], False

    def objective(values: Array) -> tuple[float, Array]:
        theta[free] = values
        predicted, gradient = law.log_loss(theta, centred)
        value, slope = huber(predicted - log_loss, delta)
        return scale * float(value.sum()), scale * (gradient @ slope)[free]

    options = {"maxiter": 5000.0, "maxfun": 20000.0, "ftol": 1e-15, "gtol": 1e-9}
    options["maxcor"] = 20
    result = lbfgs(objective, theta[free], jac=True, method="L-BFGS-B", options=options)
    theta[free] = result.x
    return float(result.fun) / scale, _shifted(theta, center)


def _shifted(theta: Array, by: Array) -> Array:
    """Return θ for variables that are larger by `by`, float64 (K,)."""
    # θ is a scale and an exponent for each term, and e at the end.
    moved = theta.copy()
    moved[0:-1:2] += moved[1:-1:2] * by
    return moved


def fit(
    law: ScalingLaw, parameters: Array, tokens: Array, loss: Array, *, delta: float = HUBER_DELTA
) -> LawFit:
    """Fit the law to runs: each array float64 (n,), `loss` in any unit.

    All starting points go down together, then the best are polished one by one; the best five
    of those have to agree, else the fit has no answer. Raises MindError if none converges.
    """
    x, log_loss = law.variables(parameters, tokens), np.log(loss)
    starts = np.stack(list(law.starts(x, loss)))
    reached = descend(law, starts, x, log_loss, delta)
    polished = sorted(
        (minimize(law, theta, x, log_loss, delta) for theta in reached[:POLISHED_STARTS]),
        key=lambda found: found[0],
    )
    if not polished:
        raise MindError(f"no fit of L({law.name}) converges", hint="look at the losses of the runs")
    objective, theta = polished[0]
    # The sum is near 0 for runs without noise, where a share of it alone says nothing.
    limit = objective * (1 + AGREEMENT) + 1e-12
    agreeing = sum(value <= limit for value, _ in polished)
    residuals = law.log_loss(theta, x)[0] - log_loss
    return LawFit(law, theta, objective, residuals, len(starts), agreeing)


def descend(law: ScalingLaw, starts: Array, x: Array, log_loss: Array, delta: float) -> Array:
    """Return θ (m, p) that many starts (m, p) reach, the lowest objective first.

    Levenberg-Marquardt steps on the residuals weighted by min(1, δ/|r|), which lower Huber's loss
    (Huber and Ronchetti 2009, section 7.8), for all starts in one array operation.
    """
    center = x.mean(axis=1)
    centred = x - center[:, None]
    theta = starts.copy()
    theta[:, 0:-1:2] -= theta[:, 1:-1:2] * center

    def objective(values: Array) -> tuple[Array, Array, Array]:
        predicted, gradient = law.log_loss(values, centred)
        residuals = predicted - log_loss
        total = huber(residuals, delta)[0].sum(axis=1)
        # Starts that lead out of what can be computed count as the worst.
        return np.where(np.isfinite(total), total, np.inf), residuals, gradient

    damping = np.full(len(theta), 1e-2)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        value, residuals, gradient = objective(theta)
        for _ in range(DESCENT_STEPS):
            # Weights of one inside of δ and less beyond: squares there, straight lines outside.
            weights = np.minimum(1.0, delta / np.maximum(np.abs(residuals), 1e-300))
            weighted = gradient * weights[:, None, :]
            normal = weighted @ gradient.transpose(0, 2, 1)
            diagonal = np.einsum("mii->mi", normal)
            # Marquardt's scaling: by each direction's own curvature; a little more for those
            # without any.
            diagonal += damping[:, None] * diagonal + 1e-18
            step = np.linalg.solve(normal, np.einsum("mpn,mn->mp", weighted, residuals)[..., None])
            moved = theta - step[..., 0]
            found = objective(moved)
            better = found[0] < value
            theta[better], value[better] = moved[better], found[0][better]
            residuals[better], gradient[better] = found[1][better], found[2][better]
            # A step that helped trusts the curvature more, one that did not less.
            damping = np.clip(np.where(better, damping / 3, damping * 4), 1e-9, 1e9)
    theta[:, 0:-1:2] += theta[:, 1:-1:2] * center
    order = np.argsort(value, kind="stable")
    return theta[order[np.isfinite(value[order])]]


def refit(found: LawFit, x: Array, log_loss: Array, *, delta: float = HUBER_DELTA) -> Array:
    """Return θ for other losses of the same runs, from the fitted θ as the only start."""
    return minimize(found.law, found.theta, x, log_loss, delta)[1]
