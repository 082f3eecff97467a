"""The file of the answer log: what is written when, and what a torn or wrong line costs."""

from __future__ import annotations

import math
import os
import stat
from pathlib import Path

import pytest

from mind_core import MindError
from mind_eval.response_cache import ResponseCache, WrittenText, read_answers


def test_a_batch_is_in_the_file_at_once_and_synced_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        real(handle)
        state = os.fstat(handle)
        if stat.S_ISREG(state.st_mode):  # the name of a new folder is synced as well
            synced.append(state.st_size)

    monkeypatch.setattr(os, "fsync", fsync)
    log = ResponseCache(tmp_path / "log")
    path = tmp_path / "log" / "rank-0.jsonl"
    log.add({"a": (-1.5, True), "b": WrittenText("text", True)})
    assert path.read_bytes().count(b"\n") == 2
    log.add({})
    log.add({"c": (-2.0, False)})
    found = read_answers(tmp_path / "log")
    assert found == {"a": (-1.5, True), "b": "text", "c": (-2.0, False)}
    assert isinstance(found["b"], WrittenText) and found["b"].cut is True
    log.close()
    assert synced == [path.stat().st_size]
    log.close()  # once is enough
    assert len(synced) == 1
    assert path.stat().st_mode & 0o777 == 0o600, "answers are their owner's"


def test_the_first_answer_after_a_torn_line_stands_on_its_own(tmp_path: Path) -> None:
    first = ResponseCache(tmp_path)
    first.add({"a": (-1.0, True)})
    first.close()
    path = tmp_path / "rank-0.jsonl"
    path.write_bytes(path.read_bytes() + b'{"key": "torn", "na')
    again = ResponseCache(tmp_path)
    assert again.found == {"a": (-1.0, True)} and again.added == {}
    again.add({"b": (-2.0, True)})
    again.close()
    assert read_answers(tmp_path) == {"a": (-1.0, True), "b": (-2.0, True)}
    whole = path.read_bytes()
    ResponseCache(tmp_path).close()
    assert path.read_bytes() == whole, "a whole file needs no empty line"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_no_answer_and_nothing_of_its_batch_is_kept(
    tmp_path: Path, value: float
) -> None:
    log = ResponseCache(tmp_path)
    with pytest.raises(MindError, match="not logged"):
        log.add({"a": (-1.0, True), "b": (value, True)})
    log.close()
    assert log.found == {} and read_answers(tmp_path) == {}


def test_in_memory_without_a_folder() -> None:
    log = ResponseCache(None)
    log.add({"a": WrittenText("text")})
    assert log.get("a") == "text" and log.get("b") is None
    log.close()
