"""A histogram of entropy with clusters, the reference as a star and the band, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, MARGIN = 640, 260, 40
COLOURS = ("#4477aa", "#66ccee", "#228833", "#ccbb44", "#ee6677", "#aa3377", "#bbbbbb")
BINS = 48


def histogram(
    values: NDArray[np.float64],
    labels: Sequence[int],
    *,
    reference: float | None = None,
    band: tuple[float, float] | None = None,
    title: str = "entropy, nats per token",
) -> str:
    """Draw values [N] stacked by label [N]; a star at the reference, the band shaded."""
    points = [v for v in (reference, *(band or ())) if v is not None]
    low, high = min(values.min(), *points, values.max()), max(values.max(), *points, values.min())
    span = max(high - low, 1e-9)
    edges = np.linspace(low, low + span, BINS + 1)
    groups = sorted(set(labels))
    marks = np.array(labels)
    counts = np.array([np.histogram(values[marks == g], edges)[0] for g in groups])
    most = max(int(counts.sum(axis=0).max()), 1)

    def x(value: float) -> float:
        return float(MARGIN + (value - low) / span * (WIDTH - 2 * MARGIN))

    def y(count: float) -> float:
        return HEIGHT - MARGIN - count / most * (HEIGHT - 2 * MARGIN)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="11">',
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(title)}</text>',
    ]
    if band is not None:
        wide = x(band[1]) - x(band[0])
        parts.append(f'<rect x="{x(band[0]):.1f}" y="{MARGIN}" width="{wide:.1f}" '
                     f'height="{HEIGHT - 2 * MARGIN}" fill="#000" opacity="0.08"/>')  # fmt: skip
    base = np.zeros(BINS)
    for place, row in enumerate(counts):
        for b in np.flatnonzero(row):
            top = base[b] + row[b]
            wide = x(edges[b + 1]) - x(edges[b])
            parts.append(
                f'<rect x="{x(edges[b]):.1f}" y="{y(top):.1f}" width="{wide:.1f}"'
                f' height="{y(base[b]) - y(top):.1f}" fill="{COLOURS[place % len(COLOURS)]}"/>'
            )
        base += row
    for tick in np.linspace(low, low + span, 6):
        parts.append(f'<text x="{x(tick):.1f}" y="{HEIGHT - MARGIN + 14}" text-anchor="middle">'
                     f'{tick:.2f}</text>')  # fmt: skip
    if reference is not None:
        parts.append(f'<text x="{x(reference):.1f}" y="{MARGIN - 6}" text-anchor="middle" '
                     'fill="#c00" font-size="20">★</text>')  # fmt: skip
    return "\n".join([*parts, "</svg>"]) + "\n"
