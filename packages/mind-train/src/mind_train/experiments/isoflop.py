"""Compute-optimal sizes from IsoFLOP profiles (Hoffmann et al. 2022, arXiv:2203.15556, approach 2).

Runs of equal FLOPs and several sizes make a profile; where its loss is lowest is the size to train
with so many FLOPs. A parabola over log N and an Akima spline find it; a minimum on the edge of a
profile is none, since the lowest loss may lie beyond. The minima of all profiles give N ~ C^a.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mind_core.errors import GateError, MindError
from mind_train.experiments.laws import FLOPS_PER_PARAMETER_AND_TOKEN
from mind_train.experiments.run_table import RunColumns, Runs, read_runs

Array = NDArray[np.float64]

TOLERANCE = 0.05
"""How far the FLOPs of a profile's runs may lie apart."""

MIN_SIZES = 4
"""Sizes of a profile: a parabola goes through any three points."""

MIN_PROFILES = 3
INTERVAL = (0.025, 0.975)

ON_EDGE = "the lowest loss lies on the edge"
NO_MINIMUM = "the parabola has no minimum among its sizes"


@dataclass(frozen=True)
class Profile:
    """Runs of equal FLOPs: where each method finds the lowest loss, or why there is none."""

    flops: float
    runs: int
    optima: dict[str, float]
    """Parameters with the lowest loss, by method."""
    left_out: str = ""


@dataclass(frozen=True)
class IsoFlopResult:
    """Profiles of one group, and of each method a in N ~ C^a with its 95 % interval."""

    group: str
    profiles: tuple[Profile, ...]
    exponents: dict[str, tuple[float, float, float]]
    in_no_profile: int
    """Runs that share their FLOPs with too few other sizes."""

    def require_identified(self) -> None:
        """Raise GateError unless there are minima enough for an exponent."""
        if not self.exponents:
            raise GateError(
                f"{sum(not one.left_out for one in self.profiles)} IsoFLOP profiles have a "
                f"minimum, and an exponent needs {MIN_PROFILES}",
                hint="more sizes of equal FLOPs on both sides of the lowest loss",
            )

    def as_json(self) -> dict[str, object]:
        """Return all of it for `--json`."""
        return {**asdict(self), "identified": bool(self.exponents)}


def analyse_profiles(path: Path, columns: RunColumns, draws: int, seed: int) -> list[IsoFlopResult]:
    """Read a table of runs and find the minima of each group. Raises MindError for bad tables."""
    if importlib.util.find_spec("scipy") is None:
        raise MindError("Akima splines need scipy", hint="pip install 'mind-train[experiments]'")
    groups = read_runs(path, columns)
    return [optimal_sizes(group, runs, draws, seed) for group, runs in groups.items()]


def optimal_sizes(group: str, runs: Runs, draws: int = 400, seed: int = 0) -> IsoFlopResult:
    """Return the minima of the runs' IsoFLOP profiles, and the exponents with intervals.

    Intervals are as wide as the spread over `draws` tables whose losses are the parabolas' with
    residuals drawn anew, and lie around the exponent of the runs as they are.
    """
    found, rest = profiles_of(runs)
    profiles = tuple(_profile(one) for one in found)
    used = [one for one, profile in zip(found, profiles, strict=True) if not profile.left_out]
    exponents: dict[str, tuple[float, float, float]] = {}
    if len(used) >= MIN_PROFILES:
        spread = _bootstrap(used, draws, np.random.default_rng(seed))
        for method in METHODS:
            value = _exponent(used, [one.loss for one in used], method)
            low, high = np.quantile(spread[method], INTERVAL)
            # Widths of the draws around the exponent of the runs as they are, see `_bootstrap`.
            exponents[method] = (value, value + float(low), value + float(high))
    return IsoFlopResult(group, profiles, exponents, rest)


def profiles_of(runs: Runs) -> tuple[list[Runs], int]:
    """Return the runs of each profile by rising FLOPs, and the number of runs in none."""
    logs = np.log(FLOPS_PER_PARAMETER_AND_TOKEN * runs.parameters * runs.tokens)
    order = np.argsort(logs, kind="stable")
    starts = [0]
    # From the first of a profile, not from its neighbour: else steps below 5 % would chain up.
    for i in range(1, len(order)):
        if logs[order[i]] - logs[order[starts[-1]]] > np.log1p(TOLERANCE):
            starts.append(i)
    parts = [
        runs.where(np.isin(np.arange(len(runs)), part)) for part in np.split(order, starts[1:])
    ]
    found = [part for part in parts if len(np.unique(part.parameters)) >= MIN_SIZES]
    return found, len(runs) - sum(map(len, found))


