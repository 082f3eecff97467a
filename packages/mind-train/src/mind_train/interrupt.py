"""Ctrl-C and SIGTERM during training: the step under way is done, a checkpoint saved, then the end.

An exception in the middle of a step could leave weights that are half updated, so the signal is
only noted; the training loop asks between two steps. A second one ends the process at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mind_core import MindError
from mind_core.errors import INTERRUPTED
from mind_train.components import TOOL

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(MindError):
    """Report that training was stopped from outside, at a step that a checkpoint holds (130)."""

    code = INTERRUPTED

    def lines(self, tool: str) -> list[str]:
        """Return one line: to be stopped is no error."""
        return [f"{tool}: {self.message}"]


class Stop:
    """Remember that training was asked to stop."""

    def __init__(self) -> None:
        self.asked = False

    def ask(self, *_: object) -> None:
        """Note the first request; raise KeyboardInterrupt for the next one."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        # A signal may come in the middle of a write to sys.stderr, which cannot be entered twice.
        message = f"{TOOL}: stopping after this step; once more to stop at once, without saving\n"
        if sys.__stderr__ is not None:
            with suppress(OSError, ValueError):
                os.write(sys.__stderr__.fileno(), message.encode())


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Note Ctrl-C and SIGTERM while the block runs, instead of letting them break in."""
    stop = Stop()
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
