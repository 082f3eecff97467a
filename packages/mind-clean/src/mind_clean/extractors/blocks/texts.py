"""From the text nodes of a block to its text, and how much that looks like running text."""

from __future__ import annotations

import re

from mind_clean.extractors.blocks.elements import BREAK, HEADINGS
from mind_clean.extractors.line_breaks import WIDE

_IS_WIDE = re.compile(f"[{WIDE}]").match
_SENTENCE = re.compile(r"[,.;:!?](?:[\s\"'”’)]|$)|[，。；：！？、…]")
_LOOKED_AT = 2000
_LONG = 80
_SHORT = 25
_LINKED = 0.6


def value_of(text: str, kind: str, units: int, share: float) -> float:
    """Return how much a block looks like running text: long, unlinked, with sentences."""
    if units < _SHORT or share > _LINKED:
        return 0.0
    unlinked = units * (1 - share)
    if kind in HEADINGS:
        return unlinked * 0.1
    if kind == "pre":
        return unlinked
    if _SENTENCE.search(text, 0, _LOOKED_AT) is None:
        return unlinked * 0.3
    return unlinked * (1.5 if units >= _LONG else 0.7)


def joined(source: str, ascii_only: bool) -> str:
    """Return running text: white space as one space, none where Chinese lines were broken."""
    if not ascii_only:
        if "\n" in source:
            source = _unbroken(source)
        if BREAK in source:
            lines = [" ".join(line.split()) for line in source.split(BREAK)]
            return _few_blank_lines("\n".join(lines))
    return " ".join(source.split())


def _unbroken(source: str) -> str:
    """Join lines: with nothing where Chinese was broken (CSS Text 3 §4.1.3), else with a space."""
    parts: list[str] = []
    last = ""
    for line in source.split("\n"):
        line = line.strip(" \t\r")
        if line:
            if last and not (_IS_WIDE(last) and _IS_WIDE(line)):
                parts.append(" ")
            parts.append(line)
            last = line[-1]
    return "".join(parts)


def preformatted(source: str) -> str:
    """Return code with its lines and indentation."""
    lines = [line.rstrip() for line in source.replace(BREAK, "\n").split("\n")]
    return "\n".join(lines).strip("\n") if any(lines) else ""


def _few_blank_lines(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")
