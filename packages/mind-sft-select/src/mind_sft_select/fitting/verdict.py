"""Whether a metric has a best entropy: peak, edge, no effect, or cannot tell.

The interval of the peak comes from draws over items (the same for all clusters), seeds and clusters
together. A peak is believed only if no rising and no falling curve explains the means.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mind_sft_select.fitting.cells import Cells
from mind_sft_select.fitting.curves import (
    PARAMETERS,
    aicc,
    fit,
    isotonic_error,
    leave_one_out,
    local_peak,
)
from mind_sft_select.fitting.noise import DRAWS, Noise, draw_means, residual_variance, split_noise

Floats = NDArray[np.float64]
PEAK, EDGE, NO_EFFECT, CANNOT_TELL = "peak", "edge", "no effect", "cannot tell"
LEVEL = 0.95
ALPHA = 0.01
"""Chance at which flat or monotone means are taken for a peak, each test by itself."""
SMALLEST = 0.005
"""Smallest effect that matters, as a share of the metric, where the user names none."""


@dataclass(frozen=True)
class FitConclusion:
    """What a fit says, and what it rests on."""

    verdict: str
    curve: str
    peak: float | None
    interval: tuple[float, float]
    band: tuple[float, float] | None
    effect: float
    effect_interval: tuple[float, float]
    smallest: float
    p_effect: float
    p_rising: float
    p_falling: float
    curves: dict[str, dict[str, float]]
    noise: Noise
    needed: dict[str, int] | None
    fitted: list[float] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON; an end that is open is None."""
        return {
            "verdict": self.verdict,
            "curve": self.curve,
            "peak": _json(self.peak),
            "peak_interval": [_json(v) for v in self.interval],
            "band": list(self.band) if self.band else None,
            "effect": _json(self.effect),
            "effect_interval": [_json(v) for v in self.effect_interval],
            "smallest_effect": self.smallest,
            "p_no_effect": self.p_effect,
            "p_rising": self.p_rising,
            "p_falling": self.p_falling,
            "curves": {k: {n: _json(v) for n, v in row.items()} for k, row in self.curves.items()},
            "noise": {"item": self.noise.item, "seed": self.noise.seed,
                      "cluster": self.noise.cluster},
            "needed": self.needed,
            "fitted": self.fitted,
        }  # fmt: skip


