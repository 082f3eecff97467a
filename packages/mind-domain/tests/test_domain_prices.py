"""Prices: what is read, what is left out and counted, and what stops a strict reader."""

from pathlib import Path

import pytest
import zstandard

from mind_core import MindError
from mind_domain.domains.finance.prices import PriceTable, read_prices

HEAD = "ticker,date,open,close,adj_close\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "prices.csv"
    path.write_text(text, "utf-8")
    return path


def read(folder: Path, text: str, exchange: str = "XNYS", **more: bool) -> PriceTable:
    return read_prices(write(folder, text), exchange, **more)


def test_a_dividend_is_no_movement(tmp_path: Path) -> None:
    # The close falls from 100 to 95 because 5 were paid out; the adjusted close stays at 95.
    series = read(tmp_path, HEAD + "X,2014-01-02,98,100,95\nX,2014-01-03,95,95,95\n").series["X"]
    assert [series.price(n, "close") for n in (0, 1)] == pytest.approx([95.0, 95.0])
    assert [series.price(n, "open") for n in (0, 1)] == pytest.approx([93.1, 95.0])


def test_codes_keep_leading_zeros_and_rows_need_no_order(tmp_path: Path) -> None:
    text = "date,ticker,close,open\n2014-01-03,000001,2,1\n2014-01-02,000001,4,3\n"
    table = read(tmp_path, text)
    series = table.series["000001"]
    assert [str(table.sessions.days[n]) for n in series.sessions] == ["2014-01-02", "2014-01-03"]
    assert list(series.opens) == [3.0, 1.0]


def test_compressed_with_crlf_and_bom(tmp_path: Path) -> None:
    text = "\ufeff" + HEAD.replace("\n", "\r\n") + "X,2014-01-02,1,2,2\r\n"
    path = tmp_path / "prices.csv.zst"
    path.write_bytes(zstandard.compress(text.encode()))
    assert list(read_prices(path, "XNYS").series["X"].closes) == [2.0]


@pytest.mark.parametrize(
    "header",
    [
        "Ticker,Date,Open,Close,Adj Close", "ts_code,trade_date,open,close,adj_close",
        "代码,日期,开盘,收盘,复权收盘价", "SYMBOL , DATE,OPEN,CLOSE,ADJ_CLOSE",
    ],
)  # fmt: skip
def test_headers_of_the_usual_sources(header: str, tmp_path: Path) -> None:
    table = read(tmp_path, f"{header}\nX,20140102,1,2,2\n")
    assert list(table.series["X"].closes) == [2.0]


def test_parquet_reads_as_csv_does(tmp_path: Path) -> None:
    import pandas as pd

    text = "ticker,date,open,close,volume\n000001,2014-01-02,1.5,2,100\n000001,2014-01-03,,3,5\n"
    path = write(tmp_path, text)
    frame = pd.read_csv(path, dtype={"ticker": str}, parse_dates=["date"])
    frame.to_parquet(tmp_path / "prices.parquet")
    one, other = read_prices(path, "XNYS"), read_prices(tmp_path / "prices.parquet", "XNYS")
    assert repr(one.series) == repr(other.series)  # NaN equals NaN here
    assert one.counts == other.counts == {"rows": 2, "bad_row": 1}


BAD_ROWS = [
    ("X,2014-01-02,1,0,1\n", "prices.csv:3: close is '0'"),
    ("X,2014-01-02,,1,1\n", "prices.csv:3: open is ''"),
    ("X,2014-01-02,nan,1,1\n", "prices.csv:3: open is 'nan'"),
    ("X,2014-01-02,1,inf,1\n", "prices.csv:3: close is 'inf'"),
    ("X,2014-01-02,1,1,-2\n", "prices.csv:3: adj_close is '-2'"),
    ("X,2014-01-02,1,1e-200,1e200\n", "prices.csv:3: adj_close is '1e200'"),
    ("X,02.01.2014,1,1,1\n", "prices.csv:3: '02.01.2014' is no date"),
    ("X,2014-01-02\n", "prices.csv:3: open is None"),
    (",2014-01-02,1,1,1\n", "prices.csv:3: nothing under ticker"),
]


