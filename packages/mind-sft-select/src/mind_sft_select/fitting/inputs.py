"""Cells for a fit, read from a table of rows, or from the folders that mind-eval wrote."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.files import read_manifest
from mind_core.stream import read_records
from mind_core.whole_files import read_whole


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read rows of `cluster`, `gap`, `seed` and `items`, `value` or `folder`: JSON Lines or CSV.

    Raises `MindError` for a table without rows.
    """
    if path.suffix == ".csv":
        try:
            # Spreadsheets begin a file with a byte order mark; the csv module wants line ends as
            # they are.
            text = io.StringIO(read_whole(path).decode("utf-8-sig"), newline="")
            rows = [_numbers(row) for row in csv.DictReader(text)]
        except (csv.Error, UnicodeDecodeError) as error:
            raise MindError(f"{path} is no CSV in UTF-8", cause=error) from None
    else:
        rows = list(read_records([path]))
    if not rows:
        raise MindError(f"{path} has no rows", hint="a row has cluster, gap, seed and items")
    return rows


def _numbers(row: Mapping[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = dict(row)
    for name in ("gap", "value"):
        if name in made:
            try:
                made[name] = float(made[name])
            except (ValueError, TypeError):  # a row that is too short
                # `make_cells` refuses it, and names the row.
                made[name] = math.nan
    return made


def with_items(
    rows: Sequence[Mapping[str, Any]], metric: str, base: Path
) -> Iterator[dict[str, Any]]:
    """Give rows that name a `folder` of mind-eval the values of its items under a metric.

    Raises `MindError` where a folder holds the scores of another checkpoint than its row says.
    """
    for row in rows:
        if "folder" not in row:
            yield dict(row)
            continue
        folder = base / str(row["folder"])
        manifest = read_manifest(folder, format="mind-scores")
        theirs = str(manifest["model"]["fingerprint"])
        if row.get("fingerprint") not in (None, theirs):
            raise MindError(
                f"{folder} holds the scores of another checkpoint",
                cause=f"its weights are {theirs[:12]}…, in the row {str(row['fingerprint'])[:12]}…",
                hint="evaluate the checkpoint that was tuned on this cluster",
            )
        items = dict(_item_values(folder, metric))
        if not items:
            raise UsageError(f"{folder} has no item with the metric {metric!r}")
        yield {**row, "items": items}


def _item_values(folder: Path, metric: str) -> Iterator[tuple[str, float]]:
    # Inside the function: a table of values is fitted without mind-eval.
    from mind_eval.results import read_items

    for record in read_items(folder):
        value = record.get("metrics", {}).get(metric)
        if isinstance(value, (int, float)):
            yield str(record["id"]), float(value)
