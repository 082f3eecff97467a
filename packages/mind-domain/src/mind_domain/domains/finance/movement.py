"""What a share did after a moment: from the first tradable price on, for some trading days."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from mind_core import Reason
from mind_domain.domains.finance.prices import Series


@dataclass(frozen=True)
class Movement:
    """The price change between two openings, or two closes, of one share."""

    change: float
    at: str
    entered: date
    left: date


def movement_after(
    series: Series,
    moment: datetime,
    opens: time,
    closes: time,
    horizon: int,
    max_wait: int,
) -> Movement | Reason:
    """Measure the change from the first open or close strictly after a moment, `horizon` days on.

    The moment is on the market's clock. Entry and exit are at the same time of day, `horizon`
    trading days apart, so that nothing which was known before the text is in the change. Gives the
    reason `no_price_after` if the prices end too early, `no_price_soon` if more than `max_wait`
    calendar days pass before the entry or between two trading days (not listed yet, suspended).
    """
    today = moment.date()
    first = bisect_left(series.days, today)
    at = "open"
    if first < len(series.days) and series.days[first] == today:
        now = moment.time()
        if now >= closes:
            first += 1
        elif now >= opens:
            at = "close"
    last = first + horizon
    if last >= len(series.days):
        return Reason("no_price_after", str(today), str(series.days[-1]))
    days = [today, *series.days[first : last + 1]]
    longest = max(b - a for a, b in pairwise(days))
    if longest > timedelta(days=max_wait):
        return Reason("no_price_soon", longest.days, max_wait)
    prices = series.opens if at == "open" else series.closes
    change = prices[last] / prices[first] - 1.0
    return Movement(change, at, series.days[first], series.days[last])
