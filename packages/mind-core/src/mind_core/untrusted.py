"""Read folders that others made: nothing in them may name a file outside, or a size at will.

A folder of shards, a checkpoint, a tokenizer, an index is data. Its manifest names files and
counts; here is what every reader of such a name or count goes through.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from mind_core.errors import MindError
from mind_core.files import MANIFEST, sha256_file
from mind_core.whole_files import refuse_link

_HINT = "take the folder from a source that you trust, or make it again"

_MOST_DIGITS = 18
"""Digits that 64 bits hold, whatever they are."""


def whole_number(text: str) -> int | None:
    """Return the number that a text from outside says in digits; None if it says no such number.

    For text of pages, headers and options. `str.isdigit` lets "²" through, at which `int` fails;
    `int` itself reads "1_000" and "-1", and fails at more than 4,300 digits.
    """
    plain = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
    return int(text) if plain else None


def path_in(folder: str | Path, name: object) -> Path:
    """Return the path of what a folder names in itself, be it there or not.

    Raises `MindError` for a name that is no text, is absolute, goes upwards or through a link. The
    folder itself may be reached by a link.
    """
    if not isinstance(name, str) or not name or "\0" in name:
        raise MindError(f"{folder} names a file {name!r:.80}", hint=_HINT)
    # Names in a manifest have slashes, whatever system reads them.
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts or os.path.isabs(name):  # noqa: PTH117
        raise MindError(
            f"{folder} names a file outside of it: {name!r:.200}",
            cause="a folder may hold files and nothing else",
            hint=_HINT,
        )
    path = Path(folder)
    for part in parts:
        # Each folder on the way, as one that is a link leads the rest of the name elsewhere.
        path = path / part
        refuse_link(path)
    return path


def inside(folder: str | Path, name: object) -> Path:
    """Return the path of a regular file in a folder by the name that the folder itself gives it.

    Raises `MindError` as `path_in` does, and for what is missing or no regular file.
    """
    path = path_in(folder, name)
    try:
        cause = "it is no regular file" if path.exists() else "it is missing, but named"
        found = path.is_file()
    except OSError as error:  # a name that is too long
        cause, found = str(error.strerror), False
    if not found:
        raise MindError(
            f"cannot read {str(path)!r:.300}",
            cause=cause,
            hint="the folder lost a file; copy it again, or make it again",
        )
    return path


def check_named(
    folder: str | Path,
    described: Mapping[str, Any],
    *,
    needed: Collection[str] = (),
    verify: bool = True,
) -> None:
    """Check the files that a manifest names: size and, with `verify`, SHA-256.

    `described` maps names to `{"size", "sha256"}`; `needed` are names, or folders by their name and
    a slash, of which every file must be named: one that is read must not be one that nobody checks.
    """
    folder = Path(folder)
    if not isinstance(described, Mapping):
        raise MindError(f"{folder}: its manifest names no files", hint=_HINT)
    for name in needed:
        found = [name] if not name.endswith("/") else _names_in(folder, name)
        for each in found:
            # A file that may be there or not is asked for by its name, and is no gap where it is
            # missing.
            if each not in described and (name.endswith("/") or (folder / each).exists()):
                raise MindError(
                    f"{folder / each} is a file that the {MANIFEST} does not name",
                    cause="it was put there after the folder was written",
                    hint=_HINT,
                )
    for name, expected in described.items():
        path = inside(folder, name)
        size = count(expected, "size", f"{folder}: {name}")
        if path.stat().st_size != size:
            raise MindError(
                f"{path} is {path.stat().st_size:,} bytes long, the {MANIFEST} says {size:,}",
                cause="it was cut, changed or damaged after it was written",
                hint="take another one, or copy the folder again",
            )
        if verify and sha256_file(path) != expected.get("sha256"):
            raise MindError(
                f"{path} was changed or damaged after it was written",
                cause="its SHA-256 is not the one in the manifest",
                hint="take another one, or copy the folder again",
            )


def check_links(folder: str | Path) -> None:
    """Raise `MindError` for a folder with a link that leads out of it, or a device or pipe in it.

    For folders that a library reads by itself, and that name no files. Links into the `blobs`
    beside `snapshots` stay: Hugging Face's cache is made of them.
    """
    paths = sorted(Path(folder).absolute().rglob("*"))
    check_leads_inside(folder, paths)
    for path in paths:
        if not path.is_file() and not path.is_dir():
            raise MindError(f"{path} is no regular file", hint=_HINT)


def check_leads_inside(folder: str | Path, paths: Iterable[str | Path]) -> None:
    """Raise `MindError` for one of the paths found in a folder that is a link out of it, a pipe or
    a device.

    Links into the `blobs` beside `snapshots` stay: Hugging Face's cache is made of them.
    """
    folder = Path(folder).absolute()
    # snapshots/REVISION/FILE is a link to ../../blobs/HASH.
    allowed = [folder.resolve()]
    for above in folder.parents:
        if above.name == "snapshots":
            allowed.append((above.parent / "blobs").resolve())
    for path in map(Path, paths):
        if path.is_symlink() and not any(path.resolve().is_relative_to(one) for one in allowed):
            raise MindError(
                f"{path} is a link that leads out of the folder",
                cause=f"it leads to {path.resolve()}",
                hint="name the file itself, or put it in the link's place, if you trust the folder",
            )
        try:
            mode = path.stat().st_mode
        except OSError:
            continue  # missing, which is told by whoever opens it
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise MindError(f"{path} is no regular file", hint=_HINT)


def check_stays_inside(folder: str | Path) -> None:
    """Raise `MindError` for a folder with a link out of it, however deep; one that is not there
    has none.

    For folders that a tool goes on in, whoever they are from: what it writes, replaces or removes
    by a name would be a file elsewhere.
    """
    waiting = [Path(folder)]
    while waiting:
        place = waiting.pop()
        links: list[str] = []
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(place) as entries:
            for entry in entries:
                if entry.is_symlink():
                    links.append(entry.path)
                # Links are not gone into, so that none can make a circle.
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
        check_leads_inside(folder, links)


def copy_files(source: str | Path, target: str | Path) -> None:
    """Copy a folder's regular files, with those of the folders in it; `target` must be new.

    Raises `MindError` for a link, a device or a pipe: what it leads to is no part of the folder.
    """
    source, target = Path(source), Path(target)
    refuse_link(source)
    target.mkdir()
    for entry in sorted(os.scandir(source), key=lambda entry: entry.name):
        path = source / entry.name
        refuse_link(path)
        if entry.is_dir(follow_symlinks=False):
            copy_files(path, target / entry.name)
        elif entry.is_file(follow_symlinks=False):
            # Still no link is followed: the entry may have been replaced since it was looked at.
            shutil.copyfile(path, target / entry.name, follow_symlinks=False)
        else:
            raise MindError(f"{path} is no regular file", hint=_HINT)


def count(values: object, name: str, what: str, maximum: int | None = None) -> int:
    """Return a count that a file gives under a name; raise `MindError` for what is none.

    `maximum` is what fits: derive it from a size that was measured, never from the file's words.
    """
    value = values.get(name) if isinstance(values, Mapping) else None
    # By type: true is an int to isinstance.
    if type(value) is not int or value < 0:
        raise MindError(f"{what}: {name} is {value!r:.80}, and no count", hint=_HINT)
    if maximum is not None and value > maximum:
        raise MindError(
            f"{what}: {name} is {value:,}", cause=f"at most {maximum:,} fit", hint=_HINT
        )
    return value


@contextmanager
def as_written(what: object, hint: str = _HINT) -> Iterator[None]:
    """Name a file or folder in the error where what is read of it lacks a part, or is of a kind.

    For documents of many parts, which are checked by using them. `MindError` goes on as it is.
    """
    try:
        yield
    except MindError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError,
            RuntimeError, MemoryError) as error:  # fmt: skip
        said = " ".join(str(error).split())
        raise MindError(
            f"{what} is not as its tool writes it",
            cause=f"{type(error).__name__}: {said:.300}",
            hint=hint,
        ) from error


def _names_in(folder: Path, name: str) -> list[str]:
    inner = folder / name
    return [
        path.relative_to(folder).as_posix()
        for path in sorted(inner.rglob("*"))
        if path.is_symlink() or not path.is_dir()
    ]
