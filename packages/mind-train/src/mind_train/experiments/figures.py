"""Figures of experiments as SVG: heat maps, curves by arm, claims with their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mind_core.render.chart import Line
from mind_core.render.pictures import Panel, bar_picture, line_picture
from mind_core.render.svg import COLOURS, picture, svg_text
from mind_core.safe_html import Safe, joined, markup
from mind_train.experiments.matrix import Matrix
from mind_train.experiments.mixture_laws import FITTERS, leave_out
from mind_train.experiments.mixtures import MeasuredMixtures
from mind_train.experiments.outcomes import Outcome
from mind_train.experiments.results import Results

Floats = npt.NDArray[np.float64]
TILE, LEFT, TOP = 62, 130, 64


def heat_map(title: str, rows: Sequence[str], columns: Sequence[str], table: Floats) -> Safe:
    """Return a heat map; each column's colours run from its lowest value to its highest."""
    parts = [markup('<text class="title" x="10" y="20">{}</text>', title)]
    for place, column in enumerate(columns):
        x = LEFT + place * TILE + TILE / 2
        # Names of neighbours stand at two heights, or long ones would overlap.
        parts.append(svg_text(x, TOP - 8 - 14 * (place % 2), column, "middle"))
    for number, row in enumerate(rows):
        y = TOP + number * 26
        parts.append(svg_text(LEFT - 8, y + 17, row, "end"))
        for place in range(len(columns)):
            value = float(table[number, place])
            if not math.isfinite(value):
                continue
            # By column, as sets differ by what they are made of more than models do.
            column_values = table[np.isfinite(table[:, place]), place]
            low, high = float(column_values.min()), float(column_values.max())
            depth = (value - low) / (high - low) if high > low else 0.0
            parts.append(
                markup(
                    '<rect x="{}" y="{}" width="{}" height="24" fill="#c2410c" '
                    'fill-opacity="{:.2f}"/>',
                    LEFT + place * TILE, y, TILE - 2, 0.08 + 0.72 * depth,
                )
            )  # fmt: skip
            parts.append(
                svg_text(LEFT + place * TILE + TILE / 2 - 1, y + 17, f"{value:.2f}", "middle")
            )
    return picture(parts, LEFT + TILE * len(columns) + 20, TOP + 26 * len(rows) + 16, title)


def matrix_figure(matrix: Matrix) -> Safe:
    """Return the matrix in bits per byte, rows in the order of the clustering."""
    title = "trained on (rows), evaluated on (columns), bits per byte"
    return heat_map(title, matrix.rows, matrix.columns, matrix.values)


def curves_figure(results: Results, title: str) -> Safe:
    """Return held-out bits per byte over tokens: one panel for all sets, a line for each arm.

    Lines are means over seeds and sets.
    """
    lines = []
    for number, arm in enumerate(results.arms):
        points = mean_curve(results, arm)
        # Dashes, once each colour has been used.
        dashes = "" if number < len(COLOURS) else "5 4"
        lines.append(Line(arm, points, colour=COLOURS[number % len(COLOURS)], dashes=dashes))
    panel = Panel(title, lines, "million tokens", "bits per byte")
    return line_picture([panel], title)


def mean_curve(results: Results, arm: str) -> list[tuple[float, float]]:
    """Return (million tokens, bits per byte) of an arm, averaged over seeds and sets."""
    sums: dict[int, list[float]] = {}
    for seed in results.seeds(arm):
        for points in results.curves[arm, seed].values():
            for tokens, value in points:
                # Runs are measured at the same steps, so their points meet at equal tokens.
                sums.setdefault(tokens, []).append(value)
    return [(tokens / 1e6, float(np.mean(values))) for tokens, values in sorted(sums.items())]


def mixtures_figure(measured: MeasuredMixtures) -> Safe:
    """Return measured loss over the loss that each law predicts of a mixture it has not seen."""
    lines = []
    for law, fitter in FITTERS.items():
        predicted = leave_out(fitter, measured.shares, measured.chosen_on)
        lines.append(
            Line(law, sorted(zip(predicted.tolist(), measured.chosen_on.tolist(), strict=True)))
        )
    low, high = float(measured.chosen_on.min()), float(measured.chosen_on.max())
    lines.append(Line("as predicted", [(low, low), (high, high)], dashed=True))
    title = "mixtures left out of the fit"
    return line_picture([Panel(title, lines, "predicted bits/byte", "measured bits/byte")], title)


def bars_figure(
    title: str, groups: Sequence[tuple[str, Sequence[tuple[str, float | None]]]]
) -> Safe:
    """Return bars of values by group."""
    return bar_picture(title, groups)


def claims_figure(outcomes: Sequence[Outcome], title: str) -> Safe:
    """Return each effect with its interval, 0 marked; claims that have none are left out."""
    shown = [one for one in outcomes if one.interval is not None and one.effect is not None]
    if not shown:
        return picture([svg_text(10, 20, "no claim has an interval", "start")], 400, 40, title)
    # The axis reaches as far to one side as to the other, so that 0 is in the middle.
    most = max(max(abs(bound) for bound in one.interval or ()) for one in shown) or 1.0
    middle, half = 560, 200
    parts = [markup('<text class="title" x="10" y="20">{}</text>', title)]
    for number, one in enumerate(shown):
        y = 44 + 24 * number
        low, high = (middle + half * bound / most for bound in one.interval or (0.0, 0.0))
        at = middle + half * (one.effect or 0.0) / most
        parts.append(svg_text(middle - half - 12, y + 4, one.claim[:60], "end"))
        parts.append(
            markup(
                '<path d="M{:.1f} {}H{:.1f}" stroke="#1d4ed8" stroke-width="2"/>'
                '<circle cx="{:.1f}" cy="{}" r="4" fill="#1d4ed8"/>',
                low, y, high, at, y,
            )
        )  # fmt: skip
    bottom = 44 + 24 * len(shown)
    parts.append(
        markup('<path class="axis" stroke-dasharray="3 3" d="M{} 32V{}"/>', middle, bottom - 8)
    )
    parts.append(svg_text(middle, bottom + 6, "0; to the right: as claimed", "middle"))
    return picture([joined(parts)], middle + half + 30, bottom + 20, title)
