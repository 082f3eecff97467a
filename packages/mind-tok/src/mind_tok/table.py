"""Show what `inspect` found as a table for people."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import orjson

_COLUMNS = (
    ("language", "language", ""),
    ("source", "source", ""),
    ("documents", "documents", ",d"),
    ("bytes", "bytes", ",d"),
    ("characters", "characters", ",d"),
    ("tokens", "tokens", ",d"),
    ("bytes/token", "bytes_per_token", ".3f"),
    ("tokens/char", "tokens_per_character", ".3f"),
    ("coverage", "coverage", ".3%"),
)
_WIDEST = 40


def as_table(report: dict[str, Any]) -> str:
    """Return the report of `mind_tok.inspect.report` as text."""
    tokenizer, words = report["tokenizer"], report["vocabulary"]
    rows = [
        *report["groups"],
        *({**row, "source": "(all)"} for row in report["languages"]),
        {**report["total"], "language": "(all)", "source": "(all)"},
    ]
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in words["kinds"].items())
    lines = [
        f"{tokenizer['component']} tokenizer of {tokenizer['vocab_size']:,} entries: {kinds}",
        "",
        *_aligned([[title for title, _, _ in _COLUMNS], *(_cells(row) for row in rows)]),
        "",
        f"unused: {words['unused']:,} of the text entries"
        + (f" ({words['unused_share']:.1%})" if words["unused"] else ""),
        *_examples(words["unused_examples"]),
        "longest:",
        *_examples(words["longest"]),
        "",
        *_round_trip(report["round_trip"]),
    ]
    return "\n".join(lines) + "\n"


def as_json(report: dict[str, Any]) -> str:
    """Return the report as indented JSON."""
    return orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _cells(row: dict[str, Any]) -> list[str]:
    return ["-" if row[key] is None else format(row[key], form) for _, key, form in _COLUMNS]


def _aligned(rows: Sequence[list[str]]) -> list[str]:
    """Align words to the left and numbers to the right; Chinese characters take two columns."""
    rows = [[_cut(cell) for cell in row] for row in rows]
    widths = [max(_width(row[i]) for row in rows) for i in range(len(_COLUMNS))]
    lines = []
    for row in rows:
        cells = []
        for cell, width, (_, _, form) in zip(row, widths, _COLUMNS, strict=True):
            space = " " * (width - _width(cell))
            cells.append(space + cell if form else cell + space)
        lines.append("  ".join(cells).rstrip())
    return lines


def _cut(cell: str) -> str:
    return cell if len(cell) <= _WIDEST else cell[: _WIDEST - 1] + "…"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _examples(tokens: Sequence[dict[str, Any]]) -> list[str]:
    return [f"  {token['id']:>7}  {token['text']!r}  {token['used']:,}x" for token in tokens]


def _round_trip(found: dict[str, Any]) -> list[str]:
    if not found["different"]:
        return [f"round trip: exact in all {found['documents']:,} documents"]
    first = found["first"]
    return [
        f"round trip: {found['different']:,} of {found['documents']:,} documents differ; the first "
        f"one at {first['position']}, character {first['character']:,}:",
        f"  text     {first['text']!r}",
        f"  decoded  {first['decoded']!r}",
    ]
