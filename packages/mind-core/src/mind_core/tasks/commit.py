"""Put what an attempt made into place: exactly once in effect, however often a task is run.

The order is the promise. What an attempt wrote is made safe on disk under a name of its own; each
file is then linked to its final name, which the system does for one of several at most; the names
are made safe; last comes the done file, by the same two steps. At any moment the final names hold
whole files, and a done file stands for files that are there. Whoever comes second with the same
bytes has lost nothing; with other bytes, the tool is not deterministic, and that is an error.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from stat import S_ISREG
from typing import Any

from mind_core.direct import cannot_write
from mind_core.errors import MindError
from mind_core.files import as_json, make_folder, read_json, sha256_file, sync_folder
from mind_core.tasks import REJECTS, WORK
from mind_core.tasks.folder import Attempt, TaskFolder
from mind_core.tasks.plan import PlannedTask
from mind_core.untrusted import path_in

# What file systems without hard links answer, or across two of them.
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EMLINK)


class NotDeterministic(MindError):
    """Report a second result of a task that is not the first one."""


@dataclass(frozen=True)
class TaskResult:
    """What an attempt made: files by the names they are to have in the job's folder, and counts."""

    files: Mapping[str, Path]
    counts: Mapping[str, Any] = field(default_factory=dict)


def commit(
    folder: TaskFolder,
    job: str,
    task: PlannedTask,
    attempt: Attempt,
    result: TaskResult,
    **more: Any,
) -> None:
    """Make a task done; `more` is told in the done file and may differ between attempts.

    Raises `NotDeterministic` if the task was done before with another result.
    """
    for name, path in result.files.items():
        if PurePath(name).parts[0] in (REJECTS, WORK):
            _keep_private(path)
    described = {name: _made_safe(path) for name, path in sorted(result.files.items())}
    # link(2) fails where the name is taken, so of two attempts one alone gives each name; rename(2)
    # would replace what the first one made.
    for name, path in result.files.items():
        _link(path, path_in(folder.path, name), described[name]["sha256"])
    # The done file may be found after a power cut only if all that it names is found too.
    for parent in sorted(_folders_of(described)):
        _sync_names(folder.path / parent)
    record = {
        "job": job,
        "task": task.number,
        "stage": task.stage,
        "name": task.name,
        "files": described,
        "counts": result.counts,
    }
    _say_done(folder, task, attempt, record, more)


def link_into_place(path: Path, target: Path, sha256: str) -> None:
    """Give a file that is safe on disk its final name, and make the name safe.

    If another file has the name, it must be the same, by its SHA-256; else `NotDeterministic`.
    """
    _link(path, target, sha256)
    _sync_names(target.parent)


def write_safely(path: Path, data: bytes) -> str:
    """Write a new file, make it safe on disk, and return its SHA-256."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise cannot_write(path, error) from error
    return str(_made_safe(path)["sha256"])


def _say_done(
    folder: TaskFolder,
    task: PlannedTask,
    attempt: Attempt,
    record: dict[str, Any],
    more: Mapping[str, Any],
) -> None:
    """Write the done file; another one must tell of the same files and counts."""
    told = attempt.path / "done.json"
    sha256 = write_safely(
        told, as_json({**record, **more, "host": socket.gethostname(), "pid": os.getpid()})
    )
    target = folder.done_file(task.number)
    try:
        link_into_place(told, target, sha256)
    except NotDeterministic:
        before = read_json(target)
        # Host, process and seconds differ between two attempts; files and counts may not.
        if not isinstance(before, dict) or {key: before.get(key) for key in record} != record:
            raise NotDeterministic(
                f"task {task} was done before with another result",
                cause=f"{target} tells of other files or counts",
                hint="a component of the recipe answers differently each time; find it with -j 1",
            ) from None


def _folders_of(names: Iterable[str]) -> set[str]:
    """Return the folders of names, and those above: another process may have just made them."""
    return {str(above) for name in names for above in PurePath(name).parents}


def _keep_private(path: Path) -> None:
    """Leave rejects, and what goes from stage to stage, to their owner alone, as a stream does."""
    try:
        path.chmod(0o600)
    except OSError as error:
        raise cannot_write(path, error) from error


def _made_safe(path: Path) -> dict[str, Any]:
    """Sync a file, and return its size and SHA-256."""
    try:
        _sync_file(path)
        return {"size": path.stat().st_size, "sha256": sha256_file(path)}
    except OSError as error:
        raise cannot_write(path, error) from error


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _link(path: Path, target: Path, sha256: str) -> None:
    try:
        make_folder(target.parent)
        os.link(path, target)
    except FileExistsError:
        # The other attempt was faster. With the same bytes that is as good as our own.
        _check_same(target, sha256)
    except OSError as error:
        if error.errno in _NO_LINKS:
            raise MindError(
                f"cannot link {target}",
                cause=error.strerror,
                hint="--into needs a file system with hard links, such as ext4, xfs, NFS or Lustre",
            ) from error
        raise cannot_write(target, error) from error


def _check_same(target: Path, sha256: str) -> None:
    found = ""
    with suppress(OSError):
        if S_ISREG(target.lstat().st_mode):  # a pipe would wait for a writer
            found = sha256_file(target)
    if found != sha256:
        raise NotDeterministic(
            f"{target} is there with other bytes",
            cause="the task made them another time, or the file was changed",
            hint="remove the file and run again; if it comes back, a component of the recipe "
            "answers differently each time",
        )


def _sync_names(folder: Path) -> None:
    """Make the names in a folder outlast a power cut."""
    try:
        sync_folder(folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
