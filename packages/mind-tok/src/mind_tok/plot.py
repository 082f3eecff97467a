"""Draw several tokenizers side by side, as an SVG that any browser shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mind_core.render.pictures import bar_picture
from mind_core.safe_html import Safe


def as_svg(names: Sequence[str], reports: Sequence[dict[str, Any]]) -> Safe:
    """Return bars of tokens per character: for each language one of each tokenizer.

    A language that some tokenizer has no figure for is left out.
    """
    groups = []
    for row in reports[0]["languages"]:
        values = [_figure(report, row["language"]) for report in reports]
        if None not in values:
            groups.append((row["language"], list(zip(names, values, strict=True))))
    return bar_picture("Tokens per character (fewer is better)", groups)


def _figure(report: dict[str, Any], language: str) -> float | None:
    for row in report["languages"]:
        if row["language"] == language:
            value: float | None = row["tokens_per_character"]
            return value
    return None
