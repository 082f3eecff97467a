"""Prices: what is read, and what is refused with its line."""

from datetime import date
from pathlib import Path

import pytest
import zstandard

from mind_core import MindError
from mind_domain.domains.finance.prices import read_prices

HEAD = "ticker,date,open,close,adj_close\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "prices.csv"
    path.write_text(text, "utf-8")
    return path


def test_a_dividend_is_no_movement(tmp_path: Path) -> None:
    # The close falls from 100 to 95 because 5 were paid out; the adjusted close stays at 95.
    path = write(tmp_path, HEAD + "X,2014-01-02,98,100,95\nX,2014-01-03,95,95,95\n")
    series = read_prices(path)["X"]
    assert series.closes == pytest.approx([95.0, 95.0])
    assert series.opens == pytest.approx([93.1, 95.0])


def test_codes_keep_leading_zeros_and_rows_need_no_order(tmp_path: Path) -> None:
    text = "date,ticker,close,open\n2014-01-03,000001,2,1\n2014-01-02,000001,4,3\n"
    series = read_prices(write(tmp_path, text))["000001"]
    assert series.days == [date(2014, 1, 2), date(2014, 1, 3)]
    assert series.opens == [3.0, 1.0]


def test_compressed_with_crlf_and_bom(tmp_path: Path) -> None:
    text = "\ufeff" + HEAD.replace("\n", "\r\n") + "X,2014-01-02,1,2,2\r\n"
    path = tmp_path / "prices.csv.zst"
    path.write_bytes(zstandard.compress(text.encode()))
    assert read_prices(path)["X"].closes == [2.0]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("X,2014-01-02,1,0,1\n", "prices.csv:2: close is '0'"),
        ("X,2014-01-02,1,1,1\nX,2014-01-03,nan,1,1\n", "prices.csv:3: open is 'nan'"),
        ("X,2014-01-02,1,1,-2\n", "prices.csv:2: adj_close is '-2'"),
        ("X,02.01.2014,1,1,1\n", "prices.csv:2: '02.01.2014' is no date"),
        ("X,2014-01-02\n", "prices.csv:2: nothing under open, close"),
        ("X,2014-01-02,1,1,1\nX,2014-01-02,2,2,2\n", "two rows for 2014-01-02"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(MindError) as caught:
        read_prices(write(tmp_path, HEAD + rows))
    assert message in caught.value.message


def test_missing_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(MindError) as caught:
        read_prices(write(tmp_path, "code,date,open\nX,2014-01-02,1\n"))
    assert "no column ticker, close" in caught.value.message
