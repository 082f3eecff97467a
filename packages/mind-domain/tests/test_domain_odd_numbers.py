"""Numbers in records and options that Python refuses, or reads and nobody meant."""

from __future__ import annotations

import math
from zoneinfo import ZoneInfo

import pytest

from mind_core.errors import UsageError
from mind_domain.buckets import parse_edges
from mind_domain.domains.finance.price_rows import _number
from mind_domain.domains.finance.timestamps import read_timestamp


@pytest.mark.parametrize(
    "text", ["1 Jul 99999999999 08:00:00 +0000", "Mon, 1 Jul 2024 08:00:00 +99999999999999999999"]
)
def test_a_date_out_of_range_is_no_timestamp(text: str) -> None:
    assert read_timestamp(text, ZoneInfo("Asia/Shanghai")) is None


def test_a_price_with_an_underscore_is_no_number() -> None:
    assert math.isnan(_number("1_000"))
    assert _number("1,000") == 1000.0


def test_edges_of_too_many_digits_are_a_usage_error() -> None:
    with pytest.raises(UsageError):
        parse_edges(f"0-{'9' * 5000}")
