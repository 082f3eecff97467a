"""Ordered map over worker processes: the same results in the same order for any number of workers.

The seam is `Engine`: a cluster engine (Ray, say) needs this one method and no change to a tool.
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from mind_core.errors import MindError
from mind_core.lanes import Lane, lanes, packed

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

T = TypeVar("T")
R = TypeVar("R")

_AHEAD_PER_WORKER = 4
_SECONDS_TO_END = 5.0


class Engine(Protocol):
    """What runs the work of a tool."""

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield `work(item)` for each item, in the order of the items."""


class Serial:
    """Run the work in this process."""

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield `work(item)` for each item."""
        return map(work, items)


class WorkerDied(MindError):
    """Report a worker process that ended without an answer."""

    def __init__(self, exit_code: int | None) -> None:
        by = (
            f"signal {signal.Signals(-exit_code).name}"
            if exit_code is not None and exit_code < 0
            else f"exit code {exit_code}"
        )
        super().__init__(
            "a worker process died",
            cause=f"it ended by {by}",
            hint="SIGKILL often means that memory ran out: try fewer workers (-j)",
        )


@dataclass
class _Worker:
    process: BaseProcess
    lane: Lane
    items: deque[int] = field(default_factory=deque)
    """The numbers of the items that it has: the one it works on, and one that waits."""

    def may_take(self, data: bytes) -> bool:
        """Return whether it may be sent an item without any danger of waiting for each other."""
        return not self.items or (len(self.items) < self.lane.depth and self.lane.fits(data))


@dataclass(frozen=True)
class Processes:
    """Run the work in `jobs` worker processes, in each one item at a time while the next one waits.

    Items are read while all are at work. Results that arrive early wait, at most four per worker.
    """

    jobs: int

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield `work(item)` for each item, in order; an error in a worker is raised here."""
        workers = self._start(work)
        try:
            yield from self._answers(workers, items)
        finally:
            _stop(workers)

    def _start(self, work: Callable[[Any], Any]) -> list[_Worker]:
        import multiprocessing  # not worth its hundredth of a second where one process does it all

        # Forked workers share what is loaded already; elsewhere the platform's own way is taken.
        context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
        workers: list[_Worker] = []
        for _ in range(self.jobs):
            ours, theirs = lanes(context)
            # A worker that kept another's pipe open would never notice that this process died.
            inherited = [*(w.lane.connection for w in workers), ours.connection]
            process = context.Process(target=_serve, args=(theirs, inherited, work), daemon=True)
            process.start()
            theirs.connection.close()
            workers.append(_Worker(process, ours))
        return workers

    def _answers(self, workers: list[_Worker], items: Iterable[Any]) -> Iterator[Any]:
        from multiprocessing.connection import wait

        source = _Ahead(items)
        early: dict[int, Any] = {}
        next_out = 0
        while True:
            # Work is handed out before an answer is passed on: settling that may take a while.
            while source.number - next_out < _AHEAD_PER_WORKER * self.jobs and source.fetch():
                worker = min(workers, key=lambda worker: len(worker.items))
                if not worker.may_take(source.data):
                    break
                _send(worker, *source.take())
            busy = {w.lane.connection: w for w in workers if w.items}
            seconds = None
            if next_out in early:
                succeeded, result = early.pop(next_out)
                if not succeeded:
                    raise result
                next_out += 1
                yield result
                seconds = 0  # there may be work to hand out now
            elif not busy:
                source.finish()
                return
            for connection in wait(list(busy), seconds):
                worker = busy[connection]  # type: ignore[index]
                answer = _receive(worker)
                early[worker.items.popleft()] = answer


class _Ahead:
    """Read one item ahead; what goes wrong is told when all items before were worked on."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.number = 0
        self.data = b""
        """The next item, packed, if there is one at hand."""
        self._items = iter(items)
        self._ended = False
        self._error: Exception | None = None

    def fetch(self) -> bool:
        """Have the next item at hand; return whether there is one."""
        if not self.data and not self._ended:
            try:
                self.data = packed(next(self._items))
            except StopIteration:
                self._ended = True
            except Exception as error:
                self._ended, self._error = True, error
        return bool(self.data)

    def take(self) -> tuple[int, bytes]:
        """Return number and data of the item at hand, which then is at hand no more."""
        number, data = self.number, self.data
        self.number, self.data = number + 1, b""
        return number, data

    def finish(self) -> None:
        """Raise what ended the items, if it was an error."""
        if self._error is not None:
            raise self._error


def engine_for(jobs: int) -> Engine:
    """Return the engine for a number of workers; 1 works in this process."""
    return Serial() if jobs <= 1 else Processes(jobs)


def _send(worker: _Worker, number: int, data: bytes) -> None:
    worker.items.append(number)
    try:
        worker.lane.send(data)
    except OSError:
        raise _death_of(worker) from None


def _receive(worker: _Worker) -> tuple[bool, Any]:
    try:
        answer: tuple[bool, Any] = worker.lane.receive()
    except (EOFError, OSError):
        raise _death_of(worker) from None
    return answer


def _death_of(worker: _Worker) -> WorkerDied:
    worker.process.join(_SECONDS_TO_END)
    return WorkerDied(worker.process.exitcode)


def _stop(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.lane.connection.close()
        if worker.items:
            worker.process.kill()  # its answer is wanted no more
    for worker in workers:
        worker.process.join(_SECONDS_TO_END)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _serve(lane: Lane, inherited: list[Connection], work: Callable[[Any], Any]) -> None:
    """Answer items until the pipe closes. Ctrl-C is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in inherited:
        other.close()
    while True:
        try:
            item = lane.receive()
        except (EOFError, OSError):
            return
        try:
            answer = (True, work(item))
        except Exception as error:
            answer = (False, _portable(error))
        try:
            lane.send(packed(answer))
        except OSError:
            return


def _portable(error: Exception) -> Exception:
    """Return the error in a form that survives pickling, with its traceback in words."""
    if isinstance(error, MindError):
        return error
    trace = "".join(traceback.format_exception(error))
    return MindError(f"a worker failed with {type(error).__name__}: {error}", cause=trace)
