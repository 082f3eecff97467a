"""What the bytes of a task depend on besides its files: versions, and the code of this project."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import platform
import re
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

from mind_core.errors import MindError
from mind_core.summary import version_of

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_NO_MATTER = frozenset(("typer", "pluggy", "tomli-w"))
"""Packages that have no part in any output."""


class OtherVersions(MindError):
    """Report a machine, or an environment, that could make other bytes of the same task."""


def versions_of(roots: Iterable[str]) -> dict[str, str]:
    """Return the versions of distributions and of all that they need, and of Python.

    Those of this project have a checksum of their code too: a version number does not tell a
    checkout from the next one. They are looked up once: what is loaded does not change later.
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
        # What an extra asks for need not be there, and is not looked at.
        plain = [one for one in required if "extra ==" not in one]
        waiting += [match[0] for one in plain if (match := _NAME.match(one)) and _has(match[0])]
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
    # With names, as a module that is moved is another program too.
    for path in sorted(folder.rglob("*.py")):
        checksum.update(f"{path.relative_to(folder)}\0".encode())
        checksum.update(path.read_bytes())
    return checksum.hexdigest()[:12]
