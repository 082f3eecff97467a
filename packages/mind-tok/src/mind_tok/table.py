"""What `inspect` found, as a table and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from mind_core.render.pictures import bar_picture
from mind_core.render.terminal import align_columns
from mind_core.safe_html import Safe

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
        *_aligned(
            [[title for title, _, _ in _COLUMNS], *(_cells(row) for row in rows)],
            [bool(form) for _, _, form in _COLUMNS],
        ),
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


def as_comparison(names: Sequence[str], reports: Sequence[dict[str, Any]]) -> str:
    """Return several tokenizers side by side: tokens per character, the fewer the better."""
    rows = [["language", "source", "characters", *names]]
    entries = [f"{report['tokenizer']['vocab_size']:,}" for report in reports]
    rows.append(["entries", "", "", *entries])
    for key in _groups_of(reports[0]):
        found = [_groups_of(report)[key] for report in reports]
        values = [_number(row["tokens_per_character"], ".3f") for row in found]
        rows.append([*key, f"{found[0]['characters']:,}", *values])
    for title, part, name, form in (
        ("bytes a token", "total", "bytes_per_token", ".3f"),
        ("coverage", "total", "coverage", ".3%"),
        ("unused", "vocabulary", "unused_share", ".1%"),
        ("texts that differ", "round_trip", "different", ",d"),
    ):
        values = [_number(report[part][name], form) for report in reports]
        rows.append([title, "", "", *values])
    numbers = [False, False, True, *(True for _ in names)]
    return "tokens per character\n" + "\n".join(_aligned(rows, numbers)) + "\n"


def _groups_of(report: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    rows = {(row["language"], row["source"]): row for row in report["groups"]}
    rows.update({(row["language"], "(all)"): row for row in report["languages"]})
    return {**rows, ("(all)", "(all)"): report["total"]}


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def as_json(report: Any) -> str:
    """Return the report, or several, as indented JSON."""
    return orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _cells(row: dict[str, Any]) -> list[str]:
    return ["-" if row[key] is None else format(row[key], form) for _, key, form in _COLUMNS]


def _aligned(rows: Sequence[list[str]], numbers: Sequence[bool]) -> list[str]:
    return align_columns([[_cut(cell) for cell in row] for row in rows], numbers)


def _cut(cell: str) -> str:
    return cell if len(cell) <= _WIDEST else cell[: _WIDEST - 1] + "…"


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
