"""The command `plot`: loss curves of one or more runs as one plain SVG, from metrics.jsonl.

Left the training loss (a running mean over it), right the held-out loss of each language in bits
per byte, so that Chinese and English share an axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.files import atomic_file
from mind_core.safe_html import Safe, joined, markup
from mind_train.metrics import METRICS, read_metrics

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 34, 40
BESIDE, LEGEND = 4, 190  # more curves than this have their names beside the panel, so wide
COLOURS = ("#2563eb", "#dc2626", "#059669", "#9333ea", "#d97706", "#0891b2")
DASHES = ("", "6 3", "2 3", "8 3 2 3")
POINTS = 400
GROUPINGS = {"language": "languages", "source": "validation"}

Point = tuple[float, float]


@dataclass(frozen=True)
class Curve:
    """One line of a panel."""

    name: str
    points: list[Point]
    colour: str
    dash: str = ""


def plot(runs: Sequence[Path], output: Path | None, by: str = "language") -> str:
    """Draw the curves of run folders into a file; give the SVG for stdout where there is none."""
    picture = draw(runs, by)
    if output is None:
        return picture
    with atomic_file(output) as file:
        file.write(picture.encode())
    return ""


def draw(runs: Sequence[Path], by: str = "language") -> str:
    """Draw the curves of run folders; give the SVG.

    Raises MindError for a run without metrics, UsageError for a ``by`` that is not known.
    """
    if by not in GROUPINGS:
        raise UsageError(f"--by {by!r} is not known", hint="one of " + ", ".join(GROUPINGS))
    training: list[Curve] = []
    held_out: list[Curve] = []
    for number, run in enumerate(runs):
        colour = COLOURS[number % len(COLOURS)]
        losses: list[Point] = []
        languages: dict[str, list[Point]] = {}
        for line in read_metrics(run / METRICS):
            if "loss" in line:
                losses.append((line["step"], line["loss"]))
            for language, score in line.get(GROUPINGS[by], {}).items():
                if score.get("bits_per_byte") is not None:
                    point = (line["step"], score["bits_per_byte"])
                    languages.setdefault(language, []).append(point)
        if not losses:
            raise MindError(f"{run} has no steps in {METRICS}", hint="give a run folder")
        training.append(Curve(run.name, smooth(losses), colour))
        for place, (language, points) in enumerate(sorted(languages.items())):
            name = f"{run.name} {language}" if len(runs) > 1 else language
            shade = colour if len(runs) > 1 else COLOURS[place % len(COLOURS)]
            held_out.append(Curve(name, points, shade, DASHES[place % len(DASHES)]))
    panels = [("training loss, nats per token", training)]
    if held_out:
        panels.append(("held-out loss, bits per byte", held_out))
    return _document(panels)


def smooth(points: Sequence[Point], share: float = 0.02) -> list[Point]:
    """Take the mean over a window of that share of all points; thin out to what can be seen."""
    window = max(1, round(len(points) * share))
    means, total = [], 0.0
    for i, (step, value) in enumerate(points):
        total += value - (points[i - window][1] if i >= window else 0.0)
        means.append((step, total / min(i + 1, window)))
    stride = max(1, len(means) // POINTS)
    return [p for i, p in enumerate(means) if i % stride == 0 or i == len(means) - 1]


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Choose round numbers between two values."""
    if high <= low:
        return [low]
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw)
    first = math.ceil(low / step)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def panel(title: str, curves: Sequence[Curve]) -> Safe:
    """Draw one panel with axes, grid, curves and a legend; give SVG elements."""
    finite = [p for c in curves for p in c.points if math.isfinite(p[1])]
    last = max(p[0] for p in finite)
    low, high = min(p[1] for p in finite), max(p[1] for p in finite)
    margin = (high - low) * 0.05 or 0.5
    low, high = low - margin, high + margin

    def x(step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * step / max(last, 1)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    out = [_text(LEFT, 18, "title", title)]
    for value in ticks(low, high):
        at = y(value)
        out.append(markup('<path d="M{} {:.1f}H{}" class="grid"/>', LEFT, at, WIDTH - RIGHT))
        out.append(_text(LEFT - 6, at + 4, "y", f"{value:g}"))
    for value in ticks(0, last):
        out.append(_text(x(value), HEIGHT - BOTTOM + 16, "x", f"{value:,.0f}"))
    out.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, "x", "step"))
    for number, curve in enumerate(curves):
        path = "L".join(f"{x(s):.1f} {y(v):.1f}" for s, v in curve.points if math.isfinite(v))
        out.append(_stroke(f"M{path}", curve))
        key = TOP + 12 + 16 * number
        at = WIDTH if len(curves) > BESIDE else WIDTH - 150
        out.append(_stroke(f"M{at} {key - 4}h20", curve))
        out.append(_text(at + 26, key, "", curve.name))
    return joined(out, "\n")


def _text(x: float, y: float, kind: str, text: str) -> Safe:
    return markup('<text x="{:.1f}" y="{:.1f}" class="{}">{}</text>', x, y, kind, text)


def _stroke(path: str, curve: Curve) -> Safe:
    return markup(
        '<path d="{}" class="curve" stroke="{}" stroke-dasharray="{}"/>',
        path,
        curve.colour,
        curve.dash or "none",
    )


def _document(panels: Sequence[tuple[str, list[Curve]]]) -> Safe:
    groups, width = [], 0
    for title, curves in panels:
        drawn = panel(title, curves)
        groups.append(markup('<g transform="translate({} 0)">\n{}\n</g>\n', width, drawn))
        width += WIDTH + (LEGEND if len(curves) > BESIDE else 0)
    return markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'width="{width}" height="{height}">\n'
        "<style>text{{font:12px system-ui,sans-serif;fill:#333}}"
        ".title{{font-weight:600;font-size:13px}}.y{{text-anchor:end}}.x{{text-anchor:middle}}"
        ".grid{{stroke:#ddd}}.curve{{fill:none;stroke-width:1.6}}</style>\n"
        '<rect width="{width}" height="{height}" fill="#fff"/>\n{groups}</svg>\n',
        width=width,
        height=HEIGHT,
        groups=joined(groups),
    )
