"""What the bytes of a task depend on besides its files: versions, and the code of this project."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import platform
import re
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

from mind_core.errors import MindError
from mind_core.summary import version_of

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_NO_MATTER = frozenset(("typer", "pluggy", "tomli-w", "ray", "fsspec", "huggingface-hub"))
"""Packages that have no part in any output: what moves bytes is held by the inputs' hashes."""

_EXTRA = re.compile(r"\bextra\s*==\s*[\"']([^\"']*)")
_FOR_AUTHORS = frozenset(("test", "tests", "testing", "dev", "doc", "docs"))
"""Extras that no tool runs with."""

_OF_MACHINE = frozenset(("__pycache__", "locale", "native"))
"""Folders that differ between machines of one job, or change no record: translations, and loops as
they were compiled there, which are held to the sources by a hash of their own."""

_WHOLE_BYTES = 16 << 20
_END_BYTES = 1 << 20
"""A larger file than the first, such as a model in a plugin, goes by its size and so much of either
end: all of them would be read at each start."""


class OtherVersions(MindError):
    """Report a machine, or an environment, that could make other bytes of the same task."""


def versions_of(roots: Iterable[str]) -> dict[str, str]:
    """Return the versions of distributions and of all that they need, and of Python.

    Those of this project have a checksum of their code and data too: a version number does not tell
    a checkout from the next one. What their extras ask for counts where it is installed. They are
    looked up once: what is loaded does not change later.
    """
    return dict(_versions_of(tuple(sorted(set(roots)))))


@functools.cache
def _versions_of(roots: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {"python": platform.python_version(), "machine": platform.machine()}
    waiting = list(roots)
    while waiting:
        name = _normal(waiting.pop())
        if name in found or name in _NO_MATTER:
            continue
        found[name] = version_of(name)
        if name.startswith("mind-") and (code := _code_of(name.replace("-", "_"))):
            found[name] += f"+{code}"
        try:
            required = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        # Extras of this project decide what is read and written (pyarrow, trafilatura); those of
        # others' packages are asked for by nobody here.
        wanted = [one for one in required if _counts(one, of_ours=name.startswith("mind-"))]
        waiting += [match[0] for one in wanted if (match := _NAME.match(one)) and _has(match[0])]
    return dict(sorted(found.items()))


def check_versions(planned: Mapping[str, str], roots: Iterable[str]) -> None:
    """Raise `OtherVersions` if this environment is not the one that the job was planned in."""
    here = versions_of(roots)
    if here == planned:
        return
    differing = [
        f"{name} {here.get(name, 'missing')}, planned with {planned.get(name, 'none')}"
        for name in sorted({*here, *planned})
        if here.get(name) != planned.get(name)
    ]
    raise OtherVersions(
        f"the job was planned with other versions than those of {platform.node()}",
        cause="; ".join(differing[:5]) + ("; …" if len(differing) > 5 else ""),
        hint="install the same versions everywhere, or make a new job in another folder",
    )


def _counts(requirement: str, *, of_ours: bool) -> bool:
    """Return whether what a distribution asks for can have a part in an output."""
    extra = _EXTRA.search(requirement.partition(";")[2])
    return extra is None or (of_ours and extra[1] not in _FOR_AUTHORS)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _has(name: str) -> bool:
    """Return whether a distribution is installed: markers of other systems need no parsing then."""
    return version_of(name) != "unknown"


def _code_of(package: str) -> str:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return ""
    folder, checksum = Path(spec.origin).parent, hashlib.sha256()
    # With names and sizes, as a module that is moved is another program too.
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not path.is_file() or (path.suffix != ".py" and not _is_data(name)):
            continue
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            checksum.update(f"{name.as_posix()}\0{size}\0".encode())
            if size <= _WHOLE_BYTES:
                checksum.update(file.read())
                continue
            checksum.update(file.read(_END_BYTES))
            file.seek(-_END_BYTES, os.SEEK_END)
            checksum.update(file.read())
    return checksum.hexdigest()[:12]


def _is_data(name: Path) -> bool:
    hidden = any(part.startswith(".") for part in name.parts)
    return not hidden and name.suffix != ".pyc" and not _OF_MACHINE & set(name.parts)
