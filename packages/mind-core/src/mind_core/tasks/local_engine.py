"""Tasks in processes of this machine."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mind_core.parallel import START_METHOD, PackedWork, WorkerDied, start_method
from mind_core.tasks.engines import AttemptResult, Execute, attempted

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

_SECONDS_TO_END = 5.0
# Of <sys/prctl.h>.
_PR_SET_PDEATHSIG = 1


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    task: int | None = None


@dataclass
class LocalEngine:
    """Do tasks in processes of this machine; one that dies is replaced, and its task told."""

    at_once: int
    execute: Execute
    spawn: bool = False
    """Start processes with nothing in them, unless the environment says how they begin."""

    _workers: list[_Worker] = field(default_factory=list)

    def __enter__(self) -> LocalEngine:
        """Start nothing yet: a process is started with its first task."""
        return self

    def __exit__(self, *error: object) -> None:
        """End all processes; what they were at is wanted no more."""
        for worker in self._workers:
            worker.connection.close()
            if worker.task is not None:
                worker.process.kill()
        for worker in self._workers:
            worker.process.join(_SECONDS_TO_END)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._workers.clear()

    def has_room(self) -> bool:
        """Return whether a process is free, or may be started."""
        return len(self._workers) < self.at_once or any(w.task is None for w in self._workers)

    def begin(self, task: int) -> None:
        """Give a task to a process that is free, or to a new one."""
        worker = next((w for w in self._workers if w.task is None), None) or self._start()
        worker.task = task
        try:
            worker.connection.send(task)
        except OSError:
            return  # it is dead, which `wait` will see

    def wait(self, seconds: float) -> list[AttemptResult]:
        """Return what ended; a process that died ended its task."""
        from multiprocessing.connection import wait

        busy = {w.connection: w for w in self._workers if w.task is not None}
        return [self._ended(busy[one]) for one in wait(list(busy), seconds)]  # type: ignore[index]

    def _ended(self, worker: _Worker) -> AttemptResult:
        task = worker.task
        assert task is not None
        worker.task = None
        try:
            ended: AttemptResult = worker.connection.recv()
        except (EOFError, OSError):
            worker.process.join(_SECONDS_TO_END)
            self._workers.remove(worker)
            worker.connection.close()
            return AttemptResult(task, WorkerDied(worker.process.exitcode))
        return ended

    def _start(self) -> _Worker:
        import multiprocessing  # not worth its hundredth of a second without tasks

        context: Any = multiprocessing.get_context(
            "spawn" if self.spawn and START_METHOD not in os.environ else start_method()
        )
        ours, theirs = context.Pipe()
        forked = context.get_start_method() == "fork"
        # A worker that kept another's pipe open would never notice that this process died.
        inherited = [ours, *(w.connection for w in self._workers)] if forked else []
        sent = self.execute if forked else PackedWork.pack(self.execute)
        process = context.Process(target=_serve, args=(theirs, inherited, sent, os.getpid()))
        process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker


def _serve(connection: Connection, inherited: list[Connection], sent: Any, parent: int) -> None:
    """Do tasks until the pipe closes. Ctrl-C is the parent's business; its end is ours."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with(parent)
    for other in inherited:
        other.close()
    execute: Execute | None = None
    while True:
        try:
            task = connection.recv()
        except (EOFError, OSError):
            return
        if execute is None:
            execute = sent.unpack() if isinstance(sent, PackedWork) else sent
        assert execute is not None
        try:
            connection.send(attempted(execute, task))
        except OSError:
            return


def _die_with(parent: int) -> None:
    """Let the system end this process when its parent dies; elsewhere it ends after its task."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # It died before the call: then no signal comes.
        if os.getppid() != parent:
            os._exit(1)
