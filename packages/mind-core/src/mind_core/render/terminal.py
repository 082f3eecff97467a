"""Text on a terminal: tables in columns, and nothing that would steer the terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"
)
"""C0 without tab and line feed, DEL, C1, and what turns the direction of the text around it."""


def printable(text: str) -> str:
    """Return a text in which every control character is shown as an escape, such as `\\x1b`.

    Tabs and line feeds stay: tables and tracebacks are made of them. An id or a file name with a
    line feed can still begin a line of its own; `printable_line` shows that one too.
    """
    return _CONTROL.sub(_escape, text)


def printable_line(text: str) -> str:
    """Return a text for one line: tabs and line feeds are shown as escapes too."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    # JSON and TOML know the second form, and hold none of the first: they escape C0 themselves.
    return f"\\x{code:02x}" if code < 0x20 else f"\\u{code:04x}"


def align_columns(rows: Sequence[Sequence[str]], numbers: Sequence[bool] | int) -> list[str]:
    """Return the lines of a table: words to the left, numbers to the right.

    `numbers` says of each column whether it holds numbers, or how many of the last ones do. A cell
    is one line: what steers a terminal, and line feeds, are shown as escapes.
    """
    # Here and not where a table is printed, as some are written to files that people `cat`.
    rows = [[printable_line(cell) for cell in row] for row in rows]
    columns = len(rows[0])
    if isinstance(numbers, int):
        numbers = [column >= columns - numbers for column in range(columns)]
    widths = [max(width(row[column]) for row in rows) for column in range(columns)]
    lines = []
    for row in rows:
        cells = []
        for cell, wide, right in zip(row, widths, numbers, strict=True):
            space = " " * (wide - width(cell))
            cells.append(space + cell if right else cell + space)
        lines.append("  ".join(cells).rstrip())
    return lines


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes: a Chinese character takes two.

    Marks that combine with the character before them take none (UAX #11, UAX #44).
    """
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
