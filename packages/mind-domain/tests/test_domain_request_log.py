"""The log of what was paid for: each answer on the disk at once, whole, and never asked again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mind_core import MindError
from mind_domain.requests import Limits, Request, RequestLog, answer_all, open_log
from mind_domain.teachers import Decoding, Reply

REPLY = Reply("一 answer", "stop", 7)


def request(number: int, attempt: int = 0) -> Request:
    return Request("m", ({"role": "user", "content": f"question {number}"},), Decoding(), attempt)


class Counting:
    """A writer that counts how often it is asked."""

    parallel = True

    def __init__(self) -> None:
        self.asked: list[Decoding] = []

    def write(self, messages: object, decoding: Decoding) -> Reply:
        self.asked.append(decoding)
        return REPLY


def test_each_answer_is_on_the_disk_when_add_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        real(handle)
        synced.append(os.fstat(handle).st_size)

    monkeypatch.setattr(os, "fsync", fsync)
    path = tmp_path / "log.jsonl"
    with open_log(path) as log:
        for number in range(3):
            log.add(request(number), REPLY)
            assert synced[-1:] == [path.stat().st_size], "an answer waits in memory"
            assert len(synced) == number + 1
            # What another process would find after a kill:
            assert path.read_bytes().count(b"\n") == number + 1
        assert (log.asked, log.tokens) == (3, 21)


def test_what_is_in_the_log_is_not_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    writer = Counting()
    wanted = [request(number) for number in (0, 1, 1, 2)]
    with open_log(path) as log:
        assert answer_all(wanted, {"m": writer}, log, Limits()) == {"asked": 3}
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"key": "torn')
    with open_log(path) as log:
        assert (log.asked, len(log.answers), log.answers[request(2).key]) == (0, 3, REPLY)
        again = answer_all([*wanted, request(3)], {"m": writer}, log, Limits())
        assert again == {"asked": 1, "kept": 4}
    assert len(writer.asked) == 4
    # The torn line is gone, the new one stands on its own.
    assert path.read_bytes().startswith(whole) and path.read_bytes().count(b"\n") == 4
    with open_log(path) as log:
        assert len(log.answers) == 4


def test_without_a_path_answers_are_in_memory_alone() -> None:
    log = RequestLog()
    assert log.asked == 0
    log.add(request(1), REPLY)
    assert log.answers == {request(1).key: REPLY} and log.asked == 1


def test_an_attempt_draws_with_a_seed_of_its_own() -> None:
    writer = Counting()
    answer_all([request(1), request(1, attempt=2)], {"m": writer}, RequestLog(), Limits())
    assert sorted(decoding.seed for decoding in writer.asked) == [0, 2]
    assert request(1).key != request(1, attempt=2).key


@pytest.mark.parametrize("limits", [Limits(requests=2, concurrency=1), Limits(tokens=14)])
def test_a_budget_stops_at_its_number_and_keeps_what_was_paid(
    tmp_path: Path, limits: Limits
) -> None:
    writer = Counting()
    writer.parallel = False
    with open_log(tmp_path / "log.jsonl") as log:
        with pytest.raises(MindError, match="budget"):
            answer_all([request(n) for n in range(5)], {"m": writer}, log, limits)
        assert len(log.answers) == len(writer.asked) == 2
