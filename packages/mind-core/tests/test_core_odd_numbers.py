"""Numbers of text from outside: digits that `int` refuses, or reads and nobody meant."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from mind_core.chats.messages import ChatError
from mind_core.chats.turn_lists import MossReader
from mind_core.columns import Renaming
from mind_core.component_calls import finite_number
from mind_core.errors import UsageError
from mind_core.formats.csv_rows import csv_batches
from mind_core.formats.warc_records import records_of
from mind_core.options import parse_jobs, parse_skip_bad
from mind_core.servers import retry_after
from mind_core.tasks.options import parse_shard, parse_size
from mind_core.untrusted import whole_number

ODD = ["²", "--5", "9" * 5000, "1_000", "٣", "", "-1", "+1", " 1", "1.0"]


@pytest.mark.parametrize("text", ODD)
def test_odd_digits_are_no_whole_number(text: str) -> None:
    assert whole_number(text) is None


def test_whole_numbers_are_read() -> None:
    assert [whole_number(text) for text in ("0", "007", "9" * 18)] == [0, 7, 10**18 - 1]


@pytest.mark.parametrize("said", ["²", "--5", "9" * 5000, "٣"])
def test_a_record_of_an_odd_length_is_damaged_and_the_next_is_read(said: str) -> None:
    record = "WARC/1.0\r\nWARC-Type: response\r\nContent-Length: {}\r\n\r\nab\r\n\r\n"
    data = (record.format(said) + record.format(2)).encode()
    first, second = records_of(iter([data]), 100)
    assert first.damage.startswith("its length is")
    assert (second.body, second.damage) == (b"ab", "")


@pytest.mark.parametrize("number", ["²", "9" * 5000])
def test_a_turn_of_an_odd_number_is_damage(number: str) -> None:
    with pytest.raises(ChatError):
        MossReader()({"chat": {f"turn_{number}": {"Human": "a", "MOSS": "b"}}})


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_jobs, "9" * 5000),
        (parse_skip_bad, "9" * 5000),
        (parse_shard, f"{'9' * 5000}/{'9' * 5001}"),
        (parse_size, "9" * 400),
    ],
)
def test_options_of_too_many_digits_are_usage_errors(
    parse: Callable[[str], Any], text: str
) -> None:
    with pytest.raises(UsageError):
        parse(text)


@pytest.mark.parametrize("header", ["1 Jul 99999999999 08:00:00 +0000", "nan", "inf", "²"])
def test_an_odd_wait_of_a_server_is_none(header: str) -> None:
    assert retry_after(header) is None


def test_a_component_s_number_too_large_for_a_float_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="not finite"):
        finite_number(10**400)


def test_blank_rows_of_a_table_count_as_rows() -> None:
    source = io.BytesIO(b"\nid,text\na,x\n\n\nb,y\n")
    batches = csv_batches(source, "t.csv", ",", Renaming(), 1 << 20)
    assert [number for batch in batches for number, _ in batch.lines()] == [3, 6]
