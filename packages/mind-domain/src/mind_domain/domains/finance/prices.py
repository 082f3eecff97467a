"""The price table: each share's rows on the sessions of its exchange, and what is wrong."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from mind_core import MindError
from mind_domain.domains.finance.price_rows import BadRow, PriceRow, read_price_rows
from mind_domain.domains.finance.sessions import Sessions, load_sessions

NAMED_DAYS = 5
"""How many days a remark names before it only counts."""


def _doubles() -> array[float]:
    return array("d")


@dataclass
class Series:
    """One share: session indices in ascending order, and a value for each; NaN is unknown.

    `bad` are sessions whose row was dropped because it is no price, or contradicts another.
    """

    # Arrays: eight bytes a value, where a list would take an object for each of millions of prices.
    sessions: array[int] = field(default_factory=lambda: array("l"))
    opens: array[float] = field(default_factory=_doubles)
    highs: array[float] = field(default_factory=_doubles)
    lows: array[float] = field(default_factory=_doubles)
    closes: array[float] = field(default_factory=_doubles)
    factors: array[float] = field(default_factory=_doubles)
    volumes: array[float] = field(default_factory=_doubles)
    bad: set[int] = field(default_factory=set)

    def row(self, session: int) -> int | None:
        """Return the position of a session's row, None if there is none."""
        place = bisect_left(self.sessions, session)
        if place < len(self.sessions) and self.sessions[place] == session:
            return place
        return None

    def first(self) -> int:
        """Return the first session with a row, dropped ones included; -1 if there is none."""
        # A dropped row still says that the share was listed, which makes another reason for no
        # label.
        return min([*self.sessions[:1], *self.bad], default=-1)

    def last(self) -> int:
        """Return the last session with a row, dropped ones included; -1 if there is none."""
        return max([*self.sessions[-1:], *self.bad], default=-1)

    def price(self, place: int, at: str) -> float:
        """Return the adjusted open or close of a row."""
        return (self.opens if at == "open" else self.closes)[place] * self.factors[place]


@dataclass(frozen=True)
class PriceTable:
    """All shares of a price file on one calendar, with what was found wrong, by name and count."""

    sessions: Sessions
    series: dict[str, Series]
    counts: Counter[str]
    remarks: tuple[str, ...] = ()


def read_prices(
    path: str | Path,
    exchange: str,
    closed_days: Iterable[date] = (),
    *,
    strict: bool = False,
) -> PriceTable:
    """Read a price file into one series per ticker on the sessions of an exchange.

    A row that is no price is dropped and counted, with its session remembered (`bad`); so are rows
    that contradict each other and rows on days without a session. `strict` raises `MindError` at
    the first one instead, with its position. Sessions on which no share has a row are remarked on.
    """
    rows: dict[str, dict[date, PriceRow | None]] = {}
    counts: Counter[str] = Counter()
    for row in read_price_rows(path):
        counts["rows"] += 1
        if isinstance(row, BadRow):
            _note_bad(row, rows, counts, strict)
        else:
            _add(row, rows, counts, strict, str(path))
    days = [day for share in rows.values() for day in share]
    if not days:
        raise MindError(f"{path} has no price in it", hint="look at the file, or use --strict")
    sessions = load_sessions(exchange, min(days), max(days), closed_days)
    series: dict[str, Series] = {}
    closed: Counter[date] = Counter()
    for ticker in sorted(rows):
        # Taken out as it goes, so that rows and series are not both held in full.
        series[ticker] = _series(rows.pop(ticker), sessions, closed)
    # Rows outside the calendar are counted after all shares were laid on it.
    counts["row_without_session"] += closed.total()
    remarks = _remarks(str(path), sessions, series, closed, counts)
    if strict and closed:
        # The last remark is the one on days without a session, or after the calendar's end.
        raise MindError(f"{path}: {remarks[-1]}", hint="drop these rows, or leave out --strict")
    return PriceTable(sessions, series, +counts, tuple(remarks))


def _note_bad(
    row: BadRow, rows: dict[str, dict[date, PriceRow | None]], counts: Counter[str], strict: bool
) -> None:
    if strict:
        raise MindError(
            f"{row.position}: {row.why}", hint="drop the row; without --strict it is left out"
        )
    counts["bad_row"] += 1
    if row.ticker and row.day is not None:
        # Also over a good row of the same day: which of the two is right cannot be known.
        rows.setdefault(row.ticker, {})[row.day] = None


def _add(
    row: PriceRow,
    rows: dict[str, dict[date, PriceRow | None]],
    counts: Counter[str],
    strict: bool,
    path: str,
) -> None:
    share = rows.setdefault(row.ticker, {})
    if row.day not in share:
        share[row.day] = row
        return
    if repr(share[row.day]) == repr(row):  # NaN of a column that is not there equals NaN here
        counts["repeated_row"] += 1
        return
    if strict:
        raise MindError(
            f"{path}: {row.ticker} has two rows for {row.day}", hint="keep one row for each day"
        )
    counts["contradicting_row"] += 1
    # None stays: a third row does not bring the day back.
    share[row.day] = None


def _series(
    share: dict[date, PriceRow | None], sessions: Sessions, closed: Counter[date]
) -> Series:
    series = Series()
    for day in sorted(share):
        row, session = share[day], sessions.index.get(day)
        if session is None:
            # A bad row on such a day is counted already.
            closed[day] += row is not None
        elif row is None:
            series.bad.add(session)
        else:
            series.sessions.append(session)
            series.opens.append(row.open)
            series.highs.append(row.high)
            series.lows.append(row.low)
            series.closes.append(row.close)
            series.factors.append(row.factor)
            series.volumes.append(row.volume)
    return series


def _remarks(
    path: str,
    sessions: Sessions,
    series: dict[str, Series],
    closed: Counter[date],
    counts: Counter[str],
) -> list[str]:
    """Say where the table and the calendar disagree."""
    remarks = []
    # Of all shares together: a single one may be suspended, but not a whole market.
    known = {session for share in series.values() for session in (*share.sessions, *share.bad)}
    holes = [n for n in range(min(known), max(known)) if n not in known] if known else []
    counts["session_without_row"] += len(holes)
    if holes:
        named = _named([sessions.days[n] for n in holes])
        remarks.append(
            f"{path} has no row for {len(holes):,} sessions of {sessions.exchange}: {named}"
        )
    for name, what in (("bad_row", "are no prices"), ("contradicting_row", "contradict another")):
        if counts[name]:
            remarks.append(f"{counts[name]:,} rows of {path} {what} and are left out")
    late = [day for day in closed if day > sessions.days[-1] and closed[day]]
    if late:
        remarks.append(
            f"the calendar of {sessions.exchange} ({sessions.version}) ends on "
            f"{sessions.days[-1]}, and {path} goes on to {max(late)}: rows after it are left out"
        )
    if shut := [day for day in closed if day <= sessions.days[-1] and closed[day]]:
        remarks.append(
            f"{path} has rows on days without a session, left out: {_named(sorted(shut))}"
        )
    return remarks


def _named(days: list[date]) -> str:
    named = ", ".join(map(str, days[:NAMED_DAYS]))
    return named + (f" and {len(days) - NAMED_DAYS:,} more" if len(days) > NAMED_DAYS else "")
