"""A domain of a plugin: what it returns is what goes on, all else is an error that names it."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest

from mind_core import Reason, Record
from mind_core.records import encode
from mind_core.stream import Batch
from mind_domain.domain import Label
from mind_domain.labelling import RecordLabeller


@dataclass
class Acts:
    """Label a record, or do what a domain may not."""

    do: str = "label"
    labels = ("up", "down")

    def label(self, record: Record) -> object:
        if self.do == "exit":
            sys.exit(0)
        if self.do == "raise":
            raise ZeroDivisionError
        if self.do == "change":
            record["text"] = "changed"
        if self.do == "none":
            return None
        if self.do == "blank":
            return Reason("")
        facts = {"change": math.nan if self.do == "not finite" else 0.5}
        return Label("up", datetime(2020, 1, 1, tzinfo=UTC), date(2020, 1, 2), "a", facts)

    def story(self, record: Record) -> str:
        return str(record["text"])


def result_of(do: str) -> object:
    batch = Batch("in", 1, encode({"id": "a", "text": "news"}))
    return RecordLabeller("mine", Acts(do))(batch)  # type: ignore[arg-type]


def test_a_label_goes_on() -> None:
    result = result_of("label")
    assert len(result.payload) == 1 and not result.bad


@pytest.mark.parametrize("do", ["exit", "raise", "change", "none", "blank", "not finite"])
def test_all_else_is_a_bad_record_that_names_the_domain(do: str) -> None:
    result = result_of(do)
    assert not result.payload and len(result.bad) == 1
    error, line = result.bad[0]
    assert error.reason == "component_failed"
    assert "domain 'mine' failed" in error.message
    assert line == b'{"id":"a","text":"news"}'
