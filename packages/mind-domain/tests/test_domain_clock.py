"""Timestamps: every form becomes a moment on the market's clock, never an earlier one."""

from datetime import datetime

import pytest

from mind_core import MindError
from mind_domain.domains.finance.clock import published_at, zone

NEW_YORK = zone("America/New_York")
SHANGHAI = zone("Asia/Shanghai")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2014-07-01T13:29:59+00:00", "2014-07-01T09:29:59-04:00"),
        ("2014-01-02T14:29:59Z", "2014-01-02T09:29:59-05:00"),
        ("Wed Jan 01 03:59:03 +0000 2014", "2013-12-31T22:59:03-05:00"),
        ("2014-01-02 09:30:00", "2014-01-02T09:30:00-05:00"),
        ("2014-01-02", "2014-01-02T23:59:59.999999-05:00"),
    ],
)
def test_forms(text: str, wanted: str) -> None:
    assert published_at(text, NEW_YORK) == datetime.fromisoformat(wanted)


def test_an_evening_in_london_is_the_next_day_in_shanghai() -> None:
    moment = published_at("2014-01-02T20:00:00+00:00", SHANGHAI)
    assert moment is not None
    assert moment.isoformat() == "2014-01-03T04:00:00+08:00"


@pytest.mark.parametrize("text", ["", "yesterday", "2014-13-01", "1388534400"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert published_at(text, NEW_YORK) is None


def test_an_unknown_zone_has_a_hint() -> None:
    with pytest.raises(MindError) as caught:
        zone("Mars/Olympus")
    assert "tzdata" in str(caught.value.hint)
