"""Stop a job at a counted call of a named function, or let the disk refuse it.

A run is a fork of the test's process in a session of its own, with functions of the code wrapped:
calls are counted over all processes of the run, and at the chosen one something happens, once. A
power cut takes, besides all processes, what was not synced: files back to nothing, names that their
folder was not synced with. So code that forgets a sync fails here without a machine that falls.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import shutil
import signal
import stat
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Patch = Callable[[], None]


def between() -> None:
    """Stand between two halves of a write, in code that is wrong on purpose."""


@dataclass(frozen=True)
class Fault:
    """What is to happen at which call of which function, before it or after."""

    point: str
    ordinal: int
    action: str
    """kill, kill driver, power cut, full disk, pause."""
    after: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    code: int
    """The exit code, or minus the signal."""
    struck: bool
    """Whether the fault happened."""
    at_work: int
    """Attempts that were under way when it did."""


class Run:
    """A run of a job in processes of its own."""

    def __init__(self, folder: Path, points: Mapping[str, str]) -> None:
        """`folder` is for what the harness notes; `points` name functions as "module:path"."""
        self.folder, self.points = folder, {"between": "faults:between", **points}
        folder.mkdir(exist_ok=True)

    def start(
        self, job: Callable[[], object], fault: Fault | None, out: Path, patch: Patch | None = None
    ) -> int:
        """Start a job in a fork, and return its process."""
        for name in ("calls", "struck", "synced", "stderr"):
            (self.folder / name).write_bytes(b"")
        process = os.fork()
        if process:
            return process
        code = 1
        try:
            os.setsid()
            quiet = os.open(self.folder / "stderr", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(quiet, 2)
            sys.stderr = os.fdopen(2, "w", closefd=False)
            if patch is not None:
                patch()
            self._note_syncs()
            if fault is not None:
                self._wrap(fault, out, os.getpid())
            job()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
        raise AssertionError

    def end(self, process: int, out: Path, fault: Fault | None) -> Outcome:
        """Wait for a run and whatever it left, and cut the power if that was to be."""
        _, status = os.waitpid(process, 0)
        struck = (self.folder / "struck").read_text().split()
        if fault is not None and struck:
            if fault.action in ("power cut", "kill driver"):
                _end_session(process)
            if fault.action == "power cut":
                self._lose(out)
        return Outcome(
            os.waitstatus_to_exitcode(status), bool(struck), int(struck[0]) if struck else 0
        )

    def run(
        self, job: Callable[[], object], fault: Fault | None, out: Path, patch: Patch | None = None
    ) -> Outcome:
        """Run a job to its end, whichever that is."""
        return self.end(self.start(job, fault, out, patch), out, fault)

    def calls(self, job: Callable[[], object], out: Path) -> dict[str, int]:
        """Return how often a run without faults calls each point."""
        known = [point for point in self.points if point != "between"]
        counts = {point: self.folder / f"calls of {point}" for point in known}
        for path in counts.values():
            path.write_bytes(b"")

        def patch() -> None:
            for point, path in counts.items():
                owner, name = self._owner(point)
                setattr(owner, name, _counting(getattr(owner, name), path))

        assert self.run(job, None, out, patch).code == 0
        return {point: path.stat().st_size for point, path in counts.items()}

    def _owner(self, point: str) -> tuple[Any, str]:
        """Return what holds the function of a point, and its name there."""
        module, _, path = self.points[point].partition(":")
        owner: Any = importlib.import_module(module)
        *above, name = path.split(".")
        for part in above:
            owner = getattr(owner, part)
        return owner, name

    def _wrap(self, fault: Fault, out: Path, driver: int) -> None:
        owner, name = self._owner(fault.point)
        function = getattr(owner, name)

        def wrapped(*arguments: Any, **options: Any) -> Any:
            if not self._is_the_one(fault):
                return function(*arguments, **options)
            if fault.after:
                answer = function(*arguments, **options)
            self._strike(fault, out, driver)
            return answer if fault.after else function(*arguments, **options)

        setattr(owner, name, wrapped)

    def _is_the_one(self, fault: Fault) -> bool:
        return _count(self.folder / "calls") == fault.ordinal

    def _strike(self, fault: Fault, out: Path, driver: int) -> None:
        under_way = len(list((out / "attempts").glob("*@*")))
        (self.folder / "struck").write_text(str(under_way))
        if fault.action == "full disk":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if fault.action == "pause":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif fault.action == "power cut":
            os.killpg(driver, signal.SIGKILL)
        elif fault.action == "kill driver":
            os.kill(driver, signal.SIGKILL)
            while True:  # until the system, or the harness, ends this one too
                signal.pause()
        else:
            os.kill(os.getpid(), signal.SIGKILL)

    def _note_syncs(self) -> None:
        sync = os.fsync

        def fsync(handle: Any) -> None:
            sync(handle)
            number = handle if isinstance(handle, int) else handle.fileno()
            found = os.fstat(number)
            is_folder = stat.S_ISDIR(found.st_mode)
            names = os.listdir(number) if is_folder else found.st_size  # noqa: PTH208 - a handle
            line = json.dumps([found.st_ino, names]).encode() + b"\n"
            log = os.open(self.folder / "synced", os.O_WRONLY | os.O_APPEND)
            os.write(log, line)
            os.close(log)

        os.fsync = fsync

    def _lose(self, out: Path) -> None:
        """Take what was not synced in the last run, as a power cut may. What was there stays."""
        before = self._before
        synced: dict[int, Any] = dict(
            json.loads(line) for line in (self.folder / "synced").read_text().splitlines()
        )
        for inside, folders, names in os.walk(out, topdown=False):
            here = Path(inside)
            names_synced = synced.get(here.stat().st_ino, ())
            if isinstance(names_synced, int):  # the inode was a file's, gone since
                names_synced = ()
            kept = set(names_synced) | before.get(str(here), set())
            for name in names:
                path = here / name
                found = path.stat()
                if name not in kept:
                    path.unlink()
                elif str(path) not in before and synced.get(found.st_ino) != found.st_size:
                    os.truncate(path, 0)
            for name in folders:
                if name not in kept:
                    shutil.rmtree(here / name)

    def remember(self, out: Path) -> None:
        """Note what is there before a run: the power has not been cut since it was written."""
        self._before: dict[str, set[str]] = {}
        for inside, folders, names in os.walk(out):
            self._before[inside] = {*folders, *names}
            self._before |= {str(Path(inside, name)): set() for name in names}


def _count(path: Path) -> int:
    """Count a call over all processes, and return the number so far."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(handle, b".")
        return os.lseek(handle, 0, os.SEEK_CUR)
    finally:
        os.close(handle)


def _counting(function: Callable[..., Any], path: Path) -> Callable[..., Any]:
    def counted(*arguments: Any, **options: Any) -> Any:
        _count(path)
        return function(*arguments, **options)

    return counted


def _end_session(process: int) -> None:
    """End what is left of a run: orphans whose driver is gone."""
    try:
        os.killpg(process, signal.SIGKILL)
    except ProcessLookupError:
        return
    for _ in range(2000):
        try:
            os.killpg(process, 0)
        except (ProcessLookupError, PermissionError):
            return
        signal.sigtimedwait([], 0.005)
