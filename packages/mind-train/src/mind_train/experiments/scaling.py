"""Fit, check and use a scaling law: parameters with intervals, held-out sizes, forecasts."""

from __future__ import annotations

import importlib.util
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mind_core.errors import GateError, MindError
from mind_train.experiments.fitting import AGREEING_STARTS, LawFit, fit, refit
from mind_train.experiments.identification import design_faults, profile_faults, profiles
from mind_train.experiments.laws import FLOPS_PER_PARAMETER_AND_TOKEN, LAWS, ScalingLaw
from mind_train.experiments.run_table import RunColumns, Runs, read_runs

Array = NDArray[np.float64]

INTERVAL = (0.025, 0.975)
# Groups that follow one law are told from groups that do not at this level.
POOLING_LEVEL = 0.01


@dataclass(frozen=True)
class Forecast:
    """The loss of one run: predicted, its 95 % interval with the noise of a run, the real one."""

    name: str
    parameters: float
    tokens: float
    predicted: float
    low: float
    high: float
    real: float | None = None

    @property
    def error(self) -> float | None:
        """(predicted − real) / real."""
        return None if self.real is None else self.predicted / self.real - 1

    @property
    def is_outside(self) -> bool:
        """Whether the real loss lies outside of the interval."""
        return self.real is not None and not self.low <= self.real <= self.high


@dataclass(frozen=True)
class HeldOutForecast:
    """What the law says of runs that its fit has not seen, beside two baselines."""

    left_out: str
    forecasts: tuple[Forecast, ...]
    mean_error: float
    unchanged_error: float
    line_error: float


