"""Stopping a run from outside: a checkpoint of the last whole step is saved, then the run ends.

Asked for by Ctrl-C, SIGTERM, SIGUSR1 (what schedulers send before a time limit) or by a file STOP
in the run folder. An exception in the middle of an update could leave weights that are half
updated, so a request is only noted; training asks between two micro-batches, and gives up the
gradient of a step that is not done: the run that goes on does the step again.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from mind_core import MindError
from mind_core.errors import INTERRUPTED
from mind_train.components import TOOL

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
STOP_FILE = "STOP"
AGAIN = 5.0  # seconds: torchrun hands on a Ctrl-C that the terminal has sent to its workers too
LOOK = 1.0  # seconds between two looks for the file, which may lie on a slow disk


class TrainingInterrupted(MindError):
    """Report that training was stopped from outside, at a step that a checkpoint holds (130)."""

    code = INTERRUPTED

    def lines(self, tool: str, say: Callable[[str], str] = str) -> list[str]:
        """Return one line: to be stopped is no error."""
        return [f"{tool}: {say(self.message)}"]


class StopAsked(Exception):
    """End the step or the evaluation under way, between two micro-batches."""


class Stop:
    """Remember that training was asked to stop; ``run`` is the folder to look for STOP in."""

    def __init__(self, run: Path | None = None) -> None:
        self.file = None if run is None else run / STOP_FILE
        self.asked = False
        self._first = 0.0
        self._looked = -LOOK

    def requested(self) -> bool:
        """Tell whether a signal came, or the file is there."""
        # Once noted it stays: a file that is removed again does not take the request back.
        if not self.asked and self.file is not None and time.monotonic() - self._looked >= LOOK:
            self._looked = time.monotonic()
            self.asked = self.file.exists()
        return self.asked

    def ask(self, number: int, *_: object) -> None:
        """Note a signal; raise KeyboardInterrupt for a second Ctrl-C some seconds later.

        SIGTERM and SIGUSR1 may come often: who sends them has SIGKILL for more.
        """
        now = time.monotonic()
        if self.asked:
            # A Ctrl-C reaches a worker twice, from the terminal and from torchrun: only a later one
            # counts.
            if number == signal.SIGINT and now - self._first >= AGAIN:
                raise KeyboardInterrupt
            return
        self.asked, self._first = True, now
        # A signal may come in the middle of a write to sys.stderr, which cannot be entered twice.
        message = f"{TOOL}: stopping and saving; Ctrl-C once more stops at once, without saving\n"
        # It is None where a process has no console.
        if sys.__stderr__ is not None:
            with suppress(OSError, ValueError):
                os.write(sys.__stderr__.fileno(), message.encode())


def refuse_stopped(run: Path) -> None:
    """Raise `TrainingInterrupted` for a run that is not to go on while its STOP file is there."""
    if (run / STOP_FILE).exists():
        raise TrainingInterrupted(
            f"{run / STOP_FILE} is there: remove it, and the same command goes on"
        )


@contextmanager
def stop_on_signals(run: Path | None = None) -> Iterator[Stop]:
    """Note signals, and the STOP file of a run, while the block runs."""
    stop = Stop(run)
    if threading.current_thread() is not threading.main_thread():
        yield stop  # signals go to the main thread, which answers them as it likes
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    # What the caller ignores (a job in the background, nohup) stays ignored.
    mine = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]
    for number in mine:
        signal.signal(number, stop.ask)
    try:
        yield stop
    finally:
        for number in mine:
            signal.signal(number, before[number])


class StepSaver(Protocol):
    """Saves the step that a trainer stands at: see `saving.Saver`."""

    def __call__(self) -> None:
        """Save the step."""

    def check(self) -> None:
        """Raise what has gone wrong in writing an earlier one."""
