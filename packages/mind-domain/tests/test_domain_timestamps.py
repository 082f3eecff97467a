"""Timestamps: every form becomes a moment on the market's clock, never an earlier one."""

from datetime import datetime
from typing import Any

import pytest

from mind_core import MindError
from mind_domain.domains.finance.timestamps import load_zone, read_timestamp

NEW_YORK = load_zone("America/New_York")
SHANGHAI = load_zone("Asia/Shanghai")
END = "T23:59:59.999999"


@pytest.mark.parametrize(
    ("value", "wanted", "rule"),
    [
        ("2014-07-01T13:29:59+00:00", "2014-07-01T09:29:59-04:00", ""),
        ("2014-01-02T14:29:59Z", "2014-01-02T09:29:59-05:00", ""),
        ("Wed Jan 01 03:59:03 +0000 2014", "2013-12-31T22:59:03-05:00", ""),
        ("Tue, 02 Jul 2024 12:00:00 GMT", "2024-07-02T08:00:00-04:00", ""),
        ("2014-01-02 09:30:00", "2014-01-02T09:30:00-05:00", "market_clock"),
        ("2024/07/01 08:00", "2024-07-01T08:00:00-04:00", "market_clock"),
        ("2024/7/1 8:05:09", "2024-07-01T08:05:09-04:00", "market_clock"),
        ("2024.07.01 08:00", "2024-07-01T08:00:00-04:00", "market_clock"),
        ("2024年7月1日 08:00", "2024-07-01T08:00:00-04:00", "market_clock"),
        ("2024年7月1日8时30分", "2024-07-01T08:30:00-04:00", "market_clock"),
        ("2024年7月1日 下午 3:05", "2024-07-01T15:05:00-04:00", "market_clock"),
        (1719835200, "2024-07-01T08:00:00-04:00", "epoch"),
        (1719835200.5, "2024-07-01T08:00:00.500000-04:00", "epoch"),
        ("1719835200", "2024-07-01T08:00:00-04:00", "epoch"),
        (1719835200000, "2024-07-01T08:00:00-04:00", "epoch"),
        ("1719835200000", "2024-07-01T08:00:00-04:00", "epoch"),
        ("2014-01-02", f"2014-01-02{END}-05:00", "bare_date"),
        ("20140102", f"2014-01-02{END}-05:00", "bare_date"),
        ("2014年1月2日", f"2014-01-02{END}-05:00", "bare_date"),
        ("2024-07-02T00:00:00", f"2024-07-02{END}-04:00", "midnight_as_date"),
        ("2024-07-02T00:00:00.000Z", f"2024-07-02{END}-04:00", "midnight_as_date"),
        ("2024-07-02 00:00:00", f"2024-07-02{END}-04:00", "midnight_as_date"),
        ("2024/07/02 00:00", f"2024-07-02{END}-04:00", "midnight_as_date"),
        (1719878400, f"2024-07-02{END}-04:00", "midnight_as_date"),  # midnight in UTC
        (1719892800, f"2024-07-02{END}-04:00", "midnight_as_date"),  # midnight in New York
        ("2024-11-03 01:30:00", "2024-11-03T01:30:00-05:00", "market_clock"),  # the later one
    ],
)
def test_forms(value: Any, wanted: str, rule: str) -> None:
    found = read_timestamp(value, NEW_YORK)
    assert found is not None
    assert found.moment.isoformat() == datetime.fromisoformat(wanted).isoformat()
    assert found.rule == rule


def test_midnight_may_be_a_time() -> None:
    found = read_timestamp("2024-07-02T00:00:00Z", NEW_YORK, midnight="time")
    assert found is not None
    assert found.moment.isoformat() == "2024-07-01T20:00:00-04:00"
    assert not found.is_date


def test_a_form_of_ones_own_and_nothing_else() -> None:
    found = read_timestamp("02.07.2024 08:15", NEW_YORK, form="%d.%m.%Y %H:%M")
    assert found is not None and found.moment.isoformat() == "2024-07-02T08:15:00-04:00"
    only_day = read_timestamp("02.07.2024", NEW_YORK, form="%d.%m.%Y")
    assert only_day is not None and only_day.is_date
    assert read_timestamp("2024-07-02 08:15", NEW_YORK, form="%d.%m.%Y %H:%M") is None


def test_an_evening_in_london_is_the_next_day_in_shanghai() -> None:
    found = read_timestamp("2014-01-02T20:00:00+00:00", SHANGHAI)
    assert found is not None
    assert found.moment.isoformat() == "2014-01-03T04:00:00+08:00"


@pytest.mark.parametrize(
    "value",
    ["", "yesterday", "2014-13-01", "02.01.2014", "01/02/2014", "12", 12, True, None, [],
     float("nan"), float("inf"), 1e300, "2024年13月1日", "2024-07-01 25:00",
     "9999-12-31T23:59:59-12:00"],
)  # fmt: skip
def test_what_is_no_time_is_none(value: Any) -> None:
    assert read_timestamp(value, NEW_YORK) is None


def test_an_unknown_zone_has_a_hint() -> None:
    with pytest.raises(MindError) as caught:
        load_zone("Mars/Olympus")
    assert "tzdata" in str(caught.value.hint)
