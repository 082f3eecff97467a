"""Show scores to people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAMES = {
    "accuracy": "accuracy",
    "majority_accuracy": "always the majority",
    "gain": "gain over it",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro-F1",
    "mcc": "MCC",
    "unparsed": "unparsed answers",
}


def format_scores(scores: Mapping[str, Any]) -> str:
    """Lay out metrics with their 95 % intervals, and the confusion table below them."""
    lines = [
        f"{scores['records']:,} records in {scores['clusters']:,} clusters"
        f" ({scores['resampled']['cluster']}), by {scores['method']}, "
        f"majority class: {scores['majority']}",
        "",
    ]
    for name, title in NAMES.items():
        metric = scores["metrics"][name]
        line = f"{title:<20} {metric['value']:>7.3f}"
        if "low" in metric:
            line += f"   95 % interval {metric['low']:.3f} … {metric['high']:.3f}"
        lines.append(line)
    columns = list(next(iter(scores["confusion"].values())))
    lines += ["", "truth \\ prediction" + "".join(f"{name:>10}" for name in columns)]
    for truth, row in scores["confusion"].items():
        lines.append(f"{truth:<18}" + "".join(f"{row[name]:>10,}" for name in columns))
    lines += _versus_lines(scores.get("versus", {}))
    if scores["bad"]:
        lines += ["", f"{sum(scores['bad'].values()):,} bad records were left out"]
    if scores["cut"]:
        lines += ["", f"{scores['cut']:,} questions were longer than the context and were cut"]
    return "\n".join(lines) + "\n"


def _versus_lines(versus: Mapping[str, Any]) -> list[str]:
    """Say of each other model whether this one is better, and if not, what could be seen."""
    if not versus:
        return []
    lines = [
        "",
        f"{'compared with':<20} {'accuracy':>8} {'difference':>11}   95 % interval      p (Holm)",
    ]
    for name, row in versus.items():
        line = f"{name:<20} {row['accuracy']:>8.3f} {row['difference']:>+11.3f}"
        if row["low"] is not None:
            line += f"   {row['low']:+.3f} … {row['high']:+.3f}  {row['p_holm']:>8.3f}"
            if not row["resolved"]:
                line += f"   not decided; detectable: {row['detectable']:.3f}"
        lines.append(line)
    return lines
