"""The folder of a job: its plan, what is done, what was tried, what failed."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mind_core.direct import cannot_write
from mind_core.errors import MindError
from mind_core.files import MANIFEST, make_folder, read_json, write_json
from mind_core.tasks import ATTEMPTS, DONE, FAILED, PLAN, WORK
from mind_core.untrusted import as_written, check_stays_inside, path_in

_DIGITS = 6


@dataclass(frozen=True)
class Attempt:
    """A try at a task: a folder that only this process writes to."""

    task: int
    host: str
    pid: int
    path: Path

    @property
    def is_dead(self) -> bool:
        """Return whether its process is known to be gone; of another machine nothing is known."""
        # The number of a process says nothing on another machine.
        if self.host != socket.gethostname():
            return False
        try:
            # Signal 0 is not sent; the system only looks whether there is such a process.
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False

    def last_written(self) -> float:
        """Return when anything in it was written last, by the clock of its disk."""
        times = [0.0]
        with suppress(OSError):
            times += [entry.stat().st_mtime for entry in os.scandir(self.path)]
            times.append(self.path.stat().st_mtime)
        return max(times)


@dataclass(frozen=True)
class TaskFolder:
    """Where a job lies."""

    path: Path

    @property
    def plan(self) -> Path:
        """Return the path of the plan."""
        return self.path / PLAN

    @property
    def manifest(self) -> Path:
        """Return the path of the manifest: with it, the job is complete."""
        return self.path / MANIFEST

    def done_file(self, task: int) -> Path:
        """Return the path of what says that a task is done."""
        return self.path / DONE / f"{task:0{_DIGITS}}.json"

    def failed_file(self, task: int) -> Path:
        """Return the path of what says why a task failed last."""
        return self.path / FAILED / f"{task:0{_DIGITS}}.json"

    def done(self) -> set[int]:
        """Return the numbers of the tasks that are done."""
        return _numbers(self.path / DONE)

    def check(self) -> None:
        """Raise `MindError` for a link in the folder of a job: results would land elsewhere."""
        with suppress(FileNotFoundError, NotADirectoryError):
            for name in os.listdir(self.path):  # noqa: PTH208 - names alone
                path_in(self.path, name)
        check_stays_inside(self.path)

    def failed(self) -> dict[int, dict[str, Any]]:
        """Return what is known of tasks that failed and were not done since."""
        done = self.done()
        found = {}
        # Another process, or another machine, may have done the task since.
        for task in sorted(_numbers(self.path / FAILED) - done):
            if (told := self._failure(task)) is not None:
                found[task] = told
        return found

    def _failure(self, task: int) -> dict[str, Any] | None:
        """Return what is told of a failure, or None: it was done by somebody else meanwhile."""
        path = self.failed_file(task)
        try:
            told = read_json(path)
        except MindError:
            if path.exists():
                raise
            return None
        with as_written(path):
            if type(told["attempts"]) is not int:
                raise TypeError("attempts is no count")
            for name in ("name", "message", "cause"):
                if not isinstance(told[name], str) and (name != "cause" or told[name] is not None):
                    raise TypeError(f"{name} is no text")
        return dict(told)

    def attempts_at(self, task: int) -> int:
        """Return how many attempts at a task are known that did not make it done."""
        told = self._failure(task)
        failures = told["attempts"] if told is not None else 0
        return failures + sum(one.task == task for one in self.attempts())

    def note_failure(self, task: int, attempts: int, name: str, error: MindError) -> None:
        """Write down why a task failed, in the place of what was there."""
        make_folder(self.path / FAILED)
        told = {"message": error.message, "cause": error.cause, "hint": error.hint}
        write_json(
            self.failed_file(task),
            {"task": task, "name": name, "attempts": attempts, "host": socket.gethostname(),
             **told},
        )  # fmt: skip

    def forget_failure(self, task: int) -> None:
        """Remove what was written of a failure."""
        self.failed_file(task).unlink(missing_ok=True)

    def attempts(self) -> list[Attempt]:
        """Return the attempts that were begun and not tidied up."""
        found = []
        for path in sorted((self.path / ATTEMPTS).glob("*@*")):
            number, _, rest = path.name.partition("@")
            # From the right, as the name of a host may have dots: TASK@HOST.PID.RANDOM.
            host, _, pid = rest.rpartition(".")[0].rpartition(".")
            if number.isdecimal() and pid.isdecimal():
                found.append(Attempt(int(number), host, int(pid), path))
        return found

    @contextmanager
    def attempt(self, task: int) -> Iterator[Attempt]:
        """Make the folder of an attempt, and remove it in the end; a kill leaves it."""
        host, pid = socket.gethostname(), os.getpid()
        name = f"{task:0{_DIGITS}}@{host}.{pid}.{secrets.token_hex(4)}"
        path = self.path / ATTEMPTS / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(0o700)  # what is not finished is for its owner alone
        except OSError as error:
            raise cannot_write(path, error) from error
        try:
            yield Attempt(task, host, pid, path)
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def tidy(self, *, all_of_them: bool) -> None:
        """Remove attempts of processes that are gone; of a complete job, all that is no result."""
        for attempt in self.attempts():
            if all_of_them or attempt.is_dead:
                shutil.rmtree(attempt.path, ignore_errors=True)
        if all_of_them:
            for name in (WORK, ATTEMPTS, FAILED):
                shutil.rmtree(self.path / name, ignore_errors=True)


def _numbers(folder: Path) -> set[int]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 - strings, of ten thousands of files
    except FileNotFoundError:
        return set()
    return {int(name[:-5]) for name in names if name.endswith(".json") and name[:-5].isdecimal()}
