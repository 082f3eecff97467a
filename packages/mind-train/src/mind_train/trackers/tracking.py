"""A tracker in a thread of its own: it may fail, hang or be slow, and the run goes on.

What it was given stands in metrics.jsonl first, so nothing is lost. What went wrong is said once,
and noted in the run's manifest.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from importlib.util import find_spec
from typing import Any

from mind_core import MindError
from mind_core.component_calls import describe_exception
from mind_core.progress import log
from mind_train.components import TOOL
from mind_train.hookspecs import TrackedRun, Tracker

WAITING = 10_000  # lines that may wait for a slow tracker; more are dropped, and counted
PATIENCE = 30.0  # seconds that a tracker has to end in
HURRY = 5.0  # where the run was stopped: whoever did that will not wait long


class Tracking:
    """Hand the lines of a run to one tracker."""

    def __init__(self, name: str, tracker: Tracker, run: TrackedRun) -> None:
        self.name, self._tracker, self._run = name, tracker, run
        self.given = self.done = self.dropped = 0
        self.failure = ""
        self._said = False
        self._lines: queue.Queue[Mapping[str, Any] | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._work, name=f"tracker {name}", daemon=True)
        self._thread.start()

    def log(self, line: Mapping[str, Any]) -> None:
        """Give one line; never waits, never raises."""
        self.given += 1
        if self.failure:
            self._say()
            return
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self.dropped += 1
            if self.dropped == 1:
                self._tell(f"is {WAITING:,} lines behind; some are left out")

    def finish(self, hurry: bool = False) -> None:
        """Let it end; one that does not within its time is left behind."""
        patience = HURRY if hurry else PATIENCE
        try:
            # The None ends its thread, behind all lines that still wait.
            self._lines.put(None, timeout=patience)
            self._thread.join(patience)
        except queue.Full:
            pass
        # A thread cannot be stopped from outside; as a daemon it does not keep the process alive.
        if self._thread.is_alive():
            self.failure = self.failure or f"it did not end within {patience:.0f} s"
        self._say()

    def described(self) -> dict[str, Any]:
        """Tell what became of the lines, for the manifest."""
        state: dict[str, Any] = {"lines": self.given, "tracked": self.done}
        return state | ({"failure": self.failure} if self.failure else {})

    def _say(self) -> None:
        if self.failure and not self._said:
            self._said = True
            self._tell(f"failed: {self.failure}; the run goes on, metrics.jsonl has every line")

    def _tell(self, what: str) -> None:
        log(TOOL, f"warning: tracker {self.name!r} {what}")

    def _work(self) -> None:
        """Call the tracker; whatever it raises ends it, and nothing else."""
        step = self._run.step
        try:
            with redirect_stdout(sys.stderr):  # they like to greet
                self._tracker.start(self._run)
            while (line := self._lines.get()) is not None:
                # Noted before the call, so that a failure names the line at which it came.
                step = int(line["step"])
                self._tracker.log(line)
                self.done += 1
            self._tracker.finish()
        # Also SystemExit: a tracker may not end a run.
        except BaseException as error:
            self.failure = f"at step {step:,}, {describe_exception(error)}"


def scalars(line: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield the numbers of a metrics line by path: loss, validation/books/zh/nats_per_token …

    The step itself is left out; true and false are 1 and 0.
    """
    for key, value in line.items():
        if isinstance(value, Mapping):
            yield from scalars(value, f"{prefix}{key}/")
        elif isinstance(value, int | float) and key != "step":
            yield f"{prefix}{key}", float(value)


def require_package(package: str, extra: str) -> None:
    """Raise MindError, with the command that installs it, where a package is not there."""
    if find_spec(package) is None:
        raise MindError(
            f"the tracker {extra!r} needs the package {package}",
            hint=f"pip install 'mind-train[{extra}]', or leave it out of the recipe's [[tracker]]",
        )
