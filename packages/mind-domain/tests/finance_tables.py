"""Price tables for tests: prices that say which session they are of, and shares with a fate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

HEAD = "ticker,date,open,high,low,close,adj_close,volume\n"

CLOSED = {
    # Shanghai 2024 by the exchange's notice of 25 December 2023: New Year, Spring Festival,
    # Qingming, Labour Day, Dragon Boat, Mid-Autumn, National Day.
    "XSHG": {
        "2024-01-01", "2024-02-09", "2024-02-12", "2024-02-13", "2024-02-14", "2024-02-15",
        "2024-02-16", "2024-04-04", "2024-04-05", "2024-05-01", "2024-05-02", "2024-05-03",
        "2024-06-10", "2024-09-16", "2024-09-17", "2024-10-01", "2024-10-02", "2024-10-03",
        "2024-10-04", "2024-10-07",
    },
    # New York 2024 by the exchange's list of holidays.
    "XNYS": {
        "2024-01-01", "2024-01-15", "2024-02-19", "2024-03-29", "2024-05-27", "2024-06-19",
        "2024-07-04", "2024-09-02", "2024-11-28", "2024-12-25",
    },
}  # fmt: skip


def sessions_of_2024(exchange: str) -> list[date]:
    """List the sessions of 2024 from the exchange's notice, without any calendar package."""
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(366)]
    return [day for day in days if day.weekday() < 5 and str(day) not in CLOSED[exchange]]


def price_of(number: int, at: str) -> float:
    """Return the price of a session by its number in the year: opens whole, closes .5 above."""
    return 100.0 + number + (0.5 if at == "close" else 0.0)


def write_prices(path: Path, exchange: str) -> Path:
    """Write the shares of 2024: GOOD is whole, the others are named after their fate."""
    lines = [HEAD]
    for row in rows(exchange):
        lines.append(",".join(map(str, row)) + "\n")
    path.write_text("".join(lines))
    return path


def rows(exchange: str) -> Iterator[tuple[object, ...]]:
    """Yield the rows of all shares."""
    days = sessions_of_2024(exchange)
    for n, day in enumerate(days):
        opened, closed = price_of(n, "open"), price_of(n, "close")
        plain = (day, opened, closed + 1, opened - 1, closed, closed, 1000)
        yield ("GOOD", *plain)
        if not date(2024, 7, 8) <= day <= date(2024, 7, 12):
            yield ("GONE", *plain)  # no rows for a week
        else:
            before = price_of(days.index(date(2024, 7, 5)), "close")
            yield ("FROZEN", day, before, before, before, before, before, 0)
        if not date(2024, 7, 8) <= day <= date(2024, 7, 12):
            yield ("FROZEN", *plain)  # a week of rows that repeat the last price, volume 0
        if day >= date(2024, 6, 3):
            yield ("YOUNG", *plain)  # listed on 3 June
        if day <= date(2024, 6, 28):
            yield ("OLD", *plain)  # delisted after 28 June
        # On 8 July two shares become one old one's worth each: adj_close halves what was before.
        half = 0.5 if day < date(2024, 7, 8) else 1.0
        scale = 1.0 if day < date(2024, 7, 8) else 0.5
        yield ("SPLIT", day, opened * scale, (closed + 1) * scale, (opened - 1) * scale,
               closed * scale, closed * half * scale, 1000)  # fmt: skip
        if day == date(2024, 7, 9):
            yield ("SPOILT", day, opened, closed, opened, "n/a", "", 1000)
        else:
            yield ("SPOILT", *plain)
    yield from limit_rows(days)


def limit_rows(days: list[date]) -> Iterator[tuple[object, ...]]:
    """Yield 600001, which stands at +10 % all of 9 July and only opens there on 16 July."""
    for day in days:
        price = 10.00 if day < date(2024, 7, 9) else 11.00
        bar = (price, price + 0.2, price - 0.2, price)
        if day == date(2024, 7, 9):
            bar = (11.00, 11.00, 11.00, 11.00)
        if day == date(2024, 7, 16):
            bar = (12.10, 12.10, 11.50, 12.00)
        yield ("600001", day, *bar, bar[3], 1000)
