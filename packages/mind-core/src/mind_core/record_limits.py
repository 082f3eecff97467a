"""Limits on what one record may take, however its text was made: CPU time, and memory of a parser.

Patterns and loops of the built-in components are linear, and tests hold them to that; the clock
stands behind them, and behind components of others. A record that is over a limit is dropped as
`too_slow` or `too_large`, and the stream goes on.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

SECONDS = 10.0
"""CPU seconds for one record: most take a thousandth."""

_AGAIN = 0.05
"""Seconds after which a component that caught the exception gets it again."""

_SIZES = Path("/proc/self/statm")


class OverLimit(BaseException):
    """Tell that a record takes too much; no `except Exception` of a component takes it."""

    reason: ClassVar[str]


class TooSlow(OverLimit):
    """Tell that the time of a record is up."""

    reason = "too_slow"


class TooLarge(OverLimit):
    """Tell that a record becomes far more than it is."""

    reason = "too_large"


class RecordClock:
    """Limit what one record after another may take, in CPU seconds of this process; 0 is no limit.

    The time of a record runs from `start` on. `TooSlow` is raised within `call` alone, so that no
    count or output is left half done. It comes as a signal, which Python looks at between its own
    steps and within regular expressions, and not within other libraries: their answer is late then,
    and dropped.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        # Python runs signal handlers in the main thread alone.
        self._works = bool(seconds) and threading.current_thread() is threading.main_thread()
        self._inside = self._late = False
        self._before: Any = None

    def __enter__(self) -> RecordClock:
        if self._works:
            # SIGPROF counts CPU time of the process: a machine under load makes no record too slow.
            self._before = signal.signal(signal.SIGPROF, self._ring)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._works:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, self._before)

    def start(self) -> None:
        """Begin with a record."""
        if self._works:
            # Again and again, as a component may swallow the first exception in an `except:` of its
            # own.
            signal.setitimer(signal.ITIMER_PROF, self.seconds, _AGAIN)
        self._late = False

    def call(self, work: Callable[P, R], *args: P.args, **named: P.kwargs) -> R:
        """Return what `work` returns; raise `TooSlow` if the record's time is up before it does."""
        if self._late:
            raise TooSlow
        self._inside = True
        try:
            result = work(*args, **named)
        finally:
            self._inside = False
        if self._late:
            raise TooSlow
        return result

    def _ring(self, *_: object) -> None:
        self._late = True
        if self._inside:
            raise TooSlow


def limited(work: Callable[[], R], seconds: float, memory: int) -> R:
    """Return what `work` gives within so many CPU seconds and more bytes of address space.

    Raises `TooSlow`, or what Python and libraries raise for want of memory (`MemoryError`).
    """
    with memory_limit(memory), RecordClock(seconds) as clock:
        clock.start()
        return clock.call(work)


@contextmanager
def memory_limit(more: int) -> Iterator[None]:
    """Let this process take at most so many more bytes of address space in this block.

    For libraries that take memory at will; they fail, or Python raises `MemoryError`. Without
    effect where the system does not tell a process its size (not Linux), and in threads: the limit
    is the whole process's.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    try:
        size = int(_SIZES.read_bytes().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        yield
        return
    import resource

    # Below 0 is no limit (RLIM_INFINITY); one that is set already stays if it is the lower one.
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = size + more
    resource.setrlimit(resource.RLIMIT_AS, (min(wanted, soft) if soft >= 0 else wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
