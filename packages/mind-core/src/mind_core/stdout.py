"""Keep stdout for the records while a stream tool runs; nothing else gets between them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, NoReturn, TextIO, cast

PRINTED = "it printed to stdout, which carries the records; print(…, file=sys.stderr) is seen"


class ReservedStdout:
    """Stand in the place of `sys.stdout`: what is printed is an error of whoever printed it."""

    encoding = "utf-8"
    errors = "strict"
    closed = False

    def write(self, text: str) -> NoReturn:
        """Refuse: stdout carries records, and nothing else may be printed there."""
        raise RuntimeError(f"{PRINTED} ({text[:40]!r})" if text.strip() else PRINTED)

    def writelines(self, *_: object) -> NoReturn:
        """Refuse: stdout carries records, and nothing else may be printed there."""
        raise RuntimeError(PRINTED)

    @property
    def buffer(self) -> NoReturn:
        """Refuse: stdout carries records, and nothing else may be printed there."""
        raise RuntimeError(PRINTED)

    def flush(self) -> None:
        """Do nothing: nothing waits."""

    def fileno(self) -> int:
        """Return stderr, where what a program or a library in C prints is seen."""
        return 2

    def isatty(self) -> bool:
        """Return that nobody looks at it."""
        return False

    def writable(self) -> bool:
        """Return false: stdout carries records."""
        return False


def is_reserved() -> bool:
    """Return whether stdout is kept for records at present."""
    return isinstance(sys.stdout, ReservedStdout)


def reserve() -> None:
    """Keep this process's `sys.stdout` for records for good: what a worker does."""
    sys.stdout = cast(TextIO, ReservedStdout())


@contextmanager
def reserved_stdout() -> Iterator[BinaryIO]:
    """Hand out stdout for records, and keep everybody else from it until the block ends.

    `print` raises a `RuntimeError`; what is written to descriptor 1 past Python goes to stderr.
    """
    before = sys.stdout
    before.flush()
    try:
        is_descriptor = before.fileno() == 1
    except (OSError, ValueError):
        is_descriptor = False
    if not is_descriptor:  # a test's stand-in
        sys.stdout = cast(TextIO, ReservedStdout())
        try:
            yield before.buffer
        finally:
            sys.stdout = before
        return
    # Records go through a copy. Descriptor 1 is stderr meanwhile, for libraries in C that print.
    own = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = cast(TextIO, ReservedStdout())
    try:
        yield own
        own.flush()
    finally:
        sys.stdout = before
        os.dup2(own.fileno(), 1)
        with suppress(OSError):  # a reader that went away was told of already
            own.close()
