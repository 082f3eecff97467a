"""The movement after a moment: nothing that was known before it may be in the label."""

import random
from datetime import date, datetime, time, timedelta

import pytest

from mind_core import Reason
from mind_domain.domains.finance.movement import Movement, movement_after
from mind_domain.domains.finance.prices import Series

OPENS, CLOSES = time(9, 30), time(16)
# Thursday, Friday, Monday, Tuesday, Wednesday
DAYS = [date(2014, 1, day) for day in (2, 3, 6, 7, 8)]
SERIES = Series(DAYS, [10.0, 12.0, 11.0, 13.0, 20.0], [11.0, 12.5, 10.0, 14.0, 21.0])


def after(moment: str, horizon: int = 1, max_wait: int = 12) -> Movement | Reason:
    return movement_after(SERIES, datetime.fromisoformat(moment), OPENS, CLOSES, horizon, max_wait)


@pytest.mark.parametrize(
    ("moment", "at", "entered", "change"),
    [
        ("2014-01-02T09:29:59", "open", 2, 12 / 10),
        ("2014-01-02T09:30:00", "close", 2, 12.5 / 11),  # at the bell: that open is no later price
        ("2014-01-02T15:59:59", "close", 2, 12.5 / 11),
        ("2014-01-02T16:00:00", "open", 3, 11 / 12),
        ("2014-01-03T20:00:00", "open", 6, 13 / 11),  # over the weekend
        ("2014-01-04T12:00:00", "open", 6, 13 / 11),
        ("2014-01-05T23:59:59", "open", 6, 13 / 11),
    ],
)
def test_entry_is_the_first_price_strictly_after(
    moment: str, at: str, entered: int, change: float
) -> None:
    moved = after(moment)
    assert isinstance(moved, Movement)
    assert (moved.at, moved.entered.day) == (at, entered)
    assert moved.change == pytest.approx(change - 1)


def test_the_horizon_counts_trading_days() -> None:
    moved = after("2014-01-02T08:00:00", horizon=3)
    assert isinstance(moved, Movement)
    assert moved.left == date(2014, 1, 7)
    assert moved.change == pytest.approx(0.3)


@pytest.mark.parametrize("moment", ["2014-01-07T16:00:00", "2014-01-08T10:00:00", "2015-01-01"])
def test_without_later_prices_there_is_a_reason(moment: str) -> None:
    assert after(moment) == "no_price_after"


def test_a_share_that_is_not_traded_yet_has_no_label() -> None:
    reason = after("2013-12-01T12:00:00")
    assert isinstance(reason, Reason)
    assert (str(reason), reason.value, reason.threshold) == ("no_price_soon", 32, 12)
    assert isinstance(after("2013-12-01T12:00:00", max_wait=32), Movement)


def test_a_suspension_inside_the_horizon_has_no_label() -> None:
    days = [date(2014, 1, 2), date(2014, 1, 3), date(2014, 3, 3)]
    series = Series(days, [1.0, 1.0, 9.0], [1.0, 1.0, 9.0])
    moment = datetime(2014, 1, 2, 20, 0)
    assert movement_after(series, moment, OPENS, CLOSES, 1, 12) == "no_price_soon"


def test_prices_from_before_the_text_do_not_matter() -> None:
    """Change every price that was known at the moment: the label stays."""
    chooser = random.Random(7)
    days = [date(2014, 1, 1) + timedelta(days=n) for n in range(60)]
    days = [day for day in days if day.weekday() < 5]
    opens = [chooser.uniform(5, 15) for _ in days]
    closes = [chooser.uniform(5, 15) for _ in days]
    for _ in range(300):
        moment = datetime(2014, 1, 1) + timedelta(minutes=chooser.randrange(50 * 24 * 60))
        wrong = Series(
            days,
            [
                1e6 if datetime.combine(d, OPENS) <= moment else p
                for d, p in zip(days, opens, strict=True)
            ],
            [
                1e6 if datetime.combine(d, CLOSES) <= moment else p
                for d, p in zip(days, closes, strict=True)
            ],
        )
        args = (moment, OPENS, CLOSES, 2, 12)
        assert movement_after(Series(days, opens, closes), *args) == movement_after(wrong, *args)
