"""A record that takes its time is dropped with the step's name, and the stream goes on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mind_core.record_limits import RecordClock, TooSlow
from mind_core.records import decode, encode
from mind_core.stream import read_records
from mind_core.testing import run_tool

SLOW = '''
import re
from mind_clean import hookimpl

class Slow:
    """Take very long over some texts."""
    def __call__(self, record):
        text = record["text"]
        if text.startswith("pattern"):
            re.match(r"(a+)+$", "a" * 40 + "!")
        elif text.startswith("loop"):
            while True:
                pass
        elif text.startswith("stubborn"):
            for _ in range(3):
                try:
                    while True:
                        pass
                except:
                    pass
        elif text.startswith("late"):
            sum(range(10**8))
        return self.answer(record)

class Filter(Slow):
    """Keep all."""
    def answer(self, record):
        return None

class Transform(Slow):
    """Change nothing."""
    def answer(self, record):
        return record

@hookimpl
def register_filters():
    return {"slow_filter": Filter}

@hookimpl
def register_transforms():
    return {"slow_transform": Transform}
'''
TEXTS = ("first", "pattern", "second", "loop", "stubborn", "late", "third")


@pytest.mark.hostile("a record that takes forever")
@pytest.mark.parametrize(("kind", "jobs"), [("filter", 1), ("transform", 2)])
def test_a_slow_record_is_dropped_and_the_stream_goes_on(
    tmp_path: Path, kind: str, jobs: int
) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    data = b"".join(encode({"id": str(n), "text": text}) for n, text in enumerate(TEXTS))
    name = f"slow_{kind}"
    given = ["-z", 0, "--plugin", tmp_path / "slow.py", "--step", name, "--record-seconds", "0.1",
             "-j", jobs, "--rejects", tmp_path / "rejects.jsonl.zst"]  # fmt: skip
    done = run_tool("mind-clean", given, data)
    assert done.code == 0, done.stderr
    assert [decode(line, "")["text"] for line in done.stdout.splitlines()] == [
        "first", "second", "third",
    ]  # fmt: skip
    rejects = read_records([tmp_path / "rejects.jsonl.zst"])
    said = [record["metadata"]["mind"]["rejected"] for record in rejects]
    assert {(one["step"], one["reason"], one["threshold"]) for one in said} == {
        (name, "too_slow", 0.1)
    }
    assert len(said) == 4 and "7 in, 3 kept" in done.stderr


@pytest.mark.hostile("a record that takes forever")
def test_a_slow_record_is_marked_with_mark(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    given = ["-z", 0, "--mark", "--plugin", tmp_path / "slow.py", "--step", "slow_filter",
             "--record-seconds", "0.1"]  # fmt: skip
    done = run_tool("mind-clean", given, encode({"id": "1", "text": "loop"}))
    [line] = done.stdout.splitlines()
    [mark] = decode(line, "")["metadata"]["mind"]["clean"]["marks"]
    assert (mark["step"], mark["reason"]) == ("slow_filter", "too_slow")


@pytest.mark.hostile("a page that becomes far more than it is")
@pytest.mark.parametrize("extractor", ["blocks", "resiliparse"])
def test_a_page_that_multiplies_is_dropped(tmp_path: Path, extractor: str) -> None:
    many = "".join(f"<font size={n}><p>x" for n in range(5000))
    pages = [many, "<p>A page with some text.</p>" * 3]
    data = b"".join(encode({"id": str(n), "html": html}) for n, html in enumerate(pages))
    given = ["-z", 0, "--step", extractor, "--rejects", tmp_path / "rejects.zst"]
    done = run_tool("mind-clean", given, data)
    assert done.code == 0, done.stderr
    assert [decode(line, "")["id"] for line in done.stdout.splitlines()] == ["1"]
    [record] = read_records([tmp_path / "rejects.zst"])
    assert record["metadata"]["mind"]["rejected"]["reason"] == "too_large"


def test_the_clock_raises_in_calls_alone() -> None:
    with RecordClock(0.02) as clock:
        clock.start()
        until = time.process_time() + 0.06
        while time.process_time() < until:
            pass
        for _ in range(2):
            with pytest.raises(TooSlow):
                clock.call(list)
        clock.start()
        assert clock.call(len, "two") == 3
    with RecordClock(0) as clock:
        clock.start()
        assert clock.call(sum, range(10**6)) > 0
