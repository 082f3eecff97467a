"""Draw small charts as plain SVG: no script, no library, readable in any browser and on paper.

`line_chart` and `histogram` are parts of a page, which has the styles; `pictures` makes files of
their own. A point that is not finite is left out.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from mind_core.render.svg import (
    BOTTOM,
    COLOURS,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    legend,
    svg_text,
    ticks,
)
from mind_core.safe_html import Safe, joined, markup

SMOOTHING = 25
MAX_POINTS = 300


@dataclass(frozen=True)
class Line:
    """Hold one line of a chart: its name, and points (x, y)."""

    name: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False
    colour: str = ""
    band: Sequence[tuple[float, float]] = ()
    """For each point the bounds around it, drawn as a shade."""
    dashes: str = ""
    """Lengths of dashes and gaps; by default those of `dashed`."""

    @property
    def dash(self) -> str:
        """Return the lengths of dashes and gaps, "" for a whole line."""
        return self.dashes or ("5 4" if self.dashed else "")

    def paint(self, number: int) -> str:
        """Return its own colour, or the one for its place among the others."""
        return self.colour or COLOURS[number % len(COLOURS)]


def smooth(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return a running mean over the last points, so that a curve shows its course.

    Points that are not finite are left out: one would spoil the mean of all after it.
    """
    result: list[tuple[float, float]] = []
    total, window = 0.0, _finite(points)
    for position, (x, y) in enumerate(window):
        total += y
        if position >= SMOOTHING:
            total -= window[position - SMOOTHING][1]
        result.append((x, total / min(position + 1, SMOOTHING)))
    return result


def thin_out(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return every so manieth point: about as many as can be seen."""
    return list(points[:: max(1, len(points) // MAX_POINTS)])


def line_chart(
    lines: Sequence[Line], x_label: str, y_label: str, level: float | None = None
) -> Safe:
    """Return an SVG of lines over a common x axis, with a legend; empty without points.

    `level` is a dashed line across, such as chance.
    """
    parts = line_parts(lines, x_label, y_label, level)
    return markup("{}{}", _svg(parts), _legend(lines)) if parts else markup("")


def _finite(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]


def _finite_line(line: Line) -> Line:
    """Return a line without the points that are not finite, nor their bounds."""
    if not line.band:
        return replace(line, points=_finite(line.points))
    both = [
        (point, bounds)
        for point, bounds in zip(line.points, line.band, strict=True)
        if all(map(math.isfinite, point))
    ]
    return replace(line, points=[point for point, _ in both], band=[bounds for _, bounds in both])


def line_parts(
    lines: Sequence[Line],
    x_label: str,
    y_label: str,
    level: float | None,
    mark: tuple[float, str] | None = None,
) -> list[Safe]:
    """Return axes, grid and lines of a chart; nothing without points.

    `mark` is a value of the x axis with a line across, and what it says.
    """
    lines = [_finite_line(line) for line in lines]
    points = [point for line in lines for point in line.points]
    if not points:
        return []
    low_x, high_x = _range([x for x, _ in points])
    bounds = [bound for line in lines for pair in _finite(line.band) for bound in pair]
    levels = [] if level is None else [level]
    low_y, high_y = _range([*(y for _, y in points), *bounds, *levels])

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - low_x) / (high_x - low_x) * (WIDTH - LEFT - RIGHT)
        up = (y - low_y) / (high_y - low_y) * (HEIGHT - TOP - BOTTOM)
        # y of a picture grows downwards. A tenth of a pixel is more than can be seen.
        return round(LEFT + across, 1), round(HEIGHT - BOTTOM - up, 1)

    parts = [_frame(x_label, y_label)]
    for value in ticks(low_y, high_y):
        _, y = place(low_x, value)
        parts.append(_across("grid", y))
        parts.append(svg_text(LEFT - 6, y + 4, f"{value:g}", "end"))
    for value in ticks(low_x, high_x):
        x, _ = place(value, low_y)
        parts.append(svg_text(x, HEIGHT - BOTTOM + 16, f"{value:g}", "middle"))
    if level is not None:
        _, y = place(low_x, level)
        parts.append(_across("axis", y, "3 3"))
    if mark is not None:
        x, _ = place(mark[0], low_y)
        parts.append(
            markup(
                '<path class="axis" stroke-dasharray="5 4" d="M{} {}V{}"/>', x, TOP, HEIGHT - BOTTOM
            )
        )
        parts.append(svg_text(x - 6, TOP + 14, mark[1], "end"))
    for number, line in enumerate(lines):
        parts += _line(line, line.paint(number), place)
    return parts


def _line(
    line: Line, colour: str, place: Callable[[float, float], tuple[float, float]]
) -> Iterator[Safe]:
    """Yield the shade of a line's band, and the line."""
    # A point may be known where its bounds are not: the line goes through it, the shade does not.
    bounds = [
        (x, low, high)
        for (x, _), (low, high) in zip(line.points, line.band, strict=False)
        if math.isfinite(low) and math.isfinite(high)
    ]
    if bounds:
        # Forth along the upper bounds and back along the lower ones: one closed shape.
        edge = [(x, high) for x, _, high in bounds] + [(x, low) for x, low, _ in bounds[::-1]]
        shade = " ".join(f"{x},{y}" for x, y in (place(*point) for point in edge))
        yield markup('<polygon fill="{}" opacity="0.15" points="{}"/>', colour, shade)
    path = " ".join(f"{x},{y}" for x, y in (place(*point) for point in line.points))
    yield markup(
        '<polyline fill="none" stroke="{}" stroke-width="2" stroke-dasharray="{}" points="{}"/>',
        colour,
        line.dash or "none",
        path,
    )


def histogram(
    groups: Sequence[Line], x_label: str, band: tuple[float, float] | None = None
) -> Safe:
    """Return an SVG of how often values occur; each group's points are (value, 1).

    `band` is drawn as a shaded stretch of the x axis.
    """
    groups = [replace(group, points=_finite(group.points)) for group in groups]
    values = [x for group in groups for x, _ in group.points]
    if len(values) < 2:
        return markup("")
    low, high = _range(values)
    bins = 40
    counts = []
    for group in groups:
        row = [0] * bins
        for x, _ in group.points:
            # The highest value of all would be one past the last bin.
            row[min(bins - 1, int((x - low) / (high - low) * bins))] += 1
        counts.append(row)
    top = max(max(row) for row in counts)
    scale_x = (WIDTH - LEFT - RIGHT) / (high - low)
    parts = [_frame(x_label, "records")]
    if band is not None:
        left = LEFT + (max(band[0], low) - low) * scale_x
        width = max(0.0, (min(band[1], high) - max(band[0], low)) * scale_x)
        parts.append(
            markup(
                '<rect class="band" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>',
                left, TOP, width, HEIGHT - TOP - BOTTOM,
            )
        )  # fmt: skip
    step = (WIDTH - LEFT - RIGHT) / bins
    for number, row in enumerate(counts):
        for position, count in enumerate(row):
            height = count / top * (HEIGHT - TOP - BOTTOM)
            parts.append(
                markup(
                    '<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
                    'fill="{fill}" fill-opacity="0.55"/>',
                    x=LEFT + position * step,
                    y=HEIGHT - BOTTOM - height,
                    width=step - 1,
                    height=height,
                    fill=groups[number].paint(number),
                )
            )
    for value in ticks(low, high):
        parts.append(
            svg_text(LEFT + (value - low) * scale_x, HEIGHT - BOTTOM + 16, f"{value:g}", "middle")
        )
    for value in ticks(0, top):
        y = HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)
        parts.append(svg_text(LEFT - 6, y + 4, f"{value:g}", "end"))
    return markup("{}{}", _svg(parts), _legend(groups))


