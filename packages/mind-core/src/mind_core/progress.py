"""One live line for people, painted by the last tool of a chain only."""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from mind_core.errors import shortened
from mind_core.render.terminal import printable, printable_line, width

_SECONDS_BETWEEN = 0.2


def may_paint(choice: bool | None = None) -> bool:
    """Say whether to paint: as asked, else if stderr is a terminal and stdout is no pipe."""
    if choice is not None:
        return choice
    if os.environ.get("TERM") == "dumb" or not sys.stderr.isatty():
        return False
    try:
        # Into a pipe another tool follows, and it paints: two would write over each other.
        return not stat.S_ISFIFO(os.fstat(1).st_mode)
    except OSError:
        return False


_speaker: list[Callable[[str], str]] = []
"""What gives a line in the user's language, if that is not English."""


def speak(say: Callable[[str], str] | None) -> None:
    """Let lines for people come as `say` gives them; None is English again."""
    _speaker[:] = [] if say is None else [say]


def said(text: str, **values: str) -> str:
    """Return a line, or a part of one, in the user's language.

    Values take the places of their names, {N}: in capitals, so that a part as short as "{N} in" is
    looked up as it stands, and is no pattern for whole messages.
    """
    shown = _speaker[0](text) if _speaker else text
    return shown.format(**values) if values else shown


def log(tool: str, message: str) -> None:
    """Write one line for people to stderr, prefixed with the tool's name."""
    sys.stderr.write(f"{tool}: {printable(said(shortened(message)))}\n")
    sys.stderr.flush()


class Progress:
    """Show one line that is painted over, at most five times a second.

    Where a line cannot be painted over (`--progress` into a file), it is written every ten seconds.
    """

    def __init__(self, tool: str, choice: bool | None = None) -> None:
        self.tool = tool
        self.active = may_paint(choice)
        self.in_place = sys.stderr.isatty()
        self.started = time.monotonic()
        self._last = 0.0
        self._width = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.clear()

    def show(self, message: str) -> None:
        """Paint the message if enough time has passed since the last one."""
        if not self.active:
            return
        now = time.monotonic()
        if now - self._last < (_SECONDS_BETWEEN if self.in_place else 10.0):
            return
        self._last = now
        line = f"{self.tool}: {printable_line(said(message))}"
        if self.in_place:
            # Blanks wipe what a longer line before left behind; Chinese takes two columns a
            # character.
            columns = width(line)
            sys.stderr.write("\r" + line + " " * (self._width - columns))
            self._width = columns
        else:
            sys.stderr.write(line + "\n")
        sys.stderr.flush()

    def count(self, done: int, what: str = "records", share: float | None = None) -> None:
        """Show a count with its rate, and where the share of all is known, it and the time left."""
        seconds = max(time.monotonic() - self.started, 1e-6)
        parts = [f"{done:,} {said(what)}", f"{done / seconds:,.0f}/s"]
        if share is not None:
            parts.append(f"{min(share, 1.0):.0%}")
            # Before that the rate says little of what is to come.
            if 0.01 <= share < 1.0 and seconds > 1.0:
                parts.append(said("{N} left", N=duration(seconds / share * (1 - share))))
        self.show(said(", ").join(parts))

    def clear(self) -> None:
        """Wipe the line, so that what follows starts on a clean one."""
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()
            self._width = 0


def duration(seconds: float) -> str:
    """Return seconds as people say them: 8.3 s, 41 s, 3 min 20 s, 2 h 05 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


T = TypeVar("T")

_SECONDS_OF_A_WAIT = 0.1


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
        # Also what ends a thread only, such as sys.exit: it is raised again where it was called.
        except BaseException as error:
            errors.append(error)

    started = time.monotonic()
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_SECONDS_OF_A_WAIT)
        progress.show(f"{message}, {duration(time.monotonic() - started)}")
    if errors:
        raise errors[0]
    return results[0]
