"""Draw scores with their intervals: a row a benchmark, a dot a run, chance as a tick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from mind_eval.report.svg import COLOURS, WIDTH, ticks

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


def interval_chart(rows: Sequence[Row], label: str) -> str:
    """Return an SVG of the rows over one axis that begins at 0; empty without rows."""
    if not rows:
        return ""
    top = max([dot.high for row in rows for dot in row.dots] + [row.chance or 0 for row in rows])
    high = top * 1.08 or 1.0
    height = BOTTOM + sum(GAP + ROW * len(row.dots) for row in rows)

    def across(value: float) -> float:
        return round(LEFT + value / high * (WIDTH - LEFT - RIGHT), 1)

    parts = []
    for value in ticks(0, high):
        x = across(value)
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="0" y2="{height - BOTTOM}"/>')
        parts.append(_text(x, height - BOTTOM + 15, f"{value:g}", "middle"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, height - 3, label, "middle"))
    y = GAP / 2
    for row in rows:
        tall = ROW * len(row.dots)
        parts.append(_text(LEFT - 8, y + tall / 2 + 4, row.name, "end"))
        if row.chance is not None:
            x = across(row.chance)
            parts.append(
                f'<line class="axis" stroke-dasharray="3 3" x1="{x}" x2="{x}" y1="{y}" '
                f'y2="{y + tall}"><title>chance {row.chance:.3f}</title></line>'
            )
        for number, dot in enumerate(row.dots):
            middle = y + ROW * (number + 0.5)
            colour = COLOURS[dot.run % len(COLOURS)]
            parts.append(
                f'<g stroke="{colour}" fill="{colour}"><title>{dot.value:.4f} '
                f"({dot.low:.4f} … {dot.high:.4f})</title>"
                f'<line stroke-width="2" x1="{across(dot.low)}" x2="{across(dot.high)}" '
                f'y1="{middle}" y2="{middle}"/>'
                f'<circle cx="{across(dot.value)}" cy="{middle}" r="3.6"/></g>'
            )
        y += tall + GAP
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">'
        + "".join(parts)
        + "</svg>"
    )


def legend(names: Sequence[str]) -> str:
    """Return the legend of runs, in the colours of their dots."""
    items = "".join(
        f'<li><i style="background:{COLOURS[number % len(COLOURS)]}"></i>{escape(name)}</li>'
        for number, name in enumerate(names)
    )
    return f'<ul class="legend">{items}</ul>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
