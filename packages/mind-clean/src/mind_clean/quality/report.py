"""The page of a trained model: what its thresholds keep and drop, by language."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from mind_clean.report import STYLE
from mind_core.render.chart import Line, line_chart
from mind_core.safe_html import document, joined, markup

_STEPS = 200
_HEAD = ("language", "good", "bad", "threshold", "good kept", "bad dropped", "AUC")
_SVG_STYLE = "svg { max-width: 40rem; width: 100%; height: auto; }"


def curve(good: Sequence[float], bad: Sequence[float]) -> list[tuple[float, float]]:
    """Return the share of bad texts kept and that of good ones, for thresholds from 1 to 0."""
    if not good or not bad:
        return []
    points = []
    for step in range(_STEPS + 1):
        threshold = 1 - step / _STEPS
        points.append(
            (
                # The scores are sorted, so that what lies below a threshold is a place among them.
                1 - bisect_left(bad, threshold) / len(bad),
                1 - bisect_left(good, threshold) / len(good),
            )
        )
    return points


def page(rows: Sequence[dict[str, Any]], scores: dict[str, tuple[list[float], list[float]]]) -> str:
    """Return the page as HTML: a table by language, and a curve for each."""
    lines = [Line(name, curve(*found)) for name, found in scores.items() if all(found)]
    body = markup(
        "<h1>quality</h1><p>On texts that neither the weights nor the thresholds were chosen by: "
        "how many stay.</p><table><tr>{head}</tr>{rows}</table>"
        "<h2>Good texts kept against bad texts kept</h2>{chart}",
        head=joined(markup("<th>{}</th>", name) for name in _HEAD),
        rows=joined(
            markup(
                "<tr>{}</tr>", joined(markup("<td>{}</td>", shown(cell)) for cell in row.values())
            )
            for row in rows
        ),
        chart=line_chart(lines, "bad texts kept", "good texts kept"),
    )
    return document("quality", STYLE + _SVG_STYLE, body)


def shown(cell: Any) -> str:
    """Return a cell as people read it."""
    if cell is None:
        return "–"
    return f"{cell:.4f}" if isinstance(cell, float) else f"{cell}"
