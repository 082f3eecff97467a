"""Workers: the same order for any number, and no hang when one dies."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mind_core.channels import SLOT_BYTES, channel_pair, packed
from mind_core.errors import BadRecord, MindError
from mind_core.parallel import Processes, Serial, WorkerDied, engine_for


def slow_square(number: int) -> int:
    time.sleep(0.002 * (number % 3))
    return number * number


def big(number: int) -> bytes:
    return bytes([number % 251]) * 3_000_000


def die_at_5(number: int) -> int:
    if number == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def fail_at_5(number: int) -> int:
    if number == 5:
        raise BadRecord("not_json", "f:5", b"x")
    return number


def crash_at_5(number: int) -> int:
    if number == 5:
        raise ZeroDivisionError("five")
    return number


def larger_or_smaller(data: bytes) -> bytes:
    return b"" if len(data) > SLOT_BYTES and len(data) % 2 else bytes(SLOT_BYTES + len(data))


@pytest.mark.parametrize("jobs", [1, 2, 4, 9])
def test_order_is_kept(jobs: int) -> None:
    assert list(engine_for(jobs).map(slow_square, range(60))) == [n * n for n in range(60)]


def test_large_answers_and_items_do_not_block() -> None:
    items = [bytes([n]) * 3_000_000 for n in range(8)]
    answers = list(Processes(2).map(len, items))
    assert answers == [3_000_000] * 8
    assert [a[:1] for a in Processes(2).map(big, range(8))] == [bytes([n]) for n in range(8)]


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_what_does_not_fit_into_shared_memory_goes_by_pipe(jobs: int) -> None:
    sizes = [(SLOT_BYTES + 1) * (n % 3 == 0) + n for n in range(20)]
    answers = engine_for(jobs).map(larger_or_smaller, (bytes(size) for size in sizes))
    assert [len(answer) for answer in answers] == [
        0 if size > SLOT_BYTES and size % 2 else SLOT_BYTES + size for size in sizes
    ]


@pytest.mark.parametrize(("method", "depth"), [("fork", 2), ("spawn", 1)])
def test_both_ends_of_a_channel_understand_each_other(method: str, depth: int) -> None:
    ours, theirs = channel_pair(multiprocessing.get_context(method))
    assert ours.depth == theirs.depth == depth
    for number in range(0, 10, depth):
        requests = [{"n": number + i, "data": b"x" * number} for i in range(depth)]
        for request in requests:
            ours.send(packed(request))
        for request in requests:
            assert theirs.receive() == request
            theirs.send(packed([request]))
        assert [ours.receive() for _ in requests] == [[request] for request in requests]
    theirs.connection.close()
    with pytest.raises((EOFError, OSError)):
        ours.receive()


def test_nothing_in_nothing_out() -> None:
    assert list(Processes(3).map(slow_square, [])) == []


def test_a_killed_worker_is_an_error_and_no_hang() -> None:
    answers = Processes(3).map(die_at_5, range(1000))
    with pytest.raises(WorkerDied) as caught:
        list(answers)
    assert "SIGKILL" in str(caught.value.cause)


@pytest.mark.parametrize("jobs", [1, 3])
def test_an_error_keeps_its_place_and_kind(jobs: int) -> None:
    answers = engine_for(jobs).map(fail_at_5, range(1000))
    assert [next(answers) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(BadRecord, match="f:5"):
        next(answers)


def test_an_unexpected_error_brings_its_traceback() -> None:
    with pytest.raises(MindError) as caught:
        list(Processes(2).map(crash_at_5, range(10)))
    assert "crash_at_5" in str(caught.value.cause)
    with pytest.raises(ZeroDivisionError):
        list(Serial().map(crash_at_5, range(10)))


def test_the_reader_does_not_run_far_ahead() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(10_000):
            taken = number
            yield number

    answers = Processes(2).map(slow_square, items())
    next(answers)
    assert taken <= 2 * 4 + 2


@pytest.mark.parametrize("jobs", [1, 2, 4])
def test_an_error_of_the_input_comes_after_the_answers_before_it(jobs: int) -> None:
    def items() -> Iterator[int]:
        yield from range(7)
        raise MindError("the input is cut")

    answers = engine_for(jobs).map(slow_square, items())
    assert [next(answers) for _ in range(7)] == [n * n for n in range(7)]
    with pytest.raises(MindError, match="the input is cut"):
        next(answers)


def test_idle_workers_get_work_while_an_answer_is_settled() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(100):
            taken = number
            yield number

    answers = Processes(2).map(slow_square, items())
    next(answers)
    # Two are at work again besides the one that is settled here, and one is at hand.
    assert taken >= 2
    answers.close()


def test_workers_end_when_the_consumer_stops() -> None:
    answers = Processes(2).map(slow_square, range(1000))
    next(answers)
    answers.close()
    assert not multiprocessing.active_children()


INTERRUPTED = """
import os, signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored where tests run
from mind_core.parallel import Processes
def work(n):
    os.write(1, f"{os.getpid()}\\n".encode())  # one write: lines of two workers never mix
    time.sleep(60)
threading.Timer(0.7, lambda: os.killpg(0, signal.SIGINT)).start()
try:
    list(Processes(2).map(work, range(9)))
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_stops_at_once() -> None:
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 130, done.stderr
    assert time.monotonic() - started < 10
    for pid in done.stdout.split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


ORPHANS = """
import os, signal, time
from mind_core.parallel import Processes
def work(n):
    os.write(1, f"{os.getpid()}\\n".encode())  # one write: lines of two workers never mix
    if n == 1:
        time.sleep(0.5)
        os.kill(os.getppid(), signal.SIGKILL)
    return n
list(Processes(2).map(work, range(2)))
"""


def test_workers_end_when_their_parent_is_killed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ORPHANS], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == -signal.SIGKILL
    pids = [int(pid) for pid in done.stdout.split()]
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(_alive(pid) for pid in pids):
        time.sleep(0.05)
    assert not any(_alive(pid) for pid in pids)


def _alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
        return status.split(")")[-1].split()[0] != "Z"
    except OSError:
        return False