@dataclass(frozen=True)
class Result:
    """A law for one group of runs; `why` lists what speaks against it, empty if identified."""

    group: str
    law: str
    runs: int
    parameters: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    objective: float
    noise: float
    agreeing_starts: int
    why: tuple[str, ...]
    checks: tuple[HeldOutForecast, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    below_ratio: tuple[Forecast, ...] = field(default=())

    @property
    def is_identified(self) -> bool:
        """Whether the runs determine the law."""
        return not self.why

    def require_identified(self) -> None:
        """Raise GateError with the reasons unless the law is identified."""
        if self.why:
            raise GateError(
                f"L({self.law}) is not identified" + (f" for {self.group}" if self.group else ""),
                cause="; ".join(self.why),
                hint="more sizes, and several numbers of tokens for each",
            )

    def as_json(self) -> dict[str, object]:
        """Return all of it for `--json`."""
        return {**asdict(self), "identified": self.is_identified}


@dataclass(frozen=True)
class Settings:
    """What is asked: the law, runs to forecast (N, D), and how."""

    law: str = "N,D"
    wanted: list[tuple[float, float]] = field(default_factory=list)
    min_ratio: float = 0.0
    draws: int = 400
    seed: int = 0
    pool: bool = False


def analyse_table(path: Path, columns: RunColumns, settings: Settings) -> list[Result]:
    """Read a table of runs and analyse each group. Raises MindError for bad tables."""
    if importlib.util.find_spec("scipy") is None:
        raise MindError(
            "fitting a scaling law needs scipy", hint="pip install 'mind-train[experiments]'"
        )
    groups, law = read_runs(path, columns), LAWS[settings.law]
    if settings.pool:
        groups = {
            "": check_pooling(law, groups) if len(groups) > 1 else next(iter(groups.values()))
        }
    return [analyse(law, group, runs, settings) for group, runs in groups.items()]


def analyse(law: ScalingLaw, group: str, runs: Runs, settings: Settings) -> Result:
    """Fit the law to the runs with at least `settings.min_ratio` tokens a parameter, and check it.

    The runs below the ratio are forecast like unseen ones: a warm-up and a decay that take most
    of a short run bend it away from the law.
    """
    draws, seed = settings.draws, settings.seed
    enough = runs.tokens / runs.parameters >= settings.min_ratio
    used, short = runs.where(enough), runs.where(~enough)
    faults = design_faults(law, used.parameters, used.tokens)
    if len(used) < law.size:
        raise MindError(
            f"L({law.name}) has {law.size} parameters, and there are {len(used)} runs"
            + (f" in {group}" if group else ""),
            hint="more runs, or a law with fewer parameters: --law C",
        )
    found = fit(law, used.parameters, used.tokens, used.loss)
    if found.agreeing < AGREEING_STARTS:
        faults.append(
            f"only {found.agreeing} of {found.starts} starting points agree on the best fit"
        )
    drawn = profiles(found, used.parameters, used.tokens, used.loss)
    shown = law.shown(found.theta)
    intervals = {name: profile.interval for name, profile in drawn.items()}
    if "a" in shown:
        (alpha_low, alpha_high), (beta_low, beta_high) = intervals["alpha"], intervals["beta"]
        # a = β / (α + β) rises with β and falls with α, so its ends are made of opposite ends.
        intervals["a"] = beta_low / (alpha_high + beta_low), beta_high / (alpha_low + beta_high)
        intervals["b"] = alpha_low / (alpha_low + beta_high), alpha_high / (alpha_high + beta_low)
    # Drawn once: every forecast below takes the same cloud of laws.
    cloud = bootstrap(found, used, draws, seed)
    sizes, lengths = np.array(settings.wanted, dtype=float).reshape(-1, 2).T
    # Their losses are not known, so that they get no error.
    ahead = Runs(sizes, lengths, np.full(len(sizes), np.nan), tuple("forecast" for _ in sizes))
    return Result(
        group,
        law.name,
        len(used),
        shown,
        intervals,
        found.objective,
        found.noise,
        found.agreeing,
        (*faults, *profile_faults(law, drawn)),
        checks(law, used, draws, seed),
        forecast(found, cloud, ahead, seed),
        forecast(found, cloud, short, seed),
    )


def bootstrap(found: LawFit, runs: Runs, draws: int, seed: int) -> Array:
    """Return θ of `draws` refits to residuals drawn by run, float64 (draws, p).

    Residuals are widened by √(n / (n − p)), since the fit has taken p of them.
    """
    draw = np.random.default_rng(seed)
    x = found.law.variables(runs.parameters, runs.tokens)
    fitted = found.law.log_loss(found.theta, x)[0]
    residuals = widened(found)
    return np.stack(
        [refit(found, x, fitted + draw.choice(residuals, len(runs))) for _ in range(draws)]
    )


def widened(found: LawFit) -> Array:
    """Return the residuals around their mean, as wide as the noise of a run."""
    count, freedom = len(found.residuals), max(len(found.residuals) - found.law.size, 1)
    centred = found.residuals - found.residuals.mean()
    return np.asarray(centred * np.sqrt(count / freedom))


def forecast(found: LawFit, cloud: Array, runs: Runs, seed: int) -> tuple[Forecast, ...]:
    """Return what the law says of runs, with intervals that hold the noise of a single run."""
    if not len(runs):
        return ()
    # Another seed than the bootstrap's, whose draws would come back as noise.
    draw = np.random.default_rng(seed + 1)
    x = found.law.variables(runs.parameters, runs.tokens)
    spread = np.stack([found.law.log_loss(theta, x)[0] for theta in cloud])
    # The noise of a run comes on top of the law's own: a forecast is of one run, not of their mean.
    spread += draw.choice(widened(found), spread.shape)
    low, high = np.exp(np.quantile(spread, INTERVAL, axis=0))
    predicted = np.exp(found.law.log_loss(found.theta, x)[0])
    return tuple(
        Forecast(
            runs.names[i],
            float(runs.parameters[i]),
            float(runs.tokens[i]),
            float(predicted[i]),
            float(low[i]),
            float(high[i]),
            None if np.isnan(runs.loss[i]) else float(runs.loss[i]),
        )
        for i in range(len(runs))
    )


def checks(law: ScalingLaw, runs: Runs, draws: int, seed: int) -> tuple[HeldOutForecast, ...]:
    """Leave out the largest size, then the most tokens, and forecast them from the rest."""
    found = []
    for what, values in (("largest size", runs.parameters), ("most tokens", runs.tokens)):
        unseen = values == values.max()
        seen, rest = runs.where(~unseen), runs.where(unseen)
        # Without the largest there have to be two sizes and more runs than parameters.
        if len(np.unique(values)) < 3 or len(seen) <= law.size:
            continue
        fitted = fit(law, seen.parameters, seen.tokens, seen.loss)
        forecasts = forecast(fitted, bootstrap(fitted, seen, draws, seed), rest, seed)
        found.append(
            HeldOutForecast(
                what,
                forecasts,
                float(np.mean([abs(one.error or 0.0) for one in forecasts])),
                _error_of(unchanged(seen, rest), rest),
                _error_of(line(seen, rest), rest),
            )
        )
    return tuple(found)


def _error_of(predicted: Array, runs: Runs) -> float:
    return float(np.mean(np.abs(predicted / runs.loss - 1)))


def unchanged(seen: Runs, rest: Runs) -> Array:
    """Baseline: the loss of the seen run that is nearest in log size and log tokens."""
    by_size = np.log(rest.parameters[:, None] / seen.parameters) ** 2
    by_tokens = np.log(rest.tokens[:, None] / seen.tokens) ** 2
    return np.asarray(seen.loss[(by_size + by_tokens).argmin(axis=1)])


def line(seen: Runs, rest: Runs) -> Array:
    """Baseline: a straight line through log loss over log FLOPs (no irreducible loss)."""
    slope, height = np.polyfit(np.log(_flops(seen)), np.log(seen.loss), 1)
    return np.asarray(np.exp(height + slope * np.log(_flops(rest))))


def _flops(runs: Runs) -> Array:
    return np.asarray(FLOPS_PER_PARAMETER_AND_TOKEN * runs.parameters * runs.tokens)


def check_pooling(law: ScalingLaw, groups: dict[str, Runs]) -> Runs:
    """Return all groups as one, if an F test does not tell their laws apart; else MindError."""
    from scipy.stats import f as f_distribution

    every = list(groups.values())
    pooled = Runs(
        np.concatenate([runs.parameters for runs in every]),
        np.concatenate([runs.tokens for runs in every]),
        np.concatenate([runs.loss for runs in every]),
        tuple(f"{group}: {name}" for group, runs in groups.items() for name in runs.names),
    )

    def squares(runs: Runs) -> float:
        residuals = fit(law, runs.parameters, runs.tokens, runs.loss).residuals
        return float((residuals**2).sum())

    # Residuals of one law for each group, beside those of one law for all of them.
    apart, freedom = sum(map(squares, every)), len(pooled) - len(every) * law.size
    if freedom < 1:
        raise MindError("too few runs to tell whether the groups follow one law")
    more = (len(every) - 1) * law.size
    # How much worse all of them fit together, by the parameters that this saves.
    ratio = (squares(pooled) - apart) / more / (apart / freedom)
    level = float(f_distribution.sf(ratio, more, freedom))
    if level < POOLING_LEVEL:
        raise MindError(
            f"{', '.join(groups)} follow different laws, so that one fit of all would be wrong",
            cause=f"F({more}, {freedom}) = {ratio:.1f}, p = {level:.1e}",
            hint="leave --pool out: each group gets its own law",
        )
    return pooled
