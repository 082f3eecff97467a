"""Tables of training runs: CSV or JSONL, one finished run a row, under any column names."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from mind_core.errors import MindError, UsageError
from mind_core.stream import content_of, open_input

Array = NDArray[np.float64]

MAX_BYTES = 64 << 20


@dataclass(frozen=True)
class RunColumns:
    """Names of the columns: parameters, tokens, final loss; by choice a group and a run's name."""

    size: str = "size"
    tokens: str = "tokens"
    loss: str = "loss"
    group: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Runs:
    """Runs of one group: parameters, tokens and loss float64 (n,), and a name for each."""

    parameters: Array
    tokens: Array
    loss: Array
    names: tuple[str, ...]
    left_out: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.loss)

    def where(self, chosen: NDArray[np.bool_]) -> Runs:
        """Return the chosen runs."""
        return Runs(
            self.parameters[chosen], self.tokens[chosen], self.loss[chosen],
            tuple(name for name, keep in zip(self.names, chosen, strict=True) if keep),
        )  # fmt: skip


def read_runs(path: Path, columns: RunColumns) -> dict[str, Runs]:
    """Return the runs of each group (one named "" without a group column), in file order.

    A cell that is missing, no number, not finite or not positive, and the same run twice, are
    errors with the line; nothing is left out in silence.
    """
    groups: dict[str, list[tuple[float, float, float, str]]] = {}
    rows_read = list(table_rows(path))
    _refuse_unnamed_groups(path, columns, [row for _, row in rows_read])
    for line, row in rows_read:
        group = _text(row, columns.group, path, line) if columns.group else ""
        size, tokens, loss = (
            _number(row, name, path, line) for name in (columns.size, columns.tokens, columns.loss)
        )
        name = _text(row, columns.name, path, line) if columns.name else f"line {line}"
        groups.setdefault(group, []).append((size, tokens, loss, name))
    if not groups:
        raise MindError(f"{path} has no runs", hint="a header line, then one run a line")
    for group, rows in groups.items():
        twice = [name for name, count in Counter(row[3] for row in rows).items() if count > 1]
        if twice:
            raise MindError(
                f"{path}: the run {twice[0]} stands there {rows_named(rows, twice[0])} times"
                + (f" in {group}" if group else ""),
                hint="keep one row for each run; without --name rows are named by their lines",
            )
    return {
        group: Runs(
            np.array([row[0] for row in rows]), np.array([row[1] for row in rows]),
            np.array([row[2] for row in rows]), tuple(row[3] for row in rows),
        )
        for group, rows in groups.items()
    }  # fmt: skip


def _refuse_unnamed_groups(path: Path, columns: RunColumns, rows: list[dict[str, object]]) -> None:
    """Raise UsageError where a column of texts says that the runs are of several kinds.

    Runs on three corpora follow three laws (Gadre et al. 2024); one fit of all is a wrong one.
    """
    named = {columns.size, columns.tokens, columns.loss, columns.group, columns.name}
    for name in rows[0] if rows else ():
        values = {str(row.get(name)) for row in rows}
        # At most half as many values as rows: names of single runs are no kinds.
        if name in named or not 1 < len(values) <= len(rows) // 2 or not all(map(_is_word, values)):
            continue
        raise UsageError(
            f"{path} has runs of {len(values)} kinds of {name}: {', '.join(sorted(values)[:5])}",
            hint=f"--group {name} gives each its own law; --pool {name} gives one, if they agree",
        )


def _is_word(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return bool(text)
    return False


def rows_named(rows: list[tuple[float, float, float, str]], name: str) -> int:
    """Return how many rows have this name."""
    return sum(row[3] == name for row in rows)


def table_rows(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield the line number and the cells of each row."""
    with open_input(path) as (source, name):
        pieces, size = [], 0
        # Bounded while it is unpacked: a small packed file may hold far more.
        for piece in content_of(source, name):
            size += len(piece)
            if size > MAX_BYTES:
                raise MindError(
                    f"{path} holds more than {MAX_BYTES >> 20} MiB, which no table does"
                )
            pieces.append(piece)
    try:
        lines = io.StringIO(b"".join(pieces).decode("utf-8-sig"), newline="")
    except UnicodeDecodeError as error:
        raise MindError(f"{path} is not UTF-8", cause=error) from None
    # By the first character: a header of CSV does not begin with a brace.
    if lines.read(1) == "{":
        lines.seek(0)
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    row = orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    raise MindError(f"{path}, line {number} is no JSON", cause=error) from None
                if not isinstance(row, dict):
                    raise MindError(
                        f"{path}, line {number} is no JSON object",
                        hint='one run a line: {"size": …, "tokens": …, "loss": …}',
                    )
                yield number, row
        return
    lines.seek(0)
    rows = csv.reader(lines)
    try:
        yield from _csv_rows(rows, path)
    except csv.Error as error:
        raise MindError(f"{path}, line {rows.line_num} is no row of CSV", cause=error) from None


def _csv_rows(rows: Any, path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    header: list[str] = next(rows, [])
    for cells in rows:
        if not cells:
            continue
        if len(cells) != len(header):
            raise MindError(
                f"{path}, line {rows.line_num} has {len(cells)} cells, the header {len(header)}",
                hint="quote cells that hold a comma",
            )
        yield rows.line_num, dict(zip(header, cells, strict=True))


def _text(row: dict[str, object], name: str, path: Path, line: int) -> str:
    if name not in row:
        raise UsageError(
            f"{path}, line {line} has no column {name!r}",
            hint=f"it has {', '.join(map(repr, row))}; name yours with --size, --tokens, --loss",
        )
    return str(row[name])


def _number(row: dict[str, object], name: str, path: Path, line: int) -> float:
    text = _text(row, name, path, line)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value <= 0:
        raise MindError(
            f"{path}, line {line}: {name} is {text!r}",
            cause="a scaling law needs positive, finite numbers: a run that diverged or did not "
            "finish is no point of it",
            hint="remove the row",
        )
    return value
