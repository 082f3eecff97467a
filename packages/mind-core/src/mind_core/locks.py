"""Locks on files: one process at a time, let go by the system when it ends, however that is."""

from __future__ import annotations

from typing import IO, Any

from mind_core.errors import MindError


def take_lock(file: IO[Any]) -> bool:
    """Lock an open file for this process; return False if another one holds it.

    Raises `MindError` where the system has no such locks.
    """
    try:
        import fcntl
    except ImportError as error:
        raise MindError(
            f"cannot lock {file.name}",
            cause=error,
            hint="this needs Linux or macOS; on Windows it runs in WSL",
        ) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
