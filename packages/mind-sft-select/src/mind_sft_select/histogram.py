"""A histogram of entropy with clusters, the reference as a star and the band, as SVG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mind_core.render.svg import COLOURS, picture, shade, svg_text
from mind_core.safe_html import Safe, markup

WIDTH, HEIGHT, MARGIN = 640, 260, 40
BINS = 48


def histogram(
    values: NDArray[np.float64],
    labels: Sequence[int],
    *,
    reference: float | None = None,
    band: tuple[float, float] | None = None,
    title: str = "entropy, nats per token",
) -> Safe:
    """Draw values [N] stacked by label [N]; a star at the reference, the band shaded."""
    # The axis reaches over the star and the band, even where no record lies there.
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

    parts = [svg_text(WIDTH / 2, HEIGHT - 6, title, "middle")]
    if band is not None:
        wide = x(band[1]) - x(band[0])
        parts.append(shade(x(band[0]), wide, MARGIN, HEIGHT - 2 * MARGIN))
    base = np.zeros(BINS)
    # Each cluster's bars stand on those of the clusters before.
    for place, row in enumerate(counts):
        for b in np.flatnonzero(row):
            top = base[b] + row[b]
            wide = x(edges[b + 1]) - x(edges[b])
            parts.append(
                markup(
                    '<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" '
                    'fill="{colour}"/>',
                    x=x(edges[b]), y=y(top), wide=wide, high=y(base[b]) - y(top),
                    colour=COLOURS[place % len(COLOURS)],
                )
            )  # fmt: skip
        base += row
    for tick in np.linspace(low, low + span, 6):
        parts.append(svg_text(x(tick), HEIGHT - MARGIN + 14, f"{tick:.2f}", "middle"))
    if reference is not None:
        parts.append(
            markup(
                '<text x="{:.1f}" y="{}" text-anchor="middle" fill="#c00" font-size="20">★</text>',
                x(reference),
                MARGIN - 6,
            )
        )
    return picture(parts, WIDTH, HEIGHT, title)