def parabola_minimum(sizes: Array, loss: Array) -> float | None:
    """Return log N at the minimum of a parabola, or None if it lies not among the sizes."""
    # Without curvature upwards the parabola turns at its highest point, or not at all.
    square, slope, _ = np.polyfit(sizes, loss, 2)
    at = -slope / (2 * square) if square > 0 else np.inf
    return float(at) if sizes.min() < at < sizes.max() else None


def akima_minimum(sizes: Array, loss: Array) -> float | None:
    """Return log N at the lowest point of an Akima spline, or None if that is an end of it."""
    from scipy.interpolate import Akima1DInterpolator

    values, which = np.unique(sizes, return_inverse=True)
    # Several runs of one size: a spline goes through their mean.
    means = np.bincount(which, loss) / np.bincount(which)
    spline = Akima1DInterpolator(values, means)
    # A minimum inside is a root of the slope; an end of the spline may be lower still.
    places = spline.derivative().roots(extrapolate=False)
    # A flat stretch has no single root, and is written as NaN.
    places = np.concatenate([values, places[np.isfinite(places)]])
    at = float(places[np.argmin(spline(places))])
    return at if values[0] < at < values[-1] else None


METHODS: dict[str, Callable[[Array, Array], float | None]] = {
    "parabola": parabola_minimum,
    "akima": akima_minimum,
}


def _profile(runs: Runs) -> Profile:
    flops = float(np.exp(_log_flops(runs)))
    sizes = np.log(runs.parameters)
    best = sizes[np.argmin(runs.loss)]
    if best in (sizes.min(), sizes.max()):
        return Profile(flops, len(runs), {}, ON_EDGE)
    optima = {name: find(sizes, runs.loss) for name, find in METHODS.items()}
    known = {name: float(np.exp(at)) for name, at in optima.items() if at is not None}
    return Profile(flops, len(runs), known, "" if len(known) == len(METHODS) else NO_MINIMUM)


def _log_flops(runs: Runs) -> float:
    logs = np.log(FLOPS_PER_PARAMETER_AND_TOKEN * runs.parameters * runs.tokens)
    return float(logs.mean())


def _exponent(profiles: list[Runs], losses: list[Array], method: str) -> float:
    """Return a of N ~ C^a by least squares over logarithms; NaN with fewer than two minima."""
    found = [
        (_log_flops(runs), METHODS[method](np.log(runs.parameters), loss))
        for runs, loss in zip(profiles, losses, strict=True)
    ]
    points = np.array([(flops, at) for flops, at in found if at is not None]).reshape(-1, 2)
    if len(points) < 2:
        return float("nan")
    return float(np.polyfit(points[:, 0], points[:, 1], 1)[0])


def _bootstrap(
    profiles: list[Runs], draws: int, generator: np.random.Generator
) -> dict[str, list[float]]:
    """Return by method how far drawn tables' exponents lie from that of the parabolas themselves.

    A draw without two minima gives none.
    """
    fitted: list[Array] = []
    residuals: list[Array] = []
    for runs in profiles:
        sizes = np.log(runs.parameters)
        fitted.append(np.asarray(np.polyval(np.polyfit(sizes, runs.loss, 2), sizes), np.float64))
        # As wide as the noise of a run: the parabola has taken three numbers from them.
        freedom = np.sqrt(len(runs) / max(len(runs) - 3, 1))
        residuals.append((runs.loss - fitted[-1]) / runs.loss * freedom)
    # Noise grows with the loss, and is of one kind in all profiles: a profile alone has too few.
    pool = np.concatenate(residuals)
    centres = {method: _exponent(profiles, fitted, method) for method in METHODS}
    spread: dict[str, list[float]] = {method: [] for method in METHODS}
    for _ in range(draws):
        losses = [one * (1 + generator.choice(pool, len(one))) for one in fitted]
        for method, values in spread.items():
            value = _exponent(profiles, losses, method) - centres[method]
            if np.isfinite(value):
                values.append(value)
    return spread
