"""The sessions of an exchange: when it opens, breaks and closes, day by day, offline."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib import metadata
from zoneinfo import ZoneInfo

from mind_core.errors import MindError, UsageError, did_you_mean
from mind_domain.domains.finance.timestamps import load_zone

MARGIN = timedelta(days=400)
"""How far before and after the prices sessions are known: texts come earlier and later too."""

ENTRIES = ("first", "open", "close", "next-open")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Slot:
    """A price that is known ahead to come: the open or the close of a session, by its index."""

    session: int
    at: str


@dataclass(frozen=True)
class Sessions:
    """Hold the sessions of an exchange in ascending order, with opens and closes in epoch µs."""

    exchange: str
    version: str
    zone: ZoneInfo
    days: tuple[date, ...]
    opens: tuple[int, ...]
    closes: tuple[int, ...]
    breaks: tuple[tuple[int, int] | None, ...]
    index: dict[date, int] = field(repr=False, compare=False, hash=False, default_factory=dict)

    def __post_init__(self) -> None:
        # Into the dict that is there: the class is frozen, so no field can be set.
        self.index.update((day, n) for n, day in enumerate(self.days))

    def first_after(self, moment: datetime, entry: str = "first", auction: int = 0) -> Slot | None:
        """Return the first open or close strictly after a moment; None beyond the last session.

        At the bell is not after it. `entry` takes only opens, only closes, or (next-open) the open
        of a later session than the one that the text came in. The price of an open is fixed
        `auction` minutes before the session begins, by its opening auction.
        """
        now = (moment - _EPOCH) // _MICROSECOND
        early = auction * 60_000_000
        # `bisect_right` passes over a bell at this very moment: strictly after means the next one.
        # An open counts as past once its auction has fixed it, `early` before.
        opening = bisect_right(self.opens, now + early)
        closing = bisect_right(self.closes, now)
        if entry == "next-open":
            opening = max(opening, bisect_right(self.days, moment.astimezone(self.zone).date()))
        # A close of an earlier session than the next open comes first; at equal numbers the open
        # does.
        if entry == "close" or (entry == "first" and closing < opening):
            return Slot(closing, "close") if closing < len(self.days) else None
        return Slot(opening, "open") if opening < len(self.days) else None

    def phase(self, moment: datetime) -> str:
        """Say when a moment lies: closed_day, before_open, session, lunch_break or after_close."""
        session = self.index.get(moment.astimezone(self.zone).date())
        if session is None:
            return "closed_day"
        now = (moment - _EPOCH) // _MICROSECOND
        if now < self.opens[session]:
            return "before_open"
        if now >= self.closes[session]:
            return "after_close"
        # None for exchanges, and for days, without a lunch break.
        pause = self.breaks[session]
        return "lunch_break" if pause and pause[0] <= now < pause[1] else "session"

    def between(self, first: date, last: date) -> range:
        """Return the indices of the sessions from a first to a last day, both included."""
        return range(bisect_left(self.days, first), bisect_right(self.days, last))


def load_sessions(
    exchange: str, first: date, last: date, closed_days: Iterable[date] = ()
) -> Sessions:
    """Build the sessions of an exchange by its ISO 10383 code, 400 days around two dates.

    The rules come from `exchange_calendars`, which knows holidays, half days, lunch breaks and
    changed hours, needs no network, and for some exchanges ends with the year that is published;
    `closed_days` of the user are no sessions, whatever the rules say.
    """
    import exchange_calendars
    import pandas as pd

    names = exchange_calendars.get_calendar_names(include_aliases=False)
    if exchange not in names:
        raise UsageError(
            f"there is no exchange {exchange!r}",
            hint=did_you_mean(exchange, names) or "XSHG is Shanghai, XNYS New York, XHKG Hong Kong",
        )
    # A short stretch first: it is cheap, and knows how far the calendar goes.
    known = exchange_calendars.get_calendar(exchange, start="2020-01-02", end="2020-03-31")
    start, end = pd.Timestamp(first - MARGIN), pd.Timestamp(last + MARGIN)
    # Both bounds are given: without them the calendar would end a year after today's date.
    least, most = known.bound_min(), known.bound_max()
    start = start if least is None else max(start, least)
    end = end if most is None else min(end, most)
    if start >= end:
        raise MindError(
            f"the calendar of {exchange} knows no session from {first} to {last}",
            cause=f"exchange_calendars {_version()} records {least} to {most}",
            hint="install a newer release of exchange_calendars",
        )
    schedule = exchange_calendars.get_calendar(exchange, start=start, end=end).schedule
    shut = set(closed_days)
    # The user's closed days go before sessions are numbered, so that no horizon counts them.
    rows = [
        (day.date(), row.open, row.close, row.break_start, row.break_end)
        for day, row in zip(schedule.index, schedule.itertuples(), strict=True)
        if day.date() not in shut
    ]
    return Sessions(
        exchange,
        f"exchange_calendars {_version()}",
        load_zone(str(known.tz)),
        tuple(row[0] for row in rows),
        tuple(_microseconds(row[1]) for row in rows),
        tuple(_microseconds(row[2]) for row in rows),
        tuple(
            None if pd.isna(row[3]) else (_microseconds(row[3]), _microseconds(row[4]))
            for row in rows
        ),
    )


def _version() -> str:
    return metadata.version("exchange_calendars")


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
