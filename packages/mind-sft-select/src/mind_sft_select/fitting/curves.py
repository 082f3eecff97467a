"""Five curves through cluster means: constant, linear, quadratic, Gaussian peak and isotonic.

All fit many draws at once: means [B, C] float64, the same gaps [C] for every draw.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
PARAMETERS = {"constant": 1, "linear": 2, "quadratic": 3, "gaussian": 4}
PLACES, WIDTHS = 41, 8
LOCAL_SPAN = 0.6
"""Share of the clusters that a local quadratic looks at (LOESS of degree 2)."""
GRID = 61
OUTSIDE = 0.25
"""How far beyond the range a Gaussian's centre may lie, as a share of the range."""


@dataclass(frozen=True)
class CurveFit:
    """A curve for each draw: fitted values [B, C], squared error [B], and its highest place [B].

    The place is infinite where the curve has no highest point: -inf and inf for the two ends.
    """

    fitted: Floats
    error: Floats
    peak: Floats


def polynomial(x: Floats, means: Floats, degree: int) -> CurveFit:
    """Fit a polynomial of degree 0, 1 or 2 by least squares."""
    # Centred and scaled, so that 1, u and u² are not nearly parallel for gaps far from 0.
    centre, scale = x.mean(), max(float(np.ptp(x)), 1e-12)
    u = (x - centre) / scale
    design = np.stack([u**d for d in range(degree + 1)], axis=1)  # (C, P)
    # One small matrix serves all draws, as they have the same gaps.
    weights = means @ np.linalg.pinv(design).T  # (B, P)
    fitted = weights @ design.T
    error = ((means - fitted) ** 2).sum(axis=1)
    slope = weights[:, 1] if degree >= 1 else np.zeros(len(means))
    # A line is highest at an end; so is a parabola that opens upwards.
    peak = np.where(slope >= 0, np.inf, -np.inf)
    if degree == 2:
        bend = weights[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            vertex = -slope / (2 * bend) * scale + centre
        peak = np.where(bend < 0, vertex, peak)
    return CurveFit(fitted, error, peak)


def gaussian(x: Floats, means: Floats) -> CurveFit:
    """Fit base + height · exp(-(x - centre)² / 2 width²), height ≥ 0, over a grid of centres and
    widths; for each of them base and height are least squares.
    """
    span = float(np.ptp(x))
    places = np.linspace(x.min() - OUTSIDE * span, x.max() + OUTSIDE * span, PLACES)
    # A narrower bell would be a single cluster, a wider one hardly bends within the range.
    widths = span * np.geomspace(0.1, 1.0, WIDTHS)
    best = np.full(len(means), np.inf)
    fitted, peak = np.empty_like(means), np.full(len(means), np.inf)
    for centre in places:
        for width in widths:
            bell = np.exp(-((x - centre) ** 2) / (2 * width**2))
            # Without its mean it is orthogonal to the constant, so base and height are fitted
            # apart.
            bell = bell - bell.mean()
            norm = float(bell @ bell)
            # A bell that is flat over all clusters tells nothing about a height.
            if norm < 1e-12:
                continue
            base = means.mean(axis=1, keepdims=True)
            # Not below 0: a valley is no peak, and its best height is then none at all.
            height = np.maximum((means @ bell) / norm, 0.0)[:, None]
            made = base + height * bell
            error = ((means - made) ** 2).sum(axis=1)
            better = error < best
            best[better], fitted[better] = error[better], made[better]
            peak[better] = centre
    inside = (peak >= x.min()) & (peak <= x.max())
    ends = np.where(peak > x.max(), np.inf, -np.inf)
    return CurveFit(fitted, best, np.where(inside, peak, ends))


def local_peak(x: Floats, means: Floats) -> Floats:
    """Return where a local quadratic (LOESS, tricube weights) through draws [B, C] is highest, [B];
    infinite where that is an end of the range.
    """
    grid = np.linspace(x.min(), x.max(), GRID)
    # A quadratic goes through any three points; five leave something to smooth.
    count = max(5, math.ceil(LOCAL_SPAN * len(x)))
    smoother = np.empty((GRID, len(x)))
    for row, at in enumerate(grid):
        distance = np.abs(x - at)
        # A little more, or the furthest of these clusters would have weight 0.
        reach = float(np.sort(distance)[min(count, len(x)) - 1]) * 1.001
        if count >= len(x):
            reach = max(reach, float(np.ptp(x)) * 1.5)
        # Weighted least squares by plain least squares: both sides times the root of the weight.
        root = np.sqrt(np.clip(1 - (distance / reach) ** 3, 0, None) ** 3)
        design = np.stack([np.ones_like(x), x - at, (x - at) ** 2], axis=1)
        # Row 0 of the solution is the fitted value at this place, since the design is centred on
        # it. The fit is linear in the means, so this row serves all draws.
        smoother[row] = np.linalg.pinv(design * root[:, None])[0] * root
    best = (means @ smoother.T).argmax(axis=1)
    peak = grid[best]
    return np.where(best == 0, -np.inf, np.where(best == GRID - 1, np.inf, peak))


def isotonic(means: Floats, rising: bool) -> Floats:
    """Return the rising (or falling) values [C] nearest to means [C]: pool adjacent violators."""
    values = means if rising else -means
    pools: list[tuple[float, int]] = []
    for value in values:
        pools.append((float(value), 1))
        # The last two are out of order: their weighted mean takes the place of both, and may now be
        # below the one before.
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, n), (b, m) = pools[-2], pools[-1]
            pools[-2:] = [((a * n + b * m) / (n + m), n + m)]
    found = np.concatenate([np.full(n, value) for value, n in pools])
    return found if rising else -found


