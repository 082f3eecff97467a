"""The line for people: painted over and wiped, at most so often, flushed at once."""

from __future__ import annotations

import io

import pytest

from mind_core import progress
from mind_core.progress import Progress, duration, log, may_paint


class Terminal(io.StringIO):
    """A stderr that notes what had been written when it was last flushed."""

    def __init__(self, is_terminal: bool = True) -> None:
        super().__init__()
        self.is_terminal = is_terminal
        self.seen = ""

    def isatty(self) -> bool:
        return self.is_terminal

    def flush(self) -> None:
        self.seen = self.getvalue()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_a_line_is_painted_over_and_wiped(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    with Progress("tool", True) as shown:
        shown.clear()
        assert screen.getvalue() == "", "nothing is wiped before anything was painted"
        shown.show("a long message")
        assert screen.seen == "\rtool: a long message"
        clock.now += 0.1
        shown.show("too early")
        clock.now += 0.1
        shown.show("short")
        assert screen.seen == "\rtool: a long message\rtool: short         "
        clock.now += 1.0
        shown.count(20)
    assert screen.seen.endswith("\rtool: 20 records, 17/s" + "\r" + " " * 22 + "\r")
    before = screen.getvalue()
    shown.clear()
    assert screen.getvalue() == before, "once is enough"


def test_into_a_file_a_line_is_written_every_ten_seconds(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Terminal(is_terminal=False)
    monkeypatch.setattr("sys.stderr", file)
    with Progress("tool", True) as shown:
        for _ in range(21):
            shown.show("on the way")
            clock.now += 1.0
    assert file.seen == "tool: on the way\n" * 3
    with Progress("tool", False) as silent:
        silent.show("nothing")
    log("tool", "a word\x1b[2J")
    assert file.seen == "tool: on the way\n" * 3 + "tool: a word\\x1b[2J\n"


def test_the_rate_of_the_first_second_and_the_time_left_behind_it(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    with Progress("tool", True) as shown:
        for wait, share, said in (
            (0.5, None, "tool: 20 records, 40/s"),
            (0.5, 0.5, "tool: 20 records, 20/s, 50%"),
            (0.5, 0.5, "tool: 20 records, 13/s, 50%, 1.5 s left"),
        ):
            clock.now += wait
            shown.count(20, share=share)
            assert screen.seen.rpartition("\r")[2].rstrip() == said


def test_nothing_is_painted_on_a_terminal_that_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setenv("TERM", "dumb")
    assert not may_paint() and may_paint(True) and not may_paint(False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", Terminal(is_terminal=False))
    assert not may_paint()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0 s"), (9.94, "9.9 s"), (10, "10 s"), (119.4, "119 s"), (120, "2 min 00 s"),
     (200, "3 min 20 s"), (7199, "119 min 59 s"), (7200, "2 h 00 min"), (7500, "2 h 05 min")],
)  # fmt: skip
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said
