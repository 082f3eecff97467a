"""Rows of a price file, CSV or Parquet, with the column names of the usual sources."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from mind_core import MindError
from mind_core.stream import read_lines

ALIASES = {
    "ticker": (
        "ticker", "symbol", "code", "ts_code", "stock_code", "secid",
        "代码", "股票代码", "证券代码",
    ),
    "date": ("date", "day", "trade_date", "datetime", "日期", "交易日期"),
    "open": ("open", "open_price", "开盘", "开盘价"),
    "high": ("high", "high_price", "最高", "最高价"),
    "low": ("low", "low_price", "最低", "最低价"),
    "close": ("close", "close_price", "收盘", "收盘价"),
    "adj_close": ("adj_close", "adjclose", "adjusted_close", "复权收盘价"),
    "volume": ("volume", "vol", "成交量"),
}  # fmt: skip
NEEDED = ("ticker", "date", "open", "close")
_ROWS_PER_BYTE, _ROWS_AT_ONCE = 1000, 8192
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")
_FLOAT_CODE = re.compile(r"(\d+)\.0+")
_EMPTY = {"", "nan", "null", "none", "na", "n/a", "-", "--"}


@dataclass(frozen=True)
class PriceRow:
    """One share on one day: prices as traded, the factor of splits and dividends, and the volume.

    `high`, `low` and `volume` are NaN where the file has none.
    """

    ticker: str
    day: date
    open: float
    high: float
    low: float
    close: float
    factor: float
    volume: float


@dataclass(frozen=True)
class BadRow:
    """A row that is no price: where it stands, why, and the share and day if they can be read."""

    position: str
    why: str
    ticker: str = ""
    day: date | None = None


def read_price_rows(path: str | Path) -> Iterator[PriceRow | BadRow]:
    """Yield the rows of a price file in its order: CSV, plain or compressed, or Parquet.

    Tickers stay text, so that codes keep their leading zeros. Raises `MindError` for a file without
    the needed columns.
    """
    cells = _parquet_cells(path) if _is_parquet(path) else _csv_cells(path)
    columns: dict[str, str] | None = None
    for position, row in cells:
        # The first row that comes is the header, from either kind of file.
        if columns is None:
            columns = _columns(row, position)
            continue
        yield _row({name: row.get(column) for name, column in columns.items()}, position)
    if columns is None:
        raise MindError(f"{path} has no rows", hint="the first line names the columns")


def _is_parquet(path: str | Path) -> bool:
    with Path(path).open("rb") as file:
        return file.read(4) == b"PAR1"


def _csv_cells(path: str | Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the header as a row of itself, then the rows by the header's names."""
    header: list[str] | None = None
    for batch in read_lines(path):
        for number, line in batch.lines():
            position = batch.position(number)
            try:
                # Excel puts a byte order mark before the first line, which would become part of a
                # name.
                text = line.decode("utf-8-sig").rstrip("\r")
            except UnicodeDecodeError as error:
                raise MindError(
                    f"{position}: not UTF-8",
                    cause=error,
                    hint=f"convert it first: iconv -f GB18030 -t UTF-8 {path}",
                ) from None
            try:
                # Line by line, so that an error names its line; a cell of prices never holds a line
                # break.
                cells = next(csv.reader([text]), [])
            except csv.Error as error:
                raise MindError(f"{position}: no row of a table", cause=error) from None
            if header is None:
                header = cells
                yield position, {name: name for name in cells}
            # Spreadsheets leave rows of nothing but commas at the end.
            elif any(cell.strip() for cell in cells):
                # A row that is too short lacks its last columns, and is judged by what it lacks.
                yield position, dict(zip(header, cells, strict=False))


