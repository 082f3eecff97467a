"""A fit as text for people: the verdict, what it rests on, and what to do next."""

from __future__ import annotations

import math

from mind_sft_select.fitting.cells import Cells
from mind_sft_select.fitting.verdict import CANNOT_TELL, EDGE, NO_EFFECT, PEAK, FitConclusion


def fit_lines(cells: Cells, found: FitConclusion, metric: str = "metric") -> list[str]:
    """Return the lines of a report on a fit."""
    low, high = cells.gaps.min(), cells.gaps.max()
    clusters, seeds, items = cells.values.shape
    lines = [
        f"{metric} over {clusters} clusters × {seeds} seeds × {items:,} items, "
        f"gaps {low:.2f} … {high:.2f}, {'higher' if cells.higher else 'lower'} is better",
        "",
        f"{'cluster':>12} {'gap':>7} {metric:>12} {'seed sd':>9}",
    ]
    for c, name in enumerate(cells.names):
        by_seed = cells.values[c].mean(axis=1)
        spread = by_seed.std(ddof=1) if seeds > 1 else math.nan
        lines.append(f"{name:>12} {cells.gaps[c]:7.3f} {by_seed.mean():12.4f} {spread:9.4f}")
    lines += ["", f"{'curve':>12} {'error':>11} {'AICc':>8} {'left-out error':>15}"]
    for name, row in found.curves.items():
        value = f"{row['aicc']:8.1f}" if math.isfinite(row["aicc"]) else f"{'–':>8}"
        lines.append(f"{name:>12} {row['error']:11.3g} {value} {row['left_out']:15.3g}")
    return [*lines, "", *verdict_lines(found)]


def verdict_lines(found: FitConclusion) -> list[str]:
    """Say the verdict in one or two sentences."""
    low, high = (f"{v:.2f}" if math.isfinite(v) else "open" for v in found.interval)
    between = f"95 % interval of the best gap: {low} … {high}"
    tests = (
        f"chance of flat means {found.p_effect:.3f}, of rising ones {found.p_rising:.3f}, of "
        f"falling ones {found.p_falling:.3f}"
    )
    if found.verdict == PEAK and found.band and found.peak is not None:
        return [
            f"verdict: peak at {found.peak:.2f} ({between}); {tests}",
            f"recommended: --band {found.band[0]:g},{found.band[1]:g}",
        ]
    if found.verdict == EDGE:
        return [f"verdict: edge: the metric gets better up to an end of the range; {tests}",
                "no band is recommended: the best may lie beyond what was tried"]  # fmt: skip
    if found.verdict == NO_EFFECT:
        return [
            f"verdict: no effect: the clusters differ by at most {found.effect_interval[1]:.4g}, "
            f"less than {found.smallest:.4g}, the smallest effect that matters; {tests}"
        ]
    assert found.verdict == CANNOT_TELL, "there are four verdicts"
    lines = [f"verdict: cannot tell ({between}); {tests}"]
    if found.needed is not None:
        n = found.needed
        enough = "would do" if n.get("enough", 1) else "would still not do"
        lines.append(
            f"{n['clusters']} clusters × {n['seeds']} seeds × {n['items']:,} items {enough}, by "
            "the variances just measured"
        )
    return lines
