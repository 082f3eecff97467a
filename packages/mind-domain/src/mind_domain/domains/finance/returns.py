"""What a share did after a moment: from the first tradable price on, for some sessions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime

from mind_core import Reason
from mind_domain.domains.finance.prices import PriceTable, Series
from mind_domain.domains.finance.sessions import Slot

RETURNS = ("raw", "log", "excess")
TICK = 0.01
"""The step of prices in Shanghai and Shenzhen; a limit is rounded to it."""


@dataclass(frozen=True)
class ReturnRule:
    """Say how a return is measured: over how many sessions, from which price, against what.

    `limits` are the shares of the last close at which trading stops; empty knows none.
    """

    horizon: int = 1
    entry: str = "first"
    kind: str = "raw"
    benchmark: str = ""
    auction: int = 0
    limits: tuple[float, ...] = ()


@dataclass(frozen=True)
class Movement:
    """The return between two opens, or two closes, of one share."""

    change: float
    at: str
    entered: date
    left: date


def measure_movement(
    table: PriceTable, ticker: str, moment: datetime, rule: ReturnRule
) -> Movement | Reason:
    """Measure the return from the first open or close strictly after a moment on.

    Entry and exit are `horizon` sessions apart at the same time of day, so that nothing which was
    known before the text is in the return. Reasons: `beyond_calendar`; `no_entry` (not listed yet,
    or the prices end before it); `no_exit` (they end too early); `suspended` (no row or no volume
    on a session from entry to exit); `stale_price` (no volume is known and the row repeats the last
    close); `bad_price` (the row was dropped); `limit_locked` (the whole day at its limit: nobody
    could enter).
    """
    # Chosen from the calendar alone: a price that lacks then is a reason, not a later entry.
    slot = table.sessions.first_after(moment, rule.entry, rule.auction)
    days = table.sessions.days
    if slot is None:
        return Reason("beyond_calendar", str(moment.date()), str(days[-1]))
    series = table.series[ticker]
    places = _tradable(series, slot, rule.horizon, days)
    if isinstance(places, Reason):
        return places
    first, last = places
    if _is_locked(series, first, rule.limits):
        return Reason("limit_locked", str(days[slot.session]), round(series.closes[first], 4))
    change = _change(series, first, last, slot.at, rule.kind)
    if rule.kind == "excess":
        other = table.series[rule.benchmark]
        found = other.row(slot.session), other.row(slot.session + rule.horizon)
        if found[0] is None or found[1] is None:
            return Reason("no_benchmark", rule.benchmark, str(days[slot.session]))
        # The same two moments, so that what the market did is taken off, and nothing else.
        change -= _change(other, found[0], found[1], slot.at, "raw")
    return Movement(change, slot.at, days[slot.session], days[slot.session + rule.horizon])


def _tradable(
    series: Series, slot: Slot, horizon: int, days: tuple[date, ...]
) -> tuple[int, int] | Reason:
    """Return the rows of entry and exit if the share was traded on every session between."""
    enter, leave = slot.session, slot.session + horizon
    first, last = series.first(), series.last()
    # Outside the share's own rows; within them a missing row is a suspension.
    if not first <= enter <= last:
        return Reason("no_entry", str(days[enter]), str(days[first if enter < first else last]))
    if leave > last:
        until = str(days[leave]) if leave < len(days) else None
        return Reason("no_exit", until, str(days[last]))
    places = []
    # All sessions, not the ends alone: over a suspension in between the return holds news that came
    # while nobody could trade.
    for session in range(enter, leave + 1):
        place = series.row(session)
        if place is None:
            word = "bad_price" if session in series.bad else "suspended"
            return Reason(word, str(days[session]))
        if series.volumes[place] == 0.0:
            return Reason("suspended", str(days[session]), "volume 0")
        places.append(place)
    for place in (places[0], places[-1]):
        if _is_stale(series, place):
            return Reason("stale_price", str(days[series.sessions[place]]))
    return places[0], places[-1]


def _is_stale(series: Series, place: int) -> bool:
    """Tell whether a row without a volume only repeats the close of the row before."""
    if place == 0 or not math.isnan(series.volumes[place]):
        return False
    before = series.closes[place - 1]
    values = (series.opens, series.closes, series.highs, series.lows)
    # A source that fills suspensions repeats the last close in every column; NaN is one it lacks.
    return all(column[place] == before or math.isnan(column[place]) for column in values)


def _is_locked(series: Series, place: int, limits: tuple[float, ...]) -> bool:
    """Tell whether a whole session stood at its limit; that can be known only with high and low.

    The limit is the last close, less a dividend or split since, times 1 ± a share, rounded to the
    tick. The first session of a share has none.
    """
    price = series.closes[place]
    bar = (series.opens[place], series.highs[place], series.lows[place])
    if place == 0 or not limits or any(one != price for one in bar):
        return False
    # On the terms of this day: factors change between the two only by a dividend or split.
    before = series.closes[place - 1] * series.factors[place - 1] / series.factors[place]
    bounds = (before * (1 + sign * limit) for limit in limits for sign in (1, -1))
    # Half a tick, whichever way the exchange rounds; the rest is for prices in binary.
    return any(abs(price - bound) <= TICK / 2 + 1e-9 * price for bound in bounds)


def _change(series: Series, first: int, last: int, at: str, kind: str) -> float:
    ratio = series.price(last, at) / series.price(first, at)
    return math.log(ratio) if kind == "log" else ratio - 1.0