def isotonic_error(means: Floats) -> tuple[Floats, Floats]:
    """Return the squared distance of each draw [B, C] from rising and from falling values, [B]."""
    errors = [
        [float(((row - isotonic(row, rising)) ** 2).sum()) for row in means]
        for rising in (True, False)
    ]
    return np.array(errors[0]), np.array(errors[1])


def fit(name: str, x: Floats, means: Floats) -> CurveFit:
    """Fit a curve of a name to draws [B, C]."""
    if name == "gaussian":
        return gaussian(x, means)
    return polynomial(x, means, ("constant", "linear", "quadratic").index(name))


def leave_one_out(x: Floats, means: Floats) -> dict[str, float]:
    """Return the mean squared error of each curve at clusters that it was not fitted to."""
    found = {}
    for name, parameters in PARAMETERS.items():
        # With fewer points than parameters nothing is predicted.
        if len(x) - 1 < parameters:
            continue
        errors = []
        for left in range(len(x)):
            rest = np.arange(len(x)) != left
            errors.append(float(means[left] - predict(name, x[rest], means[rest], x[left])) ** 2)
        found[name] = float(np.mean(errors))
    errors = []
    for left in range(len(x)):
        rest = np.arange(len(x)) != left
        kept, held = x[rest], means[rest]
        options = [isotonic(held, rising) for rising in (True, False)]
        # Rising or falling is chosen without the cluster that is left out.
        nearest = min(options, key=lambda made: float(((made - held) ** 2).sum()))
        errors.append(float(means[left] - np.interp(x[left], kept, nearest)) ** 2)
    found["isotonic"] = float(np.mean(errors))
    return found


def predict(name: str, x: Floats, means: Floats, at: float) -> float:
    """Return the value at a place of a curve that was fitted to means [C]."""
    if name != "gaussian":
        degree = ("constant", "linear", "quadratic").index(name)
        # With the place as origin the constant term is the value there.
        return float(np.polyval(np.polyfit(x - at, means, degree), 0.0))
    made = gaussian(x, means[None])
    order = np.argsort(x)
    # A bell with its top outside is monotone here: straight lines between the clusters will do.
    if not np.isfinite(made.peak[0]):
        return float(np.interp(at, x[order], made.fitted[0][order]))
    return float(np.interp(at, np.append(x, made.peak[0])[np.argsort(np.append(x, made.peak[0]))],
                           _with_top(x, made)))  # fmt: skip


def _with_top(x: Floats, made: CurveFit) -> Floats:
    places = np.append(x, made.peak[0])
    values = np.append(made.fitted[0], made.fitted[0].max())
    return np.asarray(values[np.argsort(places)])


def aicc(error: float, clusters: int, parameters: int) -> float:
    """Return Akaike's criterion, corrected for small samples; infinite where it has no meaning."""
    left = clusters - parameters - 2
    if left <= 0:
        return float("inf")
    k = parameters + 1  # the variance is estimated too
    return clusters * float(np.log(max(error, 1e-300) / clusters)) + 2 * k + 2 * k * (k + 1) / left
