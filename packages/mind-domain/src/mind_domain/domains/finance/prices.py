"""Daily prices of shares, read from CSV, adjusted for splits and dividends."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from mind_core import MindError
from mind_core.stream import read_batches

NEEDED = ("ticker", "date", "open", "close")


@dataclass
class Series:
    """Trading days of one share in ascending order, with adjusted opens and closes."""

    days: list[date] = field(default_factory=list)
    opens: list[float] = field(default_factory=list)
    closes: list[float] = field(default_factory=list)


def read_prices(path: str | Path) -> dict[str, Series]:
    """Read `ticker,date,open,close[,adj_close]` rows into one series per ticker.

    Tickers stay text, so that codes keep their leading zeros. With `adj_close`, opens and closes
    are scaled by adj_close / close of their day: a dividend or split is then no movement. The file
    may be compressed with zstd or gzip. Raises `MindError` with the line of a value that is no
    price, and for a day that comes twice.
    """
    rows: list[tuple[str, date, float, float]] = []
    lines = _lines(path)
    position, header = next(lines, (f"{path}:1", ""))
    columns = next(csv.reader([header]), [])
    if missing := [name for name in NEEDED if name not in columns]:
        raise MindError(
            f"{position}: no column {', '.join(missing)}",
            hint=f"the first line names the columns; needed are {', '.join(NEEDED)}",
        )
    for position, line in lines:
        cells = next(csv.reader([line]))
        row = dict(zip(columns, cells, strict=False))
        rows.append(_row(row, position))
    rows.sort(key=lambda row: row[:2])
    table: dict[str, Series] = {}
    for ticker, day, opened, closed in rows:
        series = table.setdefault(ticker, Series())
        if series.days and series.days[-1] == day:
            raise MindError(
                f"{path}: {ticker} has two rows for {day}", hint="keep one row for each day"
            )
        series.days.append(day)
        series.opens.append(opened)
        series.closes.append(closed)
    return table


def _lines(path: str | Path) -> Iterator[tuple[str, str]]:
    for batch in read_batches([path]):
        for number, line in batch.lines():
            try:
                yield batch.position(number), line.decode("utf-8").rstrip("\r")
            except UnicodeDecodeError as error:
                raise MindError(f"{batch.position(number)}: not UTF-8", cause=error) from None


def _row(row: dict[str, str], position: str) -> tuple[str, date, float, float]:
    if short := [name for name in NEEDED if not row.get(name)]:
        raise MindError(f"{position}: nothing under {', '.join(short)}")
    try:
        day = date.fromisoformat(row["date"])
    except ValueError:
        raise MindError(
            f"{position}: {row['date']!r} is no date", hint="write 2014-12-31"
        ) from None
    opened, closed = _price(row, "open", position), _price(row, "close", position)
    factor = _price(row, "adj_close", position) / closed if row.get("adj_close") else 1.0
    return row["ticker"], day, opened * factor, closed * factor


def _price(row: dict[str, str], name: str, position: str) -> float:
    try:
        value = float(row[name])
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf:
        raise MindError(
            f"{position}: {name} is {row[name]!r}", hint="a price is a number above 0; drop the row"
        )
    return value
