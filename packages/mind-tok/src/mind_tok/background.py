"""Run one long call of a compiled library while the live line goes on and Ctrl-C works."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from mind_core.progress import Progress, duration

T = TypeVar("T")

_SECONDS_BETWEEN = 0.1


def run_with_progress(progress: Progress, message: str, call: Callable[[], T]) -> T:
    """Return what `call` returns, showing the message with the time it takes.

    Python handles Ctrl-C between its own instructions only, so the call gets a thread of its own;
    an interrupted one ends with the process.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def target() -> None:
        try:
            results.append(call())
        except BaseException as error:
            errors.append(error)

    started = time.monotonic()
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_SECONDS_BETWEEN)
        progress.show(f"{message}, {duration(time.monotonic() - started)}")
    if errors:
        raise errors[0]
    return results[0]
