"""Outputs that cannot be replaced: devices, named pipes, the shell's `>(…)`, `/dev/stdout`."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from mind_core.errors import MindError

_LINKS = 40
"""As many links in a row as Linux follows."""


def is_direct(path: str | Path) -> bool:
    """Return whether a path names no regular file and no free name: it is written to directly."""
    if descriptor_of(path) is not None:
        return True
    try:
        return not stat.S_ISREG(Path(path).stat().st_mode)
    except OSError:
        return False


def descriptor_of(path: str | Path) -> int | None:
    """Return the descriptor of this process that a path stands for: 1 for `/dev/stdout`."""
    name = os.path.abspath(path)  # noqa: PTH100 - resolve() would follow the link that is read here
    for _ in range(_LINKS):
        folder, _, last = name.rpartition("/")
        if last.isdecimal() and folder in ("/dev/fd", "/proc/self/fd", f"/proc/{os.getpid()}/fd"):
            return int(last)
        try:
            target = os.readlink(name)  # noqa: PTH115 - text, like the name
        except OSError:
            return None
        name = os.path.normpath(os.path.join(folder, target))  # noqa: PTH118 - text, no look-up
    return None


def write_directly(path: Path, reader_may_leave: bool) -> Iterator[BinaryIO]:
    """Write to what cannot be replaced; a folder is refused by the system."""
    descriptor = descriptor_of(path)
    try:
        # Opening /dev/stdout anew would start at the first byte of a file, and fail for a socket.
        file = os.fdopen(os.dup(descriptor), "wb") if descriptor is not None else path.open("wb")
    except OSError as error:
        raise cannot_write(path, error) from None
    writer = _Direct(file, path, reader_may_leave)
    try:
        yield cast(BinaryIO, writer)  # it has what those who write files use
        writer.flush()
    finally:
        with suppress(OSError):
            file.close()


class _Direct:
    """A writer that knows the name of what it writes to, for its errors."""

    def __init__(self, file: BinaryIO, path: Path, reader_may_leave: bool) -> None:
        self.path, self.reader_may_leave = path, reader_may_leave
        self._file = file
        self.fileno = file.fileno

    def write(self, data: bytes | memoryview) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            raise self._told(error) from error

    def flush(self) -> None:
        try:
            self._file.flush()
        except OSError as error:
            raise self._told(error) from error

    def _told(self, error: OSError) -> Exception:
        if isinstance(error, BrokenPipeError) and self.reader_may_leave:
            return error
        return cannot_write(self.path, error)


def cannot_write(path: Path, error: OSError) -> MindError:
    """Return the error of an output that the system refuses, with what to do about it."""
    cause, hint = error.strerror or str(error), full_disk_hint(error)
    if isinstance(error, BrokenPipeError):
        cause, hint = "its reader went away", "look at the command that reads it"
    return MindError(f"cannot write {path}", cause=cause, hint=hint)


def full_disk_hint(error: OSError) -> str:
    """Return what to do about an error of the system while writing."""
    if error.errno == errno.ENOSPC:
        return "the disk is full; free some space and run again, nothing half-written is left"
    return "check the folder and its rights"
