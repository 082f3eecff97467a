"""Files that a tool locks or goes on in.

A lock is for one process at a time, and let go by the system when it ends, however that is.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

from mind_core.errors import MindError


def take_lock(file: IO[Any], path: Path, *, wait: bool = False) -> bool:
    """Lock an open file for this process; return False if another one holds it.

    With `wait` it is taken as soon as the other one lets go.

    Raises `MindError` where the system has no such locks, or the folder's file system none.
    """
    try:
        import fcntl
    except ImportError as error:
        raise MindError(
            f"cannot lock {path}",
            cause=error,
            hint="this needs Linux or macOS; on Windows it runs in WSL",
        ) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        # Such as ENOLCK: nobody holds the lock, and waiting for somebody would have no end.
        raise MindError(
            f"cannot lock {path}",
            cause=error.strerror,
            hint="some network file systems have no locks: give a folder on another disk",
        ) from None
    return True


@contextmanager
def open_lock(path: Path) -> Iterator[BinaryIO]:
    """Open a file to be locked, empty if new; a link or pipe is refused, nothing truncated."""
    try:
        handle = _opened_to_lock(path)
    except OSError as error:
        raise MindError(
            f"cannot open the lock {path}", cause=error.strerror, hint="remove it if it is a link"
        ) from None
    with os.fdopen(handle, "rb") as file:
        yield file


def _opened_to_lock(path: Path) -> int:
    """Open or make a file for a lock. Nothing in it is ever changed."""
    try:
        # On NFS a lock for one alone is given only to who may write (flock(2)).
        return _opened_here(path, os.O_RDWR)
    except PermissionError:
        return _opened_here(path, os.O_RDONLY)


def open_log(path: Path) -> BinaryIO:
    """Open a file to read and to append to; a new one is private, a link or a pipe is refused.

    For logs of what was asked and answered. Raises `OSError` if it cannot be opened.
    """
    return os.fdopen(_opened_here(path, os.O_RDWR | os.O_APPEND), "a+b")


def _opened_here(path: Path, flags: int) -> int:
    """Open or make a regular file by its own name; raise `OSError` for a link, pipe or device."""
    # A pipe would wait for its other end.
    more = os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    handle = os.open(path, flags | more, 0o600)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no regular file")
    return handle
