"""Draw pictures that are files of their own: panels of lines, and bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mind_core.render.chart import Line, line_parts
from mind_core.render.svg import COLOURS, HEIGHT, LEFT, WIDTH, key, picture, svg_text
from mind_core.safe_html import Safe, joined, markup


@dataclass(frozen=True)
class Panel:
    """Hold one chart of a picture: a title, lines, the names of its axes."""

    title: str
    lines: Sequence[Line]
    x_label: str
    y_label: str
    mark: tuple[float, str] | None = None
    """A value of the x axis with a line across, and what it says."""


def line_picture(panels: Sequence[Panel], label: str) -> Safe:
    """Return a picture of panels side by side, each with its legend below."""
    groups, most, title = [], max(len(panel.lines) for panel in panels), 24
    for number, panel in enumerate(panels):
        parts = line_parts(panel.lines, panel.x_label, panel.y_label, None, panel.mark)
        names = [(line.name, line.paint(n), line.dash) for n, line in enumerate(panel.lines)]
        groups.append(
            markup(
                '<g transform="translate({} 0)"><text class="title" x="{}" y="17">{}</text>'
                '<g transform="translate(0 {})">{}</g>{}</g>',
                number * WIDTH, LEFT, panel.title, title, joined(parts),
                key(names, title + HEIGHT + 16),
            )
        )  # fmt: skip
    return picture(groups, WIDTH * len(panels), title + HEIGHT + 16 * (most + 1), label)


def bar_picture(
    title: str, groups: Sequence[tuple[str, Sequence[tuple[str, float | None]]]], form: str = ".3f"
) -> Safe:
    """Return a picture of bars to the right: in each group one of each name, with its value."""
    left, top, tall, gap, width, room = 150, 40, 18, 24, 480, 60
    values = [value or 0 for _, bars in groups for _, value in bars]
    # All bars are shares of the longest one, and of 1 where all are 0.
    most = max(values, default=1) or 1
    parts, y = [_strong(10, 22, title)], top
    for group, bars in groups:
        parts.append(_strong(10, y + tall - 5, group))
        for number, (name, value) in enumerate(bars):
            wide = (value or 0) / most * width
            shown = "–" if value is None else format(value, form)
            parts.append(
                markup(
                    '<rect x="{x}" y="{y}" width="{width:.1f}" height="{height}" fill="{colour}">'
                    "<title>{name}: {value}</title></rect>",
                    x=left, y=y, width=wide, height=tall - 3, name=name, value=shown,
                    colour=COLOURS[number % len(COLOURS)],
                )
            )  # fmt: skip
            parts.append(svg_text(left - 6, y + tall - 6, name, "end"))
            parts.append(svg_text(left + wide + 5, y + tall - 6, shown, "start"))
            y += tall
        y += gap
    return picture(parts, left + width + room, y, title)


def _strong(x: float, y: float, text: str) -> Safe:
    return markup('<text class="title" x="{}" y="{}">{}</text>', x, y, text)
