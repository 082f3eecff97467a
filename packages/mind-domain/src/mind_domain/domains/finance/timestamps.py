"""When a text was published: every form that data sets write, never read as an earlier moment."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mind_core import MindError

TWITTER = "%a %b %d %H:%M:%S %z %Y"
MIDNIGHT = ("date", "time")
"""What a stamp at exactly 00:00:00 is: a bare date, as pandas and crawlers write one, or a time."""

_NUMBERED = re.compile(
    # Possessive (`*+`), so that a long run of blanks cannot be tried in every way to share it out.
    r"(\d{4})\s*+[-/.年]\s*+(\d{1,2})\s*+[-/.月]\s*+(\d{1,2})(?:\s*+日)?"
    r"(?:[\sT,]*+(上午|下午)?\s*+(\d{1,2})\s*+[:时時點点]\s*+(?:(\d{1,2})(?:\s*+分)?)?(?:(?:\s*+:)?\s*+(\d{1,2})(?:\s*+秒)?)?)?\s*+"
)
_EPOCH = re.compile(r"\d{9,10}(?:\.\d+)?|\d{13}|\d{16}")
_SECONDS, _MILLISECONDS, _MICROSECONDS = 1e8, 1e11, 1e14
"""The least number that is read as epoch seconds (1973), milliseconds and microseconds."""


@dataclass(frozen=True)
class Timestamp:
    """A moment on the market's clock; `rule` names what was assumed, empty if nothing was.

    A bare date says only that the text was public at the end of that day: an earlier hour would let
    a label use prices from before the text.
    """

    moment: datetime
    rule: str = ""

    @property
    def is_date(self) -> bool:
        """Tell whether only the day is known."""
        return self.rule in ("bare_date", "midnight_as_date")


def load_zone(name: str) -> ZoneInfo:
    """Return a time zone by its name in the tz database, as "Asia/Shanghai"."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise MindError(
            f"there is no time zone {name!r} on this machine",
            cause=error,
            hint="write it as Asia/Shanghai; if the machine has no zones, `pip install tzdata`",
        ) from None


def read_timestamp(
    value: Any, market: ZoneInfo, *, midnight: str = "date", form: str = ""
) -> Timestamp | None:
    """Read a timestamp as a moment on the market's clock; None if it is none.

    ISO 8601, Twitter's form, RFC 2822, `2024/7/1 08:00`, `2024年7月1日 8时30分` and epoch seconds,
    milliseconds or microseconds are read, or `form` as of strptime and nothing else. Without an
    offset the market's own clock is meant; an hour that comes twice at the end of summer time is
    the later one. What is exactly midnight as written (of an epoch number: in UTC or at the market)
    is a bare date unless `midnight` is "time".
    """
    # True is an int, and would be a second of 1970.
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return None if form else _from_epoch(float(value), market, midnight)
    if not isinstance(value, str) or not (text := value.strip()):
        return None
    if form:
        return _from_form(text, form, market, midnight)
    # Before dates: nine to sixteen digits alone are no year. Eight, such as 20240701, are a date.
    if _EPOCH.fullmatch(text):
        return _from_epoch(float(text), market, midnight)
    if (day := _bare_date(text)) is not None:
        return _end_of(day, market, "bare_date")
    moment = _written_moment(text)
    return None if moment is None else _placed(moment, market, midnight)


def _from_form(text: str, form: str, market: ZoneInfo, midnight: str) -> Timestamp | None:
    try:
        moment = datetime.strptime(text, form)
    except ValueError:
        return None
    # No field of a time in it, so midnight is only what strptime fills in.
    if not re.search(r"%[HIMSfcXTRsp]", form):
        return _end_of(moment.date(), market, "bare_date")
    return _placed(moment, market, midnight)


def _from_epoch(number: float, market: ZoneInfo, midnight: str) -> Timestamp | None:
    if not math.isfinite(number) or number < _SECONDS or number >= 1e17:
        return None
    # Ranges that do not overlap for any date from 1973 on.
    scale = 1e6 if number >= _MICROSECONDS else 1e3 if number >= _MILLISECONDS else 1.0
    try:
        moment = datetime.fromtimestamp(number / scale, UTC)
        local = moment.astimezone(market)
    except (OverflowError, ValueError):
        return None
    if midnight == "date":
        # A date was turned into a number either in UTC or on the market's clock.
        for one in (moment, local):
            if one.time() == time():
                return _end_of(one.date(), market, "midnight_as_date")
    return Timestamp(local, "epoch")


def _bare_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    found = _NUMBERED.fullmatch(text)
    if found is None or found[5] is not None:
        return None
    return _day(found)


def _day(found: re.Match[str]) -> date | None:
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None


def _written_moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    if found := _NUMBERED.fullmatch(text):
        return _numbered_moment(found)
    try:
        return datetime.strptime(text, TWITTER)
    except ValueError:
        pass
    # RFC 2822 begins with a day of the week and a comma, or with the day of the month.
    if "," not in text[:5] and not text[:1].isdigit():
        return None  # the mail parser guesses from much less than a date
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _numbered_moment(found: re.Match[str]) -> datetime | None:
    day = _day(found)
    hour, minute, second = (int(part or 0) for part in (found[5], found[6], found[7]))
    # 12 in the afternoon is noon already. 12 in the morning is read as noon too, the later of what
    # it may mean.
    if found[4] == "下午" and hour < 12:
        hour += 12
    try:
        return None if day is None else datetime.combine(day, time(hour, minute, second))
    except ValueError:
        return None


def _placed(moment: datetime, market: ZoneInfo, midnight: str) -> Timestamp | None:
    try:
        if midnight == "date" and moment.time() == time():
            day = moment.date()
            if moment.tzinfo is not None:
                # The next day where the market's clock is a whole day ahead: the end of the day as
                # written, there, comes before the midnight that was written at -12:00.
                day = max(day, moment.astimezone(market).date())
            return _end_of(day, market, "midnight_as_date")
        if moment.tzinfo is None:
            # `fold=1` is the later one of an hour that comes twice.
            return Timestamp(moment.replace(tzinfo=market, fold=1), "market_clock")
        return Timestamp(moment.astimezone(market))
    except OverflowError:
        return None


def _end_of(day: date, market: ZoneInfo, rule: str) -> Timestamp:
    moment = datetime.combine(day, time(), tzinfo=market)
    try:
        return Timestamp(moment + timedelta(days=1) - timedelta(microseconds=1), rule)
    except OverflowError:
        return Timestamp(moment, rule)