@pytest.mark.parametrize(("row", "message"), BAD_ROWS)
def test_a_bad_row_is_left_out_and_counted_or_stops_a_strict_reader(
    tmp_path: Path, row: str, message: str
) -> None:
    text = HEAD + "X,2014-01-03,1,1,1\n" + row
    table = read(tmp_path, text)
    assert table.counts == {"rows": 2, "bad_row": 1}
    assert len(table.series["X"].sessions) == 1
    assert any("1 rows of" in remark for remark in table.remarks)
    with pytest.raises(MindError) as caught:
        read(tmp_path, text, strict=True)
    assert message in caught.value.message


def test_odd_rows_that_are_prices(tmp_path: Path) -> None:
    text = (
        HEAD + 'X,2014-01-02,"1,100","1,200.5",1200.5\n'
        "X,2014-01-03 00:00:00,5,5,5\nX,2014-01-06T15:00:00,6,6,6\n"
        "X,2014-01-06T15:00:00,6,6,6\n\n,,,,\n"
    )
    table = read(tmp_path, text)
    assert list(table.series["X"].opens) == [1100.0, 5.0, 6.0]
    assert list(table.series["X"].closes) == [1200.5, 5.0, 6.0]
    assert table.counts == {"rows": 4, "repeated_row": 1}


def test_rows_that_contradict_each_other_are_both_out(tmp_path: Path) -> None:
    text = HEAD + "X,2014-01-02,1,1,1\nX,2014-01-02,2,2,2\nX,2014-01-03,1,1,1\n"
    table = read(tmp_path, text)
    assert len(table.series["X"].sessions) == len(table.series["X"].bad) == 1
    assert table.counts == {"rows": 3, "contradicting_row": 1}
    with pytest.raises(MindError, match="two rows for 2014-01-02"):
        read(tmp_path, text, strict=True)


def test_the_calendar_is_checked_against_the_table(tmp_path: Path) -> None:
    rows = ["X,2024-07-01,1,1,1", "X,2024-07-04,2,2,2", "X,2024-07-11,3,3,3"]
    table = read(tmp_path, HEAD + "\n".join(rows) + "\n")
    assert table.counts == {"rows": 3, "row_without_session": 1, "session_without_row": 6}
    holes, shut = table.remarks
    assert "no row for 6 sessions of XNYS: 2024-07-02, 2024-07-03, 2024-07-05" in holes
    assert "days without a session, left out: 2024-07-04" in shut


def test_a_list_of_closed_days_wins(tmp_path: Path) -> None:
    from datetime import date

    path = write(tmp_path, HEAD + "X,2024-07-01,1,1,1\nX,2024-07-02,2,2,2\nX,2024-07-03,2,2,2\n")
    table = read_prices(path, "XNYS", [date(2024, 7, 2)])
    assert date(2024, 7, 2) not in table.sessions.index
    assert "2024-07-02" in table.remarks[0]


def test_shanghai_was_closed_on_6_october_2023(tmp_path: Path) -> None:
    table = read(tmp_path, HEAD + "X,2023-10-06,1,1,1\nX,2023-10-09,1,1,1\n", exchange="XSHG")
    assert "2023-10-06" in table.remarks[0]


def test_rows_beyond_the_calendar_are_named(tmp_path: Path) -> None:
    text = HEAD + "X,2026-12-30,1,1,1\nX,2035-01-04,1,1,1\n"
    table = read(tmp_path, text, exchange="XSHG")
    assert any("the calendar of XSHG (exchange_calendars" in one for one in table.remarks)
    assert table.counts["row_without_session"] == 1


def test_missing_columns_and_exchanges_are_named(tmp_path: Path) -> None:
    with pytest.raises(MindError) as caught:
        read(tmp_path, "share,date,open\nX,2014-01-02,1\n")
    assert "no column ticker, close" in caught.value.message
    with pytest.raises(MindError, match="no exchange 'XNYZ'"):
        read(tmp_path, HEAD + "X,2014-01-02,1,1,1\n", exchange="XNYZ")
    with pytest.raises(MindError, match="has no price in it"):
        read(tmp_path, HEAD + "X,soon,1,1,1\n")


def test_codes_that_parquet_holds_as_floats_are_whole_numbers() -> None:
    from mind_domain.domains.finance.price_rows import BadRow, PriceRow, _row

    cells = {"ticker": 700.0, "date": "2024-01-02", "open": 1.0, "close": 1.0}
    found = _row(cells, "a:2")
    assert isinstance(found, PriceRow) and found.ticker == "700"
    assert isinstance(_row({**cells, "ticker": float("nan")}, "a:3"), BadRow)
