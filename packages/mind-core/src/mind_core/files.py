"""Outputs that are there whole or not at all, and folders that say when they are complete."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from mind_core.direct import cannot_write, descriptor_of, is_direct, write_directly
from mind_core.errors import MindError, UsageError
from mind_core.whole_files import MAX_JSON_BYTES, read_whole, refuse_link

MANIFEST = "manifest.json"
MAKERS = {
    "mind-tokenizer": "`mind-tok train -o`",
    "mind-shards": "`mind-tok encode -o`",
    "mind-checkpoint": "`mind-train pretrain -o`",
    "mind-scores": "`mind-eval run -o`",
    "mind-dedup-index": "`mind-dedup --index`",
}
PARTIAL = ".partial"


@contextmanager
def atomic_file(
    path: str | Path, *, private: bool = False, reader_may_leave: bool = False
) -> Iterator[BinaryIO]:
    """Open a file for writing under a temporary name; sync and rename it if the block succeeds.

    The temporary name ends in `.partial` and lies beside the result; only its owner may read it. A
    failure removes it; a kill leaves it, and it is never taken for a result. The result has the
    mode of the file that it replaces, else what the umask says; `private` leaves it to its owner
    alone. A link is followed.

    What is no regular file (a device, a named pipe, the shell's `>(…)`, `/dev/stdout`) cannot be
    replaced, so it is written to directly. If its reader goes away, that is an error, or with
    `reader_may_leave` a `BrokenPipeError`, which ends a tool with 0.
    """
    path = Path(path)
    refuse_address(path)
    if is_direct(path):
        yield from write_directly(path, reader_may_leave)
        return
    path = _resolved(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}{PARTIAL}")
    file = _open_partial(partial, path)
    try:
        with file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), 0o600 if private else _mode_for(path))
            # Before the rename: after a power cut some systems keep the new name and not what it
            # names.
            os.fsync(file.fileno())
        # rename(2) is atomic: a reader sees the old file or the new one.
        partial.replace(path)
        sync_folder(path.parent)
    except BrokenPipeError:
        raise  # stdout's reader went away: that is no fault of this file
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Fill a folder under a temporary name; rename it if the block succeeds.

    Write the manifest last, inside the block. All that lies in the folder is synced before it gets
    its name. A folder that exists is refused, at the start and at the end, unless it is empty:
    nothing is ever replaced.
    """
    path = Path(path)
    _refuse_taken(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}{PARTIAL}")
    try:
        partial.mkdir(parents=True)
        yield partial
        _sync_tree(partial)
        _refuse_taken(path)
        partial.replace(path)  # onto an empty folder at most; the system refuses another
        sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_file(path: str | Path) -> None:
    """Raise the error that `atomic_file` would, as far as it can be known without writing."""
    path = Path(path)
    refuse_address(path)
    if is_direct(path):
        if path.is_dir() or (descriptor_of(path) is None and not os.access(path, os.W_OK)):
            code = errno.EISDIR if path.is_dir() else errno.EACCES
            raise cannot_write(path, OSError(code, os.strerror(code)))
        return
    folder = _resolved(path).parent
    if not folder.is_dir():
        raise cannot_write(path, FileNotFoundError(errno.ENOENT, f"there is no folder {folder}"))
    _check_may_make_names(folder, path)


def check_folder(path: str | Path) -> None:
    """Raise the error that `atomic_folder` would, as far as it can be known without writing."""
    path = Path(path)
    _refuse_taken(path)
    folder = _resolved(path).parent
    # Missing folders are made; the first that is there must allow it.
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise cannot_write(path, NotADirectoryError(errno.ENOTDIR, f"{folder} is no folder"))
    _check_may_make_names(folder, path)


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # a link that leads to itself
        raise MindError(f"cannot write {path}", cause=error, hint="check the link") from None


def _check_may_make_names(folder: Path, path: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise cannot_write(path, PermissionError(errno.EACCES, f"{folder} may not be written to"))


_sources: set[str] = set()


def note_source(path: str | Path) -> None:
    """Note what this run reads beside its inputs, such as a recipe, a plugin or a tokenizer.

    No output of the run may replace it, or a file of it.
    """
    # By its whole name: a process may change its folder.
    _sources.add(os.path.abspath(path))  # noqa: PTH100 - a link keeps its own name


def source_files() -> list[str]:
    """Return the recipe, plugin and other files that this process reads beside its inputs."""
    return sorted(_sources)


def write_json(path: str | Path, value: Any) -> None:
    """Write a value as indented JSON with sorted keys, atomically."""
    with atomic_file(path) as file:
        file.write(as_json(value))


def as_json(value: Any) -> bytes:
    """Return a value as indented JSON with sorted keys."""
    return orjson.dumps(
        value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    )


def read_json(path: str | Path, max_bytes: int = MAX_JSON_BYTES) -> Any:
    """Read a JSON file; raise `MindError` if it is missing, no regular file, or not JSON."""
    data = read_whole(path, max_bytes)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise MindError(f"{path} is not JSON", cause=error, hint="make it again") from None


def write_manifest(folder: str | Path, manifest: Mapping[str, Any]) -> None:
    """Write a folder's `manifest.json`, the last thing to be written: with it, it is complete."""
    write_json(Path(folder) / MANIFEST, dict(manifest))


def read_manifest(folder: str | Path, *, format: str) -> dict[str, Any]:
    """Read a folder's manifest; raise `MindError` if it is missing or of another format."""
    folder = Path(folder)
    maker = f"give a folder that {MAKERS[format]} made" if format in MAKERS else None
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise MindError(f"{folder} {what}", hint=maker or f"give a folder of format {format!r}")
    refuse_link(folder / MANIFEST)
    if not (folder / MANIFEST).exists():
        raise MindError(
            f"{folder} has no {MANIFEST}: it is incomplete, or no {format!r} folder",
            cause="the manifest is written last, so the tool that made it did not finish",
            hint="make it again",
        )
    manifest = read_json(folder / MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("format") != format:
        found = manifest.get("format") if isinstance(manifest, dict) else None
        raise MindError(
            f"{folder} is of format {found!r}, wanted is {format!r}",
            hint=maker or "check which folder was meant",
        )
    return manifest


def sha256_file(path: str | Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_folder(path: Path) -> None:
    """Make a folder, with those above it, so that it outlasts a power cut."""
    refuse_address(path)
    # Looked up before mkdir: each of these is a new name in the folder above it.
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder outlast a power cut."""
    _sync(folder)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# A path has one slash where an address has two: `Path` puts them together. Two letters and more,
# so that a drive of other systems is none.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def refuse_address(path: Path) -> None:
    """Raise `UsageError` for an output at an address: it would become a folder `s3:` here."""
    if _ADDRESS.match(str(path)) and not Path(path.parts[0]).exists():
        name = str(path).replace(":/", "://", 1)
        raise UsageError(
            f"{name} is an address, and results are written to files of this machine",
            hint="write to a folder here, and copy it there when it is whole",
        )


def _refuse_taken(path: Path) -> None:
    refuse_address(path)
    if (path / MANIFEST).exists():
        raise MindError(
            f"{path} exists and is complete",
            hint="give another folder, or remove this one first",
        )
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise MindError(
            f"{path} exists and holds other things",
            hint="give a folder that does not exist yet",
        )


def _open_partial(partial: Path, path: Path) -> BinaryIO:
    """Create the file under its temporary name: new, no link, for its owner alone."""
    try:
        return os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except OSError as error:
        hint = "check that the folder exists and may be written to"
        if path.exists() and os.access(path, os.W_OK):
            hint = "a file is replaced as a whole, so its folder must be writable too"
        raise MindError(f"cannot write {path}", cause=error.strerror, hint=hint) from None


def _mode_for(path: Path) -> int:
    """Return the mode of the file that is there, else the one that a new file gets."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        # The umask can be read by setting it only; for that moment it is the strictest.
        umask = os.umask(0o077)
        os.umask(umask)
        return 0o666 & ~umask


def _sync_tree(folder: Path) -> None:
    """Sync every file of a folder, then the folders, the innermost first."""
    for inside, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(inside, name)
            if path.is_file() and not path.is_symlink():
                _sync(path)
        _sync(Path(inside))
