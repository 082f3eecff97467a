"""Cut what was written."""

from __future__ import annotations

from collections.abc import Sequence


def trimmed(text: str, stops: Sequence[str]) -> str:
    """Cut a text before the first stop string in it."""
    ends = [place for place in (text.find(stop) for stop in stops if stop) if place >= 0]
    return text[: min(ends)] if ends else text