def bar(share: float, title: str) -> Safe:
    """Return a bar of HTML for a share between 0 and 1."""
    return markup(
        '<span class="bar" title="{}"><i style="width:{:.2f}%"></i></span>', title, share * 100
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if high > low:
        return low, high
    # Of a single value there is no stretch to divide by. From 2^53 on a half would be rounded away,
    # so there the stretch grows with the value.
    around = max(0.5, abs(low) * 1e-9)
    return max(low - around, -sys.float_info.max), min(high + around, sys.float_info.max)


def _svg(parts: Sequence[Safe]) -> Safe:
    return markup(
        '<svg viewBox="0 0 {} {}" role="img" xmlns="http://www.w3.org/2000/svg">{}</svg>',
        WIDTH,
        HEIGHT,
        joined(parts),
    )


def _frame(x_label: str, y_label: str) -> Safe:
    bottom = HEIGHT - BOTTOM
    upright = markup(
        '<line class="axis" x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>',
        x=LEFT, top=TOP, bottom=bottom,
    )  # fmt: skip
    label = markup(
        '<text x="14" y="{y}" transform="rotate(-90 14 {y})" text-anchor="end">{label}</text>',
        y=TOP + 4, label=y_label,
    )  # fmt: skip
    words = svg_text(WIDTH - RIGHT, HEIGHT - 4, x_label, "end")
    return joined([_across("axis", bottom), upright, words, label])


def _across(kind: str, y: float, dashes: str = "none") -> Safe:
    """Return a line over the whole width."""
    return markup(
        '<line class="{kind}" stroke-dasharray="{dashes}" x1="{left}" x2="{right}" y1="{y}" '
        'y2="{y}"/>',
        kind=kind,
        dashes=dashes,
        left=LEFT,
        right=WIDTH - RIGHT,
        y=y,
    )


def _legend(lines: Sequence[Line]) -> Safe:
    return legend([(line.name, line.paint(number)) for number, line in enumerate(lines)])
