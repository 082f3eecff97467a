"""Draw several tokenizers side by side, as an SVG that any browser shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mind_core.safe_html import Safe, joined, markup

COLOURS = ("#4878a8", "#d98032", "#5a9a5a", "#b85450", "#8a6fa8", "#8c6d53", "#c67fb5", "#7f7f7f")
_LEFT, _TOP, _BAR, _GAP, _WIDTH, _NUMBER = 150, 40, 18, 24, 480, 60


def as_svg(names: Sequence[str], reports: Sequence[dict[str, Any]]) -> Safe:
    """Return bars of tokens per character: for each language one of each tokenizer.

    A language that some tokenizer has no figure for is left out.
    """
    languages = [row["language"] for row in reports[0]["languages"]]
    figures = {
        language: [_figure(report, language) for report in reports] for language in languages
    }
    rows = {name: values for name, values in figures.items() if None not in values}
    most = max((value or 0 for values in rows.values() for value in values), default=1) or 1
    parts, y = [], _TOP
    for language, values in rows.items():
        parts.append(_text(10, y + _BAR - 5, language, "bold"))
        for number, (name, value) in enumerate(zip(names, values, strict=True)):
            width = (value or 0) / most * _WIDTH
            colour = COLOURS[number % len(COLOURS)]
            parts.append(
                markup(
                    '<rect x="{x}" y="{y}" width="{width:.1f}" height="{height}" fill="{colour}">'
                    "<title>{name}: {value:.3f}</title></rect>",
                    x=_LEFT, y=y, width=width, height=_BAR - 3, colour=colour,
                    name=name, value=value,
                )
            )  # fmt: skip
            parts.append(_text(_LEFT - 6, y + _BAR - 6, name, anchor="end"))
            parts.append(_text(_LEFT + width + 5, y + _BAR - 6, f"{value:.3f}"))
            y += _BAR
        y += _GAP
    title = _text(10, 22, "Tokens per character (fewer is better)", "bold")
    width = _LEFT + _WIDTH + _NUMBER
    return markup(
        '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">\n'
        '<rect width="100%" height="100%" fill="white"/>\n{title}\n{bars}\n</svg>\n',
        width=width,
        height=y,
        title=title,
        bars=joined(parts, "\n"),
    )


def _figure(report: dict[str, Any], language: str) -> float | None:
    for row in report["languages"]:
        if row["language"] == language:
            value: float | None = row["tokens_per_character"]
            return value
    return None


def _text(x: float, y: float, text: str, weight: str = "normal", anchor: str = "start") -> Safe:
    return markup(
        '<text x="{:.1f}" y="{:.1f}" font-weight="{}" text-anchor="{}">{}</text>',
        x, y, weight, anchor, text,
    )  # fmt: skip
