"""Tables of text in columns, for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


def align_columns(rows: Sequence[Sequence[str]], numbers: Sequence[bool] | int) -> list[str]:
    """Return the lines of a table: words to the left, numbers to the right.

    `numbers` says of each column whether it holds numbers, or how many of the last ones do.
    """
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
