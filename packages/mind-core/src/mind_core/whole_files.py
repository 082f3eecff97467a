"""Read a small file as a whole: a regular one, and no more of it than such a file ever holds.

What lies in a folder from others is what they say it is only after it was looked at: a manifest can
be a pipe, which nobody writes to, a link to `/dev/zero`, or 20 GiB of nothing.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from mind_core.errors import MindError

MAX_JSON_BYTES = 1 << 26
"""Bytes of a description (JSON, TOML, YAML): parsed, it takes some ten times as much."""

MAX_BYTES = 1 << 28
"""Bytes of a vocabulary or an index that is read as a whole; the largest known is a ninth of it."""


def read_whole(path: str | Path, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the bytes of a regular file, or of a link to one.

    Raises `MindError` for a file that cannot be read, is a pipe, a device or a folder, or holds
    more than `max_bytes` bytes, before any of it is read.
    """
    try:
        # A pipe without a writer would wait for one.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise MindError(f"cannot read {path}", cause="it is no regular file")
            if found.st_size > max_bytes:
                raise _too_large(path, found.st_size, max_bytes)
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise MindError(
            f"cannot read {path}", cause=error.strerror, hint="check the path"
        ) from None
    if len(data) > max_bytes:  # it grew meanwhile
        raise _too_large(path, len(data), max_bytes)
    return data


def refuse_link(path: Path) -> None:
    """Raise `MindError` for a link; what is missing is told by whoever opens it."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return
    if stat.S_ISLNK(mode):
        raise MindError(
            f"{path} is a link, which is not followed",
            cause="it could lead to any file of this machine",
            hint="put the file itself in its place if you trust the folder",
        )


def index_bound(data: Path) -> int:
    """Return the most bytes of an index of a file: 20 a document, which has a byte at least."""
    return (1 << 20) + 20 * data.stat().st_size


def _too_large(path: str | Path, size: int, max_bytes: int) -> MindError:
    return MindError(
        f"{path} is too large to be read: {size:,} bytes",
        cause=f"at most {max_bytes:,} are read of such a file",
        hint="take the folder from a source that you trust, or make it again",
    )