def _json(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(float(value), 6)


def judge_curve(cells: Cells, *, smallest: float | None = None, seed: int = 0) -> FitConclusion:
    """Fit the five curves and return the verdict. `smallest` is the least effect that matters."""
    x, sign = cells.gaps, 1.0 if cells.higher else -1.0
    values = sign * cells.values  # higher is better from here on
    means = values.mean(axis=(1, 2))
    rng = np.random.default_rng(seed)
    table = _table(x, means)
    # By the rule of the draws, which also holds where AICc has no meaning.
    parabola, bell = (np.array([table[name]["error"]]) for name in ("quadratic", "gaussian"))
    curve = "gaussian" if _prefers_gaussian(parabola, bell, len(x))[0] else "quadratic"
    noise = split_noise(values, residual_variance(x, means))
    spread = noise.of_mean(values.shape[1], values.shape[2])
    draws = draw_means(values, noise, rng)
    shapes = {name: fit(name, x, draws) for name in ("quadratic", "gaussian")}
    peaks = _by_aicc(shapes, len(x), "peak")
    fitted = _by_aicc_rows(shapes, len(x))
    # On the same draws, so all three see the same noise.
    interval = _hull(
        _interval(peaks), _interval(local_peak(x, draws)), _interval(x[draws.argmax(axis=1)])
    )
    effects = np.ptp(fitted, axis=1)
    effect_interval = _interval(effects)
    best = fit(curve, x, means[None])
    effect = float(np.ptp(best.fitted[0]))
    smallest_effect = SMALLEST * abs(float(means.mean())) if smallest is None else smallest
    p_effect, p_rising, p_falling = _tests(means, spread, rng)
    slope = fit("linear", x, means[None]).fitted[0]
    peak = float(best.peak[0])
    evidence = Evidence(p_effect, max(p_rising, p_falling), effect_interval[1], smallest_effect)
    name = _name(x, peak, interval, table, curve, evidence)
    # Which end: a Gaussian's own peak may be one that the verdict did not believe.
    if name == EDGE:
        peak = math.inf if slope[-1] > slope[0] else -math.inf
    return FitConclusion(
        name, curve, peak if math.isfinite(peak) else None, interval,
        (round(interval[0], 3), round(interval[1], 3)) if name == PEAK else None,
        effect, effect_interval, smallest_effect, p_effect, p_rising, p_falling, table, noise,
        _needed(cells, noise, interval, effect, smallest_effect) if name == CANNOT_TELL else None,
        [float(v) for v in sign * best.fitted[0]],
    )  # fmt: skip


def _table(x: Floats, means: Floats) -> dict[str, dict[str, float]]:
    left_out = leave_one_out(x, means)
    table: dict[str, dict[str, float]] = {}
    for name, parameters in PARAMETERS.items():
        error = float(fit(name, x, means[None]).error[0])
        table[name] = {"error": error, "aicc": aicc(error, len(x), parameters),
                       "left_out": left_out.get(name, math.inf)}  # fmt: skip
    rising, falling = isotonic_error(means[None])
    table["isotonic"] = {"error": float(min(rising[0], falling[0])), "aicc": math.inf,
                         "left_out": left_out["isotonic"]}  # fmt: skip
    return table


def _by_aicc_rows(shapes: dict[str, Any], clusters: int) -> Floats:
    a, b = shapes["quadratic"], shapes["gaussian"]
    chosen = _prefers_gaussian(a.error, b.error, clusters)[:, None]
    return np.asarray(np.where(chosen, b.fitted, a.fitted))


def _by_aicc(shapes: dict[str, Any], clusters: int, what: str) -> Floats:
    a, b = shapes["quadratic"], shapes["gaussian"]
    chosen = _prefers_gaussian(a.error, b.error, clusters)
    return np.asarray(np.where(chosen, getattr(b, what), getattr(a, what)))


def _prefers_gaussian(quadratic: Floats, gauss: Floats, clusters: int) -> NDArray[np.bool_]:
    # What the fourth parameter costs; the errors' own part is compared draw by draw below.
    extra = aicc(1.0, clusters, 4) - aicc(1.0, clusters, 3)
    # With six clusters or fewer AICc has no meaning for four parameters.
    if not math.isfinite(extra):
        return np.zeros(len(quadratic), dtype=np.bool_)
    with np.errstate(divide="ignore"):
        gain = clusters * (
            np.log(np.maximum(quadratic, 1e-300)) - np.log(np.maximum(gauss, 1e-300))
        )
    return np.asarray(gain > extra)


def _interval(values: Floats) -> tuple[float, float]:
    """Return the central interval; infinite values count as the ends that they are."""
    ordered = np.sort(values)
    # Order statistics, rounded outwards: interpolating between -inf and a number gives NaN.
    low = math.floor((1 - LEVEL) / 2 * (len(ordered) - 1))
    high = math.ceil((1 + LEVEL) / 2 * (len(ordered) - 1))
    return float(ordered[low]), float(ordered[high])


def _hull(*intervals: tuple[float, float]) -> tuple[float, float]:
    """Return what holds intervals: the curve's shape is not known, so a curve, a local curve and
    the best cluster itself must agree.
    """
    return min(low for low, _ in intervals), max(high for _, high in intervals)


def _tests(means: Floats, spread: float, rng: np.random.Generator) -> tuple[float, float, float]:
    """Return the chances that flat means, with this noise, differ or bend as much as these.

    Flat is the least favourable of all rising and of all falling curves.
    """
    sd = math.sqrt(spread)
    # Flat means with the noise that was measured; the same draws serve all three tests.
    null = sd * rng.standard_normal((DRAWS, len(means)))
    flat = ((null - null.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    rising, falling = isotonic_error(null)
    own_flat = float(((means - means.mean()) ** 2).sum())
    own_rising, own_falling = isotonic_error(means[None])
    return (
        _chance(flat, own_flat), _chance(rising, float(own_rising[0])),
        _chance(falling, float(own_falling[0])),
    )  # fmt: skip


def _chance(null: Floats, own: float) -> float:
    # The observed value counts as one of the draws, so that no chance is 0.
    return float(((null >= own).sum() + 1) / (len(null) + 1))


@dataclass(frozen=True)
class Evidence:
    """Chances of flat and of monotone means, the largest effect, and the least that matters."""

    p_effect: float
    p_monotone: float
    largest: float
    smallest_effect: float


def _name(
    x: Floats,
    peak: float,
    interval: tuple[float, float],
    table: dict[str, dict[str, float]],
    curve: str,
    evidence: Evidence,
) -> str:
    low, high = float(x.min()), float(x.max())
    # An open end of the interval is infinite, so it lies outside.
    inside = low < interval[0] and interval[1] < high and low < peak < high
    narrow = interval[1] - interval[0] < (high - low) / 2
    left_out = {name: row["left_out"] for name, row in table.items()}
    if (
        evidence.p_effect < ALPHA and evidence.p_monotone < ALPHA and inside and narrow
        and left_out[curve] < min(left_out["constant"], left_out["linear"])
    ):  # fmt: skip
        return PEAK
    monotone_explains = evidence.p_monotone >= 0.05
    monotone = min(left_out["linear"], left_out["isotonic"])
    if (
        evidence.p_effect < ALPHA
        and monotone_explains
        and monotone < left_out["constant"]
        and not inside
    ):
        return EDGE
    if evidence.largest < evidence.smallest_effect:
        return NO_EFFECT
    return CANNOT_TELL


def _needed(
    cells: Cells, noise: Noise, interval: tuple[float, float], effect: float, smallest_effect: float
) -> dict[str, int]:
    """Return the clusters, seeds and items that would make the interval half of the range wide.

    The width of a peak's interval goes with the noise of a mean over the height of the curve; where
    the curve is not known, its height is taken to be the smallest effect that matters.
    """
    clusters, seeds, items = cells.values.shape
    span = float(np.ptp(cells.gaps))
    width = interval[1] - interval[0]
    now = noise.of_mean(seeds, items) / clusters
    if math.isfinite(width) and width > 0:
        wanted = now * min(1.0, (0.5 * span / width) ** 2)
    else:
        # A parabola of this height has its vertex within a quarter of the range at 95 %.
        wanted = (max(effect, smallest_effect) / 16) ** 2
    options = [
        # Costs: a run for each cluster and seed; items only cost evaluation, so they count less.
        (c * s * math.sqrt(i), c, s, i)
        for c in {clusters, *(k for k in (8, 10, 12, 16, 20) if k > clusters)}
        for s in {seeds, *(k for k in (3, 5, 8, 12, 20) if k > seeds)}
        for i in {items, *(items * k for k in (2, 4, 8, 16, 32))}
        if noise.of_mean(s, i) / c <= wanted
    ]
    if not options:
        return {"clusters": 20, "seeds": 20, "items": items * 32, "enough": 0}
    _, c, s, i = min(options)
    return {"clusters": c, "seeds": s, "items": i}
