"""Ordered map over worker processes: the same results in the same order for any number of workers.

The seam is `Engine`: a cluster engine (Ray, say) needs this one method and no change to a tool.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from mind_core.channels import Channel, channel_pair, packed, unpacked
from mind_core.errors import MindError, UsageError
from mind_core.plugin_files import PluginFile, load_files, loaded_files
from mind_core.stdout import is_reserved, reserve

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

T = TypeVar("T")
R = TypeVar("R")

_AHEAD_PER_WORKER = 4
_SECONDS_TO_END = 5.0
START_METHOD = "MIND_START_METHOD"


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
        by, hint = f"exit code {exit_code}", "look at the messages above"
        if exit_code is not None and exit_code < 0:
            by = f"signal {signal.Signals(-exit_code).name}"
            hint = "look at the component that ran, or try -j 1"
            if -exit_code == signal.SIGKILL:
                hint = "SIGKILL often means that memory ran out: try fewer workers (-j)"
        super().__init__("a worker process died", cause=f"it ended by {by}", hint=hint)


@dataclass
class _Worker:
    process: BaseProcess
    channel: Channel
    items: deque[int] = field(default_factory=deque)
    """The numbers of the items that it has: the one it works on, and one that waits."""

    def may_take(self, data: bytes) -> bool:
        """Return whether it may be sent an item without any danger of waiting for each other."""
        return not self.items or (len(self.items) < self.channel.depth and self.channel.fits(data))


@dataclass(frozen=True)
class Processes:
    """Run the work in `jobs` worker processes, in each one item at a time while the next one waits.

    Items are read while all are at work. Results that arrive early wait, at most four per worker.
    """

    jobs: int

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield `work(item)` for each item, in order; an error in a worker is raised here."""
        workers: list[_Worker] = []
        try:
            self._start(work, workers)
            yield from self._answers(workers, items)
        finally:
            _stop(workers)

    def _start(self, work: Callable[[Any], Any], workers: list[_Worker]) -> None:
        """Start the processes one by one; those that have started are in `workers` at any time."""
        import multiprocessing  # not worth its hundredth of a second where one process does it all

        context: Any = multiprocessing.get_context(start_method())
        forked = context.get_start_method() == "fork"
        sent = work if forked else PackedWork.pack(work)
        for _ in range(self.jobs):
            ours, theirs = channel_pair(context)
            # A worker that kept another's pipe open would never notice that this process died.
            inherited = (
                [*(w.channel.connection for w in workers), ours.connection] if forked else []
            )
            process = context.Process(target=_serve, args=(theirs, inherited, sent), daemon=True)
            worker = _Worker(process, ours)
            workers.append(worker)
            process.start()
            theirs.connection.close()

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
            busy = {w.channel.connection: w for w in workers if w.items}
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


def usable_cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS or Windows
        return os.cpu_count() or 1


def start_method() -> str | None:
    """Return how worker processes begin: forked on Linux, else the platform's own way.

    Forked workers share what is loaded already. `MIND_START_METHOD` chooses another way: fork,
    spawn or forkserver.
    """
    if chosen := os.environ.get(START_METHOD):
        if chosen not in ("fork", "spawn", "forkserver"):
            raise UsageError(f"{START_METHOD}={chosen!r}", hint="fork, spawn or forkserver")
        return chosen
    return "fork" if sys.platform == "linux" else None


@dataclass(frozen=True)
class PackedWork:
    """Work as it is sent to a process that begins with nothing."""

    plugin_files: tuple[PluginFile, ...]
    work: bytes
    stdout_is_reserved: bool

    @classmethod
    def pack(cls, work: Callable[[Any], Any]) -> PackedWork:
        """Pack the work with the source of the plugin files that it may refer to."""
        try:
            data = packed(work)
        except Exception as error:
            raise MindError(
                "a component cannot be sent to worker processes",
                cause=error,
                hint="define its class at the top of a module, with fields that pickle; or -j 1",
            ) from error
        return cls(loaded_files(), data, is_reserved())

    def unpack(self) -> Callable[[Any], Any]:
        """Return the work, in the new process."""
        load_files(self.plugin_files)
        if self.stdout_is_reserved:
            reserve()
        work: Callable[[Any], Any] = unpacked(self.work)
        return work


def engine_for(jobs: int) -> Engine:
    """Return the engine for a number of workers; 1 works in this process."""
    return Serial() if jobs <= 1 else Processes(jobs)


def _send(worker: _Worker, number: int, data: bytes) -> None:
    worker.items.append(number)
    try:
        worker.channel.send(data)
    except OSError:
        raise _death_of(worker) from None


def _receive(worker: _Worker) -> tuple[bool, Any]:
    try:
        answer: tuple[bool, Any] = worker.channel.receive()
    except (EOFError, OSError):
        raise _death_of(worker) from None
    return answer


def _death_of(worker: _Worker) -> WorkerDied:
    worker.process.join(_SECONDS_TO_END)
    return WorkerDied(worker.process.exitcode)


def _stop(workers: list[_Worker]) -> None:
    """End all: those at work at once, as their answers are wanted no more; none may be left."""
    started = [worker for worker in workers if worker.process.pid is not None]
    for worker in workers:
        worker.channel.connection.close()
        if worker.items and worker in started:
            worker.process.kill()
    for worker in started:
        worker.process.join(_SECONDS_TO_END)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _serve(
    channel: Channel, inherited: list[Connection], sent: Callable[[Any], Any] | PackedWork
) -> None:
    """Answer items until the pipe closes. Ctrl-C is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in inherited:
        other.close()
    work: Callable[[Any], Any] | None = None
    while True:
        try:
            item = channel.receive()
        except (EOFError, OSError):
            return
        try:
            if work is None:
                work = sent.unpack() if isinstance(sent, PackedWork) else sent
            answer = (True, work(item))
        except BaseException as error:  # sys.exit in a component too must be told
            answer = (False, _portable(error))
        try:
            channel.send(packed(answer))
        except OSError:
            return


def _portable(error: BaseException) -> Exception:
    """Return the error in a form that survives pickling, with its traceback in words."""
    if isinstance(error, MindError):
        return error
    trace = "".join(traceback.format_exception(error))
    return MindError(f"a worker failed with {type(error).__name__}: {error}", cause=trace)
