"""Outputs that are there whole or not at all, and folders that say when they are complete."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from mind_core.errors import MindError

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
def atomic_file(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file for writing under a temporary name; sync and rename it if the block succeeds.

    The temporary name ends in `.partial` and lies beside the result. A failure removes it; a kill
    leaves it, and it is never taken for a result. A link is followed. What is no regular file (a
    device, a named pipe, the shell's `>(…)`) cannot be replaced, so it is written straight.
    """
    path = Path(path)
    if path.is_symlink():
        path = path.resolve()
    if path.exists() and not path.is_file():
        yield from _straight(path)
        return
    partial = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}{PARTIAL}")
    file = _open(partial, path)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    except BrokenPipeError:
        raise  # stdout's reader went away: that is no fault of this file
    except OSError as error:
        raise MindError(
            f"cannot write {path}", cause=error.strerror, hint=full_disk_hint(error)
        ) from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Fill a folder under a temporary name; rename it if the block succeeds.

    Write the manifest last, inside the block. A folder that exists is refused, at the start and at
    the end, unless it is empty: nothing is ever replaced.
    """
    path = Path(path)
    _refuse_taken(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}{PARTIAL}")
    try:
        partial.mkdir(parents=True)
        yield partial
        sync_folder(partial)
        _refuse_taken(path)
        partial.replace(path)  # onto an empty folder at most; the system refuses another
        sync_folder(path.parent)
    except OSError as error:
        raise MindError(f"cannot write {path}", cause=error, hint=full_disk_hint(error)) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_json(path: str | Path, value: Any) -> None:
    """Write a value as indented JSON with sorted keys, atomically."""
    with atomic_file(path) as file:
        file.write(as_json(value))


def as_json(value: Any) -> bytes:
    """Return a value as indented JSON with sorted keys."""
    return orjson.dumps(
        value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    )


def read_json(path: str | Path) -> Any:
    """Read a JSON file; raise `MindError` if it is missing or not JSON."""
    path = Path(path)
    try:
        return orjson.loads(path.read_bytes())
    except OSError as error:
        raise MindError(
            f"cannot read {path}", cause=error.strerror, hint="check the path"
        ) from None
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


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder outlast a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def full_disk_hint(error: OSError) -> str:
    """Return what to do about an error of the system while writing."""
    if error.errno == errno.ENOSPC:
        return "the disk is full; free some space and run again, nothing half-written is left"
    return "check the folder and its rights"


def _refuse_taken(path: Path) -> None:
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


def _open(name: Path, path: Path) -> BinaryIO:
    try:
        return name.open("wb")
    except OSError as error:
        raise MindError(
            f"cannot write {path}",
            cause=error.strerror,
            hint="check that the folder exists and may be written to",
        ) from None


def _straight(path: Path) -> Iterator[BinaryIO]:
    """Write to what cannot be replaced; a folder is refused by the system."""
    with _open(path, path) as file:
        yield file
