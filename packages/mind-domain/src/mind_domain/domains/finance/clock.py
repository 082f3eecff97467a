"""When a text was published, on the market's clock."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mind_core import MindError
from mind_core.errors import UsageError

TWITTER = "%a %b %d %H:%M:%S %z %Y"


def zone(name: str) -> ZoneInfo:
    """Return a time zone by its name in the tz database, as "Asia/Shanghai"."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise MindError(
            f"there is no time zone {name!r} on this machine",
            cause=error,
            hint="write it as Asia/Shanghai; if the machine has no zones, `pip install tzdata`",
        ) from None


def clock_time(text: str) -> time:
    """Read a time of day such as 09:30."""
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no time of day", hint="write 09:30") from None


def published_at(text: str, market: ZoneInfo) -> datetime | None:
    """Read a timestamp as a moment on the market's clock; None if it is none.

    ISO 8601 and Twitter's form are read. Without an offset the market's own clock is meant. A bare
    date says only that the text was public at the end of that day: an earlier hour would let a
    label use prices from before the text.
    """
    text = text.strip()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = datetime.strptime(text, TWITTER)
        except ValueError:
            return None
    if len(text) <= len("2014-12-31"):
        moment += timedelta(days=1) - timedelta(microseconds=1)
    if moment.tzinfo is None:
        return moment.replace(tzinfo=market)
    return moment.astimezone(market)
