"""Write constraints-hashes-cuda.txt: the pins of constraints-hashes.txt with torch for CUDA.

Asks the package index for names, hashes and the metadata of wheels (PEP 691 and 658): some hundred
kilobytes, where the wheels themselves are 3 GB.

usage: python tests/support/cuda_hashes.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from email import message_from_bytes
from functools import cache
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

CPU, CUDA = Path("constraints-hashes.txt"), Path("constraints-hashes-cuda.txt")
MARKERS = {"platform_system": "Linux", "platform_machine": "x86_64", "python_version": "3.11",
           "python_full_version": "3.11.7", "sys_platform": "linux", "os_name": "posix",
           "implementation_name": "cpython"}  # fmt: skip
PLATFORMS = [*(f"manylinux_2_{n}_x86_64" for n in range(39, 4, -1)), "manylinux2014_x86_64",
             "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"]  # fmt: skip
HEAD = """\
# constraints.txt with the SHA-256 of each file, for CPython 3.11, x86-64 Linux, torch for CUDA:
#   pip install --require-hashes --no-deps -r constraints-hashes-cuda.txt
# Written by `nox -s lock`.
"""


@cache
def tags() -> dict[Tag, int]:
    """Return the tags that such a machine installs, the best first."""
    found = [*cpython_tags((3, 11), platforms=PLATFORMS),
             *compatible_tags((3, 11), "cp311", PLATFORMS)]  # fmt: skip
    return {tag: place for place, tag in enumerate(found)}


@cache
def index() -> str:
    """Return the address of the index that pip uses."""
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    return (asked.stdout.strip() or "https://pypi.org/simple").rstrip("/")


def fetch(address: str, accept: str = "*/*") -> bytes:
    """Return what an address gives."""
    request = urllib.request.Request(address, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=60) as response:
        return bytes(response.read())


@cache
def wheels(name: str) -> list[tuple[Version, int, dict[str, Any]]]:
    """Return the wheels of a project that such a machine installs, the newest and best last."""
    listed = fetch(f"{index()}/{name}/", "application/vnd.pypi.simple.v1+json")
    found = []
    for file in json.loads(listed)["files"]:
        if not file["filename"].endswith(".whl") or file.get("yanked"):
            continue
        _, version, _, kinds = parse_wheel_filename(file["filename"])
        places = [tags()[kind] for kind in kinds if kind in tags()]
        if places and not version.is_prerelease:
            found.append((version, -min(places), file))
    return sorted(found, key=lambda one: one[:2])


@cache
def about(address: str) -> tuple[str, ...] | None:
    """Return what a wheel needs, or None if the index has no metadata of it."""
    try:
        found = message_from_bytes(fetch(address + ".metadata"))
    except urllib.error.HTTPError:
        return None
    return tuple(found.get_all("Requires-Dist") or ())


class Again(Exception):
    """A project was chosen before a narrower need of it was met."""


def resolve(
    wanted: Requirement, pinned: dict[str, str], rows: dict[str, Version], needs: dict[str, Any]
) -> None:
    """Choose a project and all that it needs, unless it is pinned already.

    `needs` holds what was asked of each project so far; raises `Again` where that has changed.
    """
    name = canonicalize_name(wanted.name)
    needs[name] = needs.get(name, SpecifierSet()) & wanted.specifier
    if name in rows and rows[name] not in needs[name]:
        raise Again
    for version, _, file in reversed(wheels(name)):
        if version in needs[name] and (lines := about(file["url"])) is not None:
            break
    else:
        raise SystemExit(f"no wheel with metadata fits {name} {needs[name]}")
    rows[name] = version
    HASHES[name] = f"{name}=={version} --hash=sha256:{file['hashes']['sha256']}"
    for line in lines:
        need = Requirement(line)
        asked = any(
            need.marker is None or need.marker.evaluate({**MARKERS, "extra": extra})
            for extra in ("", *wanted.extras)
        )
        if asked and canonicalize_name(need.name) not in pinned:
            resolve(need, pinned, rows, needs)


HASHES: dict[str, str] = {}


def main() -> None:
    """Write the file."""
    lines = [one for one in CPU.read_text("utf-8").splitlines() if not one.startswith("#")]
    pinned = {canonicalize_name(line.partition("==")[0]): line for line in lines}
    version = pinned.pop("torch").partition(" ")[0].partition("==")[2].partition("+")[0]
    rows: dict[str, Version] = {}
    needs: dict[str, Any] = {}
    while True:
        try:
            resolve(Requirement(f"torch=={version}"), {**pinned, "setuptools": ""}, rows, needs)
            break
        except Again:
            rows.clear()
    lines = [*pinned.values(), *(HASHES[name] for name in rows)]
    CUDA.write_text(HEAD + "\n".join(sorted(lines)) + "\n", "utf-8")


if __name__ == "__main__":
    main()
