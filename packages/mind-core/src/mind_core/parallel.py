"""Ordered map over worker processes: the same results in the same order for any number of workers.

The seam is `Engine`: a cluster engine (Ray, say) needs this one method and no change to a tool.
"""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol, TypeVar

from mind_core.errors import MindError

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
    connection: Connection
    item: int | None = None
    """The number of the item it works on; None when idle."""


@dataclass(frozen=True)
class Processes:
    """Run the work in `jobs` worker processes, one item in each at a time.

    A worker gets its next item only after its answer was taken, so neither side can block on a full
    pipe. Results that arrive early wait, at most four per worker.
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
        # Forked workers share what is loaded already; elsewhere the platform's own way is taken.
        context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
        workers: list[_Worker] = []
        for _ in range(self.jobs):
            ours, theirs = context.Pipe()
            # A worker that kept another's pipe open would never notice that this process died.
            inherited = [*(w.connection for w in workers), ours]
            process = context.Process(target=_serve, args=(theirs, inherited, work), daemon=True)
            process.start()
            theirs.close()
            workers.append(_Worker(process, ours))
        return workers

    def _answers(self, workers: list[_Worker], items: Iterable[Any]) -> Iterator[Any]:
        source = enumerate(items)
        early: dict[int, Any] = {}
        idle = deque(workers)
        next_out = 0
        exhausted = False
        waiting: tuple[int, Any] | None = None
        while True:
            while idle and not exhausted:
                waiting = waiting or next(source, None)
                if waiting is None:
                    exhausted = True
                    break
                if waiting[0] - next_out >= _AHEAD_PER_WORKER * self.jobs:
                    break
                _send(idle.popleft(), *waiting)
                waiting = None
            busy = {w.connection: w for w in workers if w.item is not None}
            if not busy and next_out not in early:
                return
            if next_out not in early:
                for connection in wait(list(busy)):
                    worker = busy[connection]  # type: ignore[index]
                    number, early_answer = worker.item, _receive(worker)
                    assert number is not None
                    early[number] = early_answer
                    idle.append(worker)
            while next_out in early:
                succeeded, answer = early.pop(next_out)
                if not succeeded:
                    raise answer
                next_out += 1
                yield answer


def engine_for(jobs: int) -> Engine:
    """Return the engine for a number of workers; 1 works in this process."""
    return Serial() if jobs <= 1 else Processes(jobs)


def _send(worker: _Worker, number: int, item: Any) -> None:
    worker.item = number
    try:
        worker.connection.send_bytes(pickle.dumps(item, pickle.HIGHEST_PROTOCOL))
    except OSError:
        raise _death_of(worker) from None


def _receive(worker: _Worker) -> tuple[bool, Any]:
    try:
        data = worker.connection.recv_bytes()
    except (EOFError, OSError):
        raise _death_of(worker) from None
    worker.item = None
    answer: tuple[bool, Any] = pickle.loads(data)  # our own worker's bytes over a private pipe
    return answer


def _death_of(worker: _Worker) -> WorkerDied:
    worker.process.join(_SECONDS_TO_END)
    return WorkerDied(worker.process.exitcode)


def _stop(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.connection.close()
        if worker.item is not None:
            worker.process.kill()  # its answer is wanted no more
    for worker in workers:
        worker.process.join(_SECONDS_TO_END)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _serve(connection: Connection, inherited: list[Connection], work: Callable[[Any], Any]) -> None:
    """Answer items until the pipe closes. Ctrl-C is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in inherited:
        other.close()
    while True:
        try:
            item = pickle.loads(connection.recv_bytes())
        except (EOFError, OSError):
            return
        try:
            answer = (True, work(item))
        except Exception as error:
            answer = (False, _portable(error))
        try:
            connection.send_bytes(pickle.dumps(answer, pickle.HIGHEST_PROTOCOL))
        except OSError:
            return


def _portable(error: Exception) -> Exception:
    """Return the error in a form that survives pickling, with its traceback in words."""
    if isinstance(error, MindError):
        return error
    trace = "".join(traceback.format_exception(error))
    return MindError(f"a worker failed with {type(error).__name__}: {error}", cause=trace)
