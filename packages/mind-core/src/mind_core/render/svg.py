"""What charts are made of: axes, ticks, texts, legends, and the frame of a picture."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from mind_core.safe_html import Safe, joined, markup

WIDTH, HEIGHT = 680, 260
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 14, 36
COLOURS = ("#c2410c", "#1d4ed8", "#15803d", "#7e22ce", "#b45309", "#0e7490", "#be123c", "#475569")

STYLE = markup(
    "<style>text{{font:12px system-ui,sans-serif;fill:#334155}}.grid{{stroke:#e2e8f0}}"
    ".axis{{stroke:#64748b}}.title{{font-weight:600}}</style>"
    '<rect width="100%" height="100%" fill="white"/>'
)


def picture(parts: Sequence[Safe], width: int, height: float, label: str) -> Safe:
    """Return a picture of its own, for a file: on white, with the styles that charts use."""
    return markup(
        '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{style}\n{parts}\n</svg>\n',
        width=width, height=height, label=label, style=STYLE, parts=joined(parts, "\n"),
    )  # fmt: skip


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return round numbers between two bounds, about `wanted` of them."""
    # Smaller than any normal number, a stretch has no steps.
    if high - low <= wanted * sys.float_info.min:
        return [low]
    raw = (high - low) / wanted
    exponent = math.floor(math.log10(raw))
    magnitude = 10.0**exponent
    # The first round step that is no finer than wanted; rounding in the end takes off
    # 0.30000000000000004, at a place that goes with the step: steps may be of any size.
    step = next(f * magnitude for f in (1, 2, 2.5, 5, 10) if f * magnitude >= raw)
    first = math.ceil(low / step)
    return [round(i * step, 9 - exponent) for i in range(first, math.floor(high / step) + 1)]


def svg_text(x: float, y: float, text: str, anchor: str) -> Safe:
    """Return a text; `anchor` is start, middle or end."""
    return markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>', x, y, anchor, text)


def shade(x: float, width: float, top: float, height: float) -> Safe:
    """Return a shaded stretch of the x axis."""
    return markup(
        '<rect x="{:.1f}" y="{}" width="{:.1f}" height="{}" fill="#000" opacity="0.08"/>',
        x, top, width, height,
    )  # fmt: skip


def key(names: Sequence[tuple[str, str, str]], top: float) -> Safe:
    """Return the legend inside a picture, a row a line: names, colours, dashes ("" for none)."""
    rows = []
    for number, (name, colour, dash) in enumerate(names):
        y = top + 16 * number
        rows.append(
            markup(
                '<path d="M{} {:.1f}h24" stroke="{}" stroke-width="2" stroke-dasharray="{}"/>',
                LEFT, y - 4, colour, dash or "none",
            )
        )  # fmt: skip
        rows.append(svg_text(LEFT + 32, y, name, "start"))
    return joined(rows)


def legend(names: Sequence[tuple[str, str]]) -> Safe:
    """Return a legend of names and their colours."""
    items = joined(
        markup('<li><i style="background:{}"></i>{}</li>', colour, name) for name, colour in names
    )
    return markup('<ul class="legend">{}</ul>', items)
