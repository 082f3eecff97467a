"""Which texts are drawn depends on their ids and the seed alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mind_core import MindError
from mind_core.errors import UsageError
from mind_tok.sampling import Sample, hash64, parse_bytes, parse_shares, record_key

rows = st.lists(
    st.tuples(
        st.integers(0, 20),
        st.text(min_size=1, max_size=20).map(lambda t: t.encode()),
        st.sampled_from(["zh", "en"]),
    ),
    min_size=1,
    max_size=40,
)


@given(rows=rows, limit=st.integers(1, 120), data=st.data())
def test_order_does_not_matter_and_the_limit_holds(
    rows: list[tuple[int, bytes, str]], limit: int, data: st.DataObject
) -> None:
    def draw(order: list[tuple[int, bytes, str]]) -> list[str]:
        sample = Sample(limit)
        for row in order:
            sample.offer(*row)
        return list(sample.texts())

    drawn = draw(rows)
    assert draw(data.draw(st.permutations(rows))) == drawn
    size = sum(len(text.encode()) for text in drawn)
    total = sum(len(row[1]) for row in rows)
    assert size <= limit
    assert size > min(limit, total) - 4, "at most the rest of one character is missing"


def test_shares_are_kept_by_the_language_that_has_least() -> None:
    sample = Sample(1000, {"en": 0.25, "zh": 0.75})
    for i in range(100):
        sample.offer(hash64(b"%d" % i, 0), b"abcdefghij", "en")
    for i in range(30):
        sample.offer(hash64(b"z%d" % i, 0), "十个".encode(), "zh")
    sample.texts()
    assert sample.drawn == {
        "zh": {"documents": 30, "bytes": 180},
        "en": {"documents": 6, "bytes": 60},
    }
    assert sample.as_dict() == {
        "limit_bytes": 1000, "shares": {"en": 0.25, "zh": 0.75}, "languages": sample.drawn
    }  # fmt: skip


def test_a_share_without_text_is_an_error() -> None:
    sample = Sample(100, {"en": 0.5, "zh": 0.5})
    sample.offer(1, b"text", "en")
    with pytest.raises(MindError, match="'zh'"):
        sample.texts()


def test_memory_is_bounded_by_the_limit() -> None:
    sample = Sample(5000)
    for i in range(20_000):
        sample.offer(hash64(b"%d" % i, 0), b"x" * 100, "en")
    assert sum(len(row[1]) for row in sample._pools["all"].heap) <= 5100


def test_a_key_comes_from_the_id_else_from_the_text() -> None:
    assert record_key({"id": "a"}, "one", 0) == record_key({"id": "a"}, "two", 0)
    assert record_key({"id": "a"}, "one", 0) != record_key({"id": "a"}, "one", 1)
    assert record_key({}, "one", 0) != record_key({}, "two", 0)
    assert record_key({"id": 7}, "one", 0) == record_key({"id": 7}, "two", 0)


@pytest.mark.parametrize(
    ("text", "value"), [("7", 7), ("500k", 500_000), ("50M", 50_000_000), ("1.5G", 1_500_000_000)]
)
def test_sizes_are_read(text: str, value: int) -> None:
    assert parse_bytes(text) == value


@pytest.mark.parametrize("text", ["", "M", "0", "-3", "10T", "nan", "infG", "1e999"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_bytes(text)


def test_shares_are_scaled_to_one() -> None:
    assert parse_shares("zh=1,en=3") == {"en": 0.75, "zh": 0.25}


@pytest.mark.parametrize("text", ["zh", "zh=", "zh=0", "zh=-1", "=1", "zh=1,zh=2", "zh=nan,en=1",
                                  "zh=inf", "zh=1e308,en=1e308"])  # fmt: skip
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_shares(text)
