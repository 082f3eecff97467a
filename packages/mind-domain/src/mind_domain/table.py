"""Show scores to people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAMES = {
    "accuracy": "accuracy",
    "majority_accuracy": "always the majority",
    "gain": "gain over it",
    "macro_f1": "macro-F1",
    "mcc": "MCC",
    "unparsed": "unparsed answers",
}


def format_scores(scores: Mapping[str, Any]) -> str:
    """Lay out metrics with their 95 % intervals, and the confusion table below them."""
    lines = [
        f"{scores['records']:,} records in {scores['clusters']:,} clusters, "
        f"by {scores['method']}, majority class: {scores['majority']}",
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
    if scores["bad"]:
        lines += ["", f"{sum(scores['bad'].values()):,} bad records were left out"]
    if scores["cut"]:
        lines += ["", f"{scores['cut']:,} questions were longer than the context and were cut"]
    return "\n".join(lines) + "\n"
