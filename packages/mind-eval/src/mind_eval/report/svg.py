"""Draw small charts as plain SVG: no script, no library, readable in any browser and on paper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 680, 260
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 14, 36
COLOURS = ("#c2410c", "#1d4ed8", "#15803d", "#7e22ce", "#b45309", "#0e7490", "#be123c", "#475569")


@dataclass(frozen=True)
class Line:
    """Hold one line of a chart: its name, and points (x, y)."""

    name: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False
    colour: str = ""
    band: Sequence[tuple[float, float]] = ()
    """For each point the bounds around it, drawn as a shade."""

    def paint(self, number: int) -> str:
        """Return its own colour, or the one for its place among the others."""
        return self.colour or COLOURS[number % len(COLOURS)]


def line_chart(
    lines: Sequence[Line], x_label: str, y_label: str, level: float | None = None
) -> str:
    """Return an SVG of lines over a common x axis, with a legend; empty without points.

    `level` is a dashed line across, such as chance.
    """
    points = [point for line in lines for point in line.points]
    if not points:
        return ""
    low_x, high_x = _range([x for x, _ in points])
    bounds = [bound for line in lines for pair in line.band for bound in pair]
    levels = [] if level is None else [level]
    low_y, high_y = _range([*(y for _, y in points), *bounds, *levels])

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - low_x) / (high_x - low_x) * (WIDTH - LEFT - RIGHT)
        up = (y - low_y) / (high_y - low_y) * (HEIGHT - TOP - BOTTOM)
        return round(LEFT + across, 1), round(HEIGHT - BOTTOM - up, 1)

    parts = [_frame(x_label, y_label)]
    for value in ticks(low_y, high_y):
        _, y = place(low_x, value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(_text(LEFT - 6, y + 4, f"{value:g}", "end"))
    for value in ticks(low_x, high_x):
        x, _ = place(value, low_y)
        parts.append(_text(x, HEIGHT - BOTTOM + 16, f"{value:g}", "middle"))
    if level is not None:
        _, y = place(low_x, level)
        parts.append(
            f'<line class="axis" stroke-dasharray="3 3" x1="{LEFT}" x2="{WIDTH - RIGHT}" '
            f'y1="{y}" y2="{y}"/>'
        )
    for number, line in enumerate(lines):
        colour = line.paint(number)
        if line.band:
            xs = [x for x, _ in line.points]
            edge = [*zip(xs, (high for _, high in line.band), strict=True)]
            edge += [*zip(xs, (low for low, _ in line.band), strict=True)][::-1]
            shade = " ".join(f"{x},{y}" for x, y in (place(*point) for point in edge))
            parts.append(f'<polygon fill="{colour}" opacity="0.15" points="{shade}"/>')
        path = " ".join(f"{x},{y}" for x, y in (place(*point) for point in line.points))
        dash = ' stroke-dasharray="5 4"' if line.dashed else ""
        parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="2"{dash} points="{path}"/>'
        )
    return _svg(parts) + _legend(lines)


def histogram(groups: Sequence[Line], x_label: str, band: tuple[float, float] | None = None) -> str:
    """Return an SVG of how often values occur; each group's points are (value, 1).

    `band` is drawn as a shaded stretch of the x axis.
    """
    values = [x for group in groups for x, _ in group.points]
    if len(values) < 2:
        return ""
    low, high = _range(values)
    bins = 40
    counts = []
    for group in groups:
        row = [0] * bins
        for x, _ in group.points:
            row[min(bins - 1, int((x - low) / (high - low) * bins))] += 1
        counts.append(row)
    top = max(max(row) for row in counts)
    scale_x = (WIDTH - LEFT - RIGHT) / (high - low)
    parts = [_frame(x_label, "records")]
    if band is not None:
        left = LEFT + (max(band[0], low) - low) * scale_x
        width = max(0.0, (min(band[1], high) - max(band[0], low)) * scale_x)
        parts.append(
            f'<rect class="band" x="{left:.1f}" y="{TOP}" width="{width:.1f}" '
            f'height="{HEIGHT - TOP - BOTTOM}"/>'
        )
    step = (WIDTH - LEFT - RIGHT) / bins
    for number, row in enumerate(counts):
        for position, count in enumerate(row):
            height = count / top * (HEIGHT - TOP - BOTTOM)
            parts.append(
                f'<rect x="{LEFT + position * step:.1f}" y="{HEIGHT - BOTTOM - height:.1f}" '
                f'width="{step - 1:.1f}" height="{height:.1f}" '
                f'fill="{groups[number].paint(number)}" fill-opacity="0.55"/>'
            )
    for value in ticks(low, high):
        parts.append(
            _text(LEFT + (value - low) * scale_x, HEIGHT - BOTTOM + 16, f"{value:g}", "middle")
        )
    for value in ticks(0, top):
        y = HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)
        parts.append(_text(LEFT - 6, y + 4, f"{value:g}", "end"))
    return _svg(parts) + _legend(groups)


def bar(share: float, title: str) -> str:
    """Return a bar of HTML for a share between 0 and 1."""
    return (
        f'<span class="bar" title="{escape(title)}"><i style="width:{share * 100:.2f}%"></i></span>'
    )


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return round numbers between two bounds, about `wanted` of them."""
    if high <= low:
        return [low]
    raw = (high - low) / wanted
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(f * magnitude for f in (1, 2, 2.5, 5, 10) if f * magnitude >= raw)
    first = math.ceil(low / step)
    return [round(i * step, 10) for i in range(first, math.floor(high / step) + 1)]


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _svg(parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" xmlns="http://www.w3.org/2000/svg">'
        + "".join(parts)
        + "</svg>"
    )


def _frame(x_label: str, y_label: str) -> str:
    bottom = HEIGHT - BOTTOM
    return (
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom}" y2="{bottom}"/>'
        f'<line class="axis" x1="{LEFT}" x2="{LEFT}" y1="{TOP}" y2="{bottom}"/>'
        + _text(WIDTH - RIGHT, HEIGHT - 4, x_label, "end")
        + f'<text x="14" y="{TOP + 4}" transform="rotate(-90 14 {TOP + 4})" text-anchor="end">'
        + f"{escape(y_label)}</text>"
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _legend(lines: Sequence[Line]) -> str:
    items = "".join(
        f'<li><i style="background:{line.paint(number)}"></i>{escape(line.name)}</li>'
        for number, line in enumerate(lines)
    )
    return f'<ul class="legend">{items}</ul>'
