"""Draw scores with their intervals: a row a benchmark, a dot a run, chance as a tick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mind_core.render.svg import COLOURS, WIDTH, svg_text, ticks
from mind_core.render.svg import legend as legend_of
from mind_core.safe_html import Safe, joined, markup

LEFT, RIGHT, ROW, GAP, BOTTOM = 120, 20, 13, 12, 34


@dataclass(frozen=True)
class Dot:
    """Hold a run's score with its 95 % interval."""

    run: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """Hold the scores of all runs on one benchmark."""

    name: str
    dots: Sequence[Dot]
    chance: float | None = None


def interval_chart(rows: Sequence[Row], label: str) -> Safe:
    """Return an SVG of the rows over one axis that begins at 0; empty without rows."""
    if not rows:
        return markup("")
    top = max([dot.high for row in rows for dot in row.dots] + [row.chance or 0 for row in rows])
    # Some room to the right of the longest interval; 1 if all scores are 0.
    high = top * 1.08 or 1.0
    height = BOTTOM + sum(GAP + ROW * len(row.dots) for row in rows)

    def across(value: float) -> float:
        return round(LEFT + value / high * (WIDTH - LEFT - RIGHT), 1)

    parts = []
    for value in ticks(0, high):
        x = across(value)
        parts.append(
            markup('<line class="grid" x1="{x}" x2="{x}" y1="0" y2="{y}"/>', x=x, y=height - BOTTOM)
        )
        parts.append(svg_text(x, height - BOTTOM + 15, f"{value:g}", "middle"))
    parts.append(svg_text((LEFT + WIDTH - RIGHT) / 2, height - 3, label, "middle"))
    y = GAP / 2
    for row in rows:
        tall = ROW * len(row.dots)
        parts.append(svg_text(LEFT - 8, y + tall / 2 + 4, row.name, "end"))
        if row.chance is not None:
            x = across(row.chance)
            parts.append(
                markup(
                    '<line class="axis" stroke-dasharray="3 3" x1="{x}" x2="{x}" y1="{y}" '
                    'y2="{end}"><title>chance {chance:.3f}</title></line>',
                    x=x, y=y, end=y + tall, chance=row.chance,
                )
            )  # fmt: skip
        for number, dot in enumerate(row.dots):
            parts.append(
                markup(
                    '<g stroke="{colour}" fill="{colour}"><title>{value:.4f} '
                    "({low:.4f} … {high:.4f})</title>"
                    '<line stroke-width="2" x1="{left}" x2="{right}" y1="{middle}" y2="{middle}"/>'
                    '<circle cx="{at}" cy="{middle}" r="3.6"/></g>',
                    colour=COLOURS[dot.run % len(COLOURS)],
                    value=dot.value,
                    low=dot.low,
                    high=dot.high,
                    left=across(dot.low),
                    right=across(dot.high),
                    at=across(dot.value),
                    middle=y + ROW * (number + 0.5),
                )
            )
        y += tall + GAP
    return markup(
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        WIDTH,
        height,
        label,
        joined(parts),
    )


def legend(names: Sequence[str]) -> Safe:
    """Return the legend of runs, in the colours of their dots."""
    return legend_of([(name, COLOURS[n % len(COLOURS)]) for n, name in enumerate(names)])
