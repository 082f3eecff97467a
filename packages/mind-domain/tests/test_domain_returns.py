"""The movement after a moment: nothing that was known before it may be in the label."""

import importlib.util
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from mind_core import Reason
from mind_domain.domains.finance.prices import PriceTable, read_prices
from mind_domain.domains.finance.returns import Movement, ReturnRule, measure_movement
from mind_domain.domains.finance.tickers import TickerIndex

_spec = importlib.util.spec_from_file_location(
    "finance_tables", Path(__file__).with_name("finance_tables.py")
)
assert _spec is not None and _spec.loader is not None
tables = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tables)

MORNING = datetime(2024, 7, 1, 12, 0, tzinfo=UTC)  # 8:00 in New York
NOON = datetime(2024, 7, 1, 16, 0, tzinfo=UTC)


@pytest.fixture(scope="module", params=["XNYS", "XSHG"])
def table(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> PriceTable:
    path = tmp_path_factory.mktemp("prices") / "prices.csv"
    return read_prices(tables.write_prices(path, request.param), request.param)


@pytest.fixture(scope="module")
def new_york(tmp_path_factory: pytest.TempPathFactory) -> PriceTable:
    path = tmp_path_factory.mktemp("prices") / "prices.csv"
    return read_prices(tables.write_prices(path, "XNYS"), "XNYS")


@pytest.mark.parametrize(
    ("entry", "moment", "wanted"),
    [
        ("first", MORNING, "2024-07-01 open"),
        ("first", NOON, "2024-07-01 close"),
        ("open", NOON, "2024-07-02 open"),
        ("close", MORNING, "2024-07-01 close"),
        ("next-open", MORNING, "2024-07-02 open"),
        ("next-open", NOON, "2024-07-02 open"),
        ("next-open", datetime(2024, 7, 6, 12, tzinfo=UTC), "2024-07-08 open"),
    ],
)
def test_entries(new_york: PriceTable, entry: str, moment: datetime, wanted: str) -> None:
    found = measure_movement(new_york, "GOOD", moment, ReturnRule(entry=entry))
    assert isinstance(found, Movement)
    assert f"{found.entered} {found.at}" == wanted


def test_an_opening_auction_fixes_the_price_before_the_bell(new_york: PriceTable) -> None:
    moment = datetime(2024, 7, 1, 13, 27, tzinfo=UTC)
    for minutes, wanted in ((0, "open"), (5, "close")):
        found = measure_movement(new_york, "GOOD", moment, ReturnRule(auction=minutes))
        assert isinstance(found, Movement)
        assert found.at == wanted


def test_the_horizon_counts_sessions(new_york: PriceTable) -> None:
    found = measure_movement(new_york, "GOOD", MORNING, ReturnRule(horizon=4))
    assert isinstance(found, Movement)
    assert found.left == date(2024, 7, 8)  # 2, 3, 5 and 8 July
    days = tables.sessions_of_2024("XNYS")
    start = days.index(date(2024, 7, 1))
    assert found.change == pytest.approx((100 + start + 4) / (100 + start) - 1)


def test_kinds_of_returns(new_york: PriceTable) -> None:
    import math

    found = {
        kind: measure_movement(
            new_york, "GOOD", MORNING, ReturnRule(kind=kind, benchmark="SPLIT", horizon=2)
        )
        for kind in ("raw", "log", "excess")
    }
    raw, log, excess = (found[kind] for kind in ("raw", "log", "excess"))
    assert isinstance(raw, Movement) and isinstance(log, Movement) and isinstance(excess, Movement)
    assert log.change == pytest.approx(math.log1p(raw.change))
    assert excess.change == pytest.approx(0.0, abs=1e-12)  # SPLIT moves as GOOD does
    week = datetime(2024, 7, 8, 12, tzinfo=UTC)
    rule = ReturnRule(kind="excess", benchmark="GONE")
    assert measure_movement(new_york, "GOOD", week, rule) == "no_benchmark"


def test_prices_that_only_repeat_are_stale_where_no_volume_is_known(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    head = "ticker,date,open,close\n"
    path.write_text(head + "X,2024-07-01,10,11\nX,2024-07-02,11,11\nX,2024-07-03,12,12\n")
    found = measure_movement(read_prices(path, "XNYS"), "X", NOON, ReturnRule())
    assert isinstance(found, Reason)
    assert (str(found), found.value) == ("stale_price", "2024-07-02")


def test_a_hole_is_no_day_of_trading(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("ticker,date,open,close\nX,2024-07-01,10,11\nX,2024-07-11,11,12\n")
    assert measure_movement(read_prices(path, "XNYS"), "X", MORNING, ReturnRule()) == "suspended"


@pytest.mark.parametrize(
    ("code", "before", "price", "locked"),
    [
        ("600001", 10.0, 11.0, True), ("600001", 10.0, 9.0, True), ("600001", 10.0, 10.5, True),
        ("600001", 10.0, 10.8, False), ("600001", 3.33, 3.66, True), ("688001", 10.0, 12.0, True),
        ("688001", 10.0, 11.0, False), ("300001", 10.0, 12.0, True), ("830001", 10.0, 13.0, True),
        ("AAPL", 10.0, 11.0, False), ("1", 10.0, 11.0, True),
    ],
)  # fmt: skip
def test_limits_by_board(
    tmp_path: Path, code: str, before: float, price: float, locked: bool
) -> None:
    from mind_domain.domains.finance.sources import limits_of

    path = tmp_path / "prices.csv"
    rows = [(1, before, before + 1, before - 1, before), (2, price, price, price, price),
            (3, price, price + 1, price - 1, price)]  # fmt: skip
    lines = [f"{code},2024-07-0{day},{','.join(map(str, bar))}" for day, *bar in rows]
    path.write_text("\n".join(["ticker,date,open,high,low,close", *lines]) + "\n")
    rule = ReturnRule(limits=limits_of(code, "XSHG", "auto"))
    evening = datetime(2024, 7, 1, 12, tzinfo=UTC)
    found = measure_movement(read_prices(path, "XSHG"), code, evening, rule)
    assert (found == "limit_locked") is locked


def test_no_label_uses_a_price_from_before_its_text(table: PriceTable) -> None:
    """Poison every price that was known at the moment: 10,000 random times, all entries."""
    chooser = random.Random(7)
    days = table.sessions.days
    begin = datetime(2023, 12, 20, tzinfo=UTC)
    shares = ["GOOD", "GONE", "FROZEN", "YOUNG", "OLD", "SPLIT", "SPOILT"]
    measured = 0
    for _ in range(10_000):
        moment = begin + timedelta(seconds=chooser.randrange(390 * 86_400))
        if chooser.random() < 0.3:  # exactly at a bell, or a second beside it
            bell = chooser.choice([table.sessions.opens, table.sessions.closes])
            at = bell[chooser.randrange(len(days))] // 1_000_000 + chooser.choice([-1, 0, 1])
            moment = datetime.fromtimestamp(at, UTC)
        share = chooser.choice(shares)
        rule = ReturnRule(chooser.choice([1, 2, 5]), chooser.choice(["first", "open", "close"]))
        found = measure_movement(table, share, moment, rule)
        if isinstance(found, Reason):
            continue
        measured += 1
        now = int(moment.timestamp()) * 1_000_000
        session = table.sessions.index[found.entered]
        edge = table.sessions.opens if found.at == "open" else table.sessions.closes
        assert edge[session] > now
        series = table.series[share]
        if measured % 5:
            continue
        poisoned = replace(table, series={share: poison(series, table, now)})
        assert measure_movement(poisoned, share, moment, rule) == found
    assert measured > 5_000


def poison(series: object, table: PriceTable, now: int) -> object:
    """Copy a series with every price replaced that was known at a moment."""
    import copy

    other = copy.copy(series)
    for name, edge in (("opens", table.sessions.opens), ("closes", table.sessions.closes)):
        column = copy.copy(getattr(series, name))
        for place, session in enumerate(series.sessions):  # type: ignore[attr-defined]
            if edge[session] > now:
                break
            column[place] = 1e6
        setattr(other, name, column)
    return other


@pytest.mark.parametrize(
    ("value", "wanted", "rules"),
    [
        ("000001", "000001", ()),
        (1, "000001", ("ticker_from_number", "ticker_padded")),
        ("1", "000001", ("ticker_padded",)),
        (" 000001", "000001", ("ticker_blanks",)),
        ("000001.SZ", "000001", ("ticker_exchange",)),
        ("sz000001", "000001", ("ticker_case", "ticker_exchange")),
        ("$aapl", "AAPL", ("ticker_dollar", "ticker_case")),
        ("$ AAPL", "AAPL", ("ticker_dollar",)),
        ("600000.SH", "600000.SH", ()),
        ("600000", "600000.SH", ()),
        ("600000.SS", "600000.SH", ("ticker_exchange",)),
        (600000.0, "600000.SH", ("ticker_from_number",)),
    ],
)
def test_tickers(value: object, wanted: str, rules: tuple[str, ...]) -> None:
    assert TickerIndex.of(["000001", "AAPL", "600000.SH"]).find(value) == (wanted, rules)


@pytest.mark.parametrize(
    ("value", "file", "wanted"),
    [
        ("000001.SZ", "1", "1"), (" 000001", "1", "1"), ("sz000001", "1", "1"), (1, "1", "1"),
        ("00700", "0700.HK", "0700.HK"), ("0700.HK", "00700", "00700"), ("hk00700", "700", "700"),
    ],
)  # fmt: skip
def test_zeros_that_a_table_lost_or_has_fewer_of(value: object, file: str, wanted: str) -> None:
    found = TickerIndex.of(["AAPL", file]).find(value)
    assert not isinstance(found, Reason)
    assert found[0] == wanted


def test_zeros_do_not_join_what_a_file_holds_twice() -> None:
    found = TickerIndex.of(["1", "000001"]).find("000001.SZ")
    assert (found, getattr(found, "threshold", "")) == ("ambiguous_ticker", "000001, 1")


@pytest.mark.parametrize(
    ("value", "reason", "hint"),
    [
        (None, "no_ticker", None), ("", "no_ticker", None), (True, "no_ticker", None),
        ("AAPLE", "unknown_ticker", "did you mean AAPL?"), ("ZZZ", "unknown_ticker", None),
        ("000002", "ambiguous_ticker", "000002.SH, 000002.SZ"),
        ("600000.SZ", "unknown_ticker", "did you mean 600000.SH?"),
    ],
)  # fmt: skip
def test_tickers_that_are_not_found(value: object, reason: str, hint: str | None) -> None:
    found = TickerIndex.of(["AAPL", "600000.SH", "000002.SZ", "000002.SH"]).find(value)
    assert isinstance(found, Reason)
    assert (str(found), found.threshold) == (reason, hint)