def _parquet_cells(path: str | Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise MindError(
            f"{path} is a Parquet file", cause=error, hint="pip install 'mind-domain[parquet]'"
        ) from None
    number = 1
    try:
        file = parquet.ParquetFile(path)
        # A damaged or made-up footer may promise any number, which would be reserved in memory.
        if file.metadata.num_rows > _ROWS_PER_BYTE * Path(path).stat().st_size:
            raise ValueError(f"it says that it has {file.metadata.num_rows:,} rows")
        # Numbers as if the header were line 1, so that they agree with a CSV of the same table.
        yield f"{path}:1", {name: name for name in file.schema_arrow.names}
        for batch in file.iter_batches(_ROWS_AT_ONCE):
            for row in batch.to_pylist():
                number += 1
                yield f"{path}:{number}", row
    except Exception as error:  # arrow raises kinds of its own, OSError and ValueError
        raise MindError(
            f"{path} is a damaged Parquet file",
            cause=f"after row {number - 1:,}: {' '.join(str(error).split()):.300}",
            hint="get it again, or write it again",
        ) from error


def _columns(header: Mapping[str, Any], position: str) -> dict[str, str]:
    """Map our names to the file's, whatever their case: `Adj Close` is adj_close."""
    known = {re.sub(r"[\s_*.]+", "_", name.strip()).strip("_").lower(): name for name in header}
    found = {}
    for name, aliases in ALIASES.items():
        column = next((known[alias] for alias in aliases if alias in known), None)
        if column is not None:
            found[name] = column
    if missing := [name for name in NEEDED if name not in found]:
        raise MindError(
            f"{position}: no column {', '.join(missing)}",
            cause=f"the columns are {', '.join(header)}",
            hint=f"the first line names the columns; needed are {', '.join(NEEDED)}",
        )
    return found


def _row(cells: Mapping[str, Any], position: str) -> PriceRow | BadRow:
    ticker = _ticker(cells["ticker"])
    day = _day(cells["date"])
    if not ticker:
        return BadRow(position, "nothing under ticker", day=day)
    if day is None:
        return BadRow(position, f"{cells['date']!r} is no date: write 2014-12-31", ticker)
    prices = {}
    for name in ("open", "close", "high", "low", "adj_close"):
        raw = cells.get(name)
        # Without an open or a close there is nothing to trade at; the others only refine.
        if name not in ("open", "close") and _is_empty(raw):
            prices[name] = math.nan
            continue
        prices[name] = _number(raw)
        # NaN, which is what `_number` makes of any other text, fails this too.
        if not 0.0 < prices[name] < math.inf:
            return BadRow(position, f"{name} is {raw!r}: a price is above 0", ticker, day)
    volume = math.nan if _is_empty(cells.get("volume")) else _number(cells["volume"])
    if volume < 0.0 or volume == math.inf:
        return BadRow(position, f"volume is {cells['volume']!r}", ticker, day)
    adjusted = prices["adj_close"]
    # Sources adjust the close only; the same factor applies to the open of that day.
    factor = 1.0 if math.isnan(adjusted) else adjusted / prices["close"]
    # Tiny or huge values of a damaged file may under- or overflow in the product.
    if not all(0.0 < prices[name] * factor < math.inf for name in ("open", "close")):
        return BadRow(position, f"adj_close is {cells.get('adj_close')!r}", ticker, day)
    return PriceRow(
        ticker, day, prices["open"], prices["high"], prices["low"], prices["close"], factor, volume
    )


def _ticker(value: Any) -> str:
    """Read a ticker; a code that became a number is one, `TickerIndex` gives its zeros back."""
    # An empty cell of a column of numbers; as a text, `nan` may be a share.
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    text = str(value).strip()
    # 700.0: a table with gaps in this column was read as floats.
    return found[1] if (found := _FLOAT_CODE.fullmatch(text)) else text


def _day(value: Any) -> date | None:
    """Read a day; a time behind it is left out, because a row is a whole session."""
    # First, since a datetime is a date as well.
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = str(value).strip().replace("/", "-")
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        return None


def _is_empty(value: Any) -> bool:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return isinstance(value, str) and value.strip().lower() in _EMPTY


def _number(value: Any) -> float:
    """Read a number, also with thousands marked (1,100); NaN if it is none."""
    text = str(value).strip()
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    try:
        # Python reads 1_000 as 1000; a table that has it was damaged, or means something else.
        return math.nan if "_" in text else float(text)
    except ValueError:
        return math.nan
