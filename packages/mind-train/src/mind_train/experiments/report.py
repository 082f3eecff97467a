"""A scaling law as text for people."""

from __future__ import annotations

from mind_train.experiments.isoflop import IsoFlopResult
from mind_train.experiments.scaling import Forecast, HeldOutForecast, Result

FORMULAS = {
    "N,D": "L = E + A/N^alpha + B/D^beta; compute-optimal N ~ C^a, D ~ C^b",
    "C": "L = E + (x0/C)^alpha, C = 6·N·D",
    "N": "L = E + (x0/N)^alpha",
    "D": "L = E + (x0/D)^alpha",
}


def as_text(result: Result | IsoFlopResult, unit: str) -> str:
    """Return the whole result; `unit` names the loss."""
    if isinstance(result, IsoFlopResult):
        return _profiles(result, unit)
    lines = [
        f"{result.group + ': ' if result.group else ''}{FORMULAS[result.law]}",
        f"{result.runs} runs, {unit}; noise of a run {result.noise:.2%} of the loss",
        "",
        "parameter        value      95 % interval",
    ]
    for name, value in result.parameters.items():
        interval = result.intervals.get(name)
        shown = f"{interval[0]:.4g} … {interval[1]:.4g}" if interval else "–"
        lines.append(f"{name:9} {value:12.6g}      {shown}")
    lines.append("")
    if result.why:
        lines.append(
            "not identified: other laws fit as well, and say otherwise far from these runs"
        )
        lines += [f"  {reason}" for reason in result.why]
    else:
        lines.append("identified: the runs determine every parameter")
    for check in result.checks:
        lines += ["", *_check(check)]
    if result.below_ratio:
        lines += ["", "runs under --min-ratio, not in the fit:", *_forecasts(result.below_ratio)]
    if result.forecasts:
        lines += ["", "forecast:", *_forecasts(result.forecasts)]
    return "\n".join(lines) + "\n"


def _profiles(result: IsoFlopResult, unit: str) -> str:
    """Return the minima of IsoFLOP profiles, and what they say of compute-optimal sizes."""
    lines = [
        f"{result.group + ': ' if result.group else ''}IsoFLOP profiles, C = 6·N·D; "
        f"parameters N with the lowest {unit}",
        "",
        "C          runs   N parabola   N akima      D",
    ]
    for one in result.profiles:
        line = f"{one.flops:<9.3g} {one.runs:5}   "
        if one.left_out:
            lines.append(f"{line}left out: {one.left_out}")
            continue
        size = one.optima["parabola"]
        line += f"{size:<10.4g}   {one.optima['akima']:<10.4g}   "
        lines.append(f"{line}{one.flops / 6 / size:.4g}")
    lines.append("")
    for method, (value, low, high) in result.exponents.items():
        lines.append(f"N ~ C^{value:.3f} ({low:.3f} … {high:.3f}) by {method}")
    if not result.exponents:
        lines.append("no exponent: fewer than three profiles have a minimum among their sizes")
    if result.in_no_profile:
        lines.append(f"{result.in_no_profile} runs share their FLOPs with too few other sizes")
    return "\n".join(lines) + "\n"


def _check(check: HeldOutForecast) -> list[str]:
    return [
        f"{check.left_out} left out and forecast: mean error {check.mean_error:.2%}"
        f" (nearest run unchanged {check.unchanged_error:.2%},"
        f" straight line over FLOPs {check.line_error:.2%})",
        *_forecasts(check.forecasts),
    ]


def _forecasts(forecasts: tuple[Forecast, ...]) -> list[str]:
    lines = []
    for one in forecasts:
        line = f"  N {one.parameters:.3g} D {one.tokens:.3g}: {one.predicted:.4f}"
        line += f" ({one.low:.4f} … {one.high:.4f})"
        if one.real is not None and one.error is not None:
            line += f", real {one.real:.4f}, off by {one.error:+.2%}"
            line += ", outside of the interval" if one.is_outside else ""
            line += f"  {one.name}"
        lines.append(line)
    return lines
