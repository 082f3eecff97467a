"""The packages under test: copies of them, and pytest on a copy."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import time
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from operators import Mutant, mutants_of

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".mutants"
PACKAGES = sorted(path.name for path in (ROOT / "packages").iterdir())
# Declarations of options and hooks are texts; the tests of help texts hold them.
LEFT_OUT = ("cli.py", "hookspecs.py", "__init__.py", "__main__.py")
MEMORY = 12 << 30
"""Bytes of address space for a test run: a wrong bound must not take the machine."""


@dataclass(frozen=True)
class Outcome:
    """What a run of tests said; `cut` if it ran past its limit."""

    passed: dict[str, float]
    failed: list[str]
    code: int
    cut: bool = False

    @property
    def noticed(self) -> bool:
        return self.cut or self.code != 0


def digest(paths: Iterable[Path], *more: str) -> str:
    """Return a hash of files, their names and further texts."""
    found = hashlib.sha256("\0".join(more).encode())
    for path in paths:
        found.update(f"\0{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return found.hexdigest()[:12]


@dataclass(frozen=True)
class Package:
    """One package, its tests and its folder for copies and results."""

    name: str

    @property
    def source(self) -> Path:
        return ROOT / "packages" / self.name / "src"

    @property
    def work(self) -> Path:
        return WORK / self.name

    @cached_property
    def sources(self) -> str:
        """The hash of the sources."""
        return digest(sorted(self.source.rglob("*.py")))

    @cached_property
    def helpers(self) -> str:
        """The hash of what the tests share."""
        files = sorted((self.source.parent / "tests").rglob("*.py"))
        return digest(path for path in files if not path.name.startswith("test_"))

    @cached_property
    def test_files(self) -> dict[str, str]:
        """The test files and their hashes."""
        files = sorted((self.source.parent / "tests").glob("test_*.py"))
        return {str(path.relative_to(ROOT)): digest([path], self.helpers) for path in files}

    @cached_property
    def mutants(self) -> list[Mutant]:
        """All mutants."""
        return [
            mutant
            for path in sorted(self.source.rglob("*.py"))
            if path.name not in LEFT_OUT
            for mutant in mutants_of(path, path.relative_to(self.source).as_posix())
        ]

    def copy_to(self, folder: Path) -> None:
        """Make a folder equal to the sources; files that are equal keep their times, so that
        compiled loops beside them stay of use."""
        wanted = {
            path.relative_to(self.source)
            for path in self.source.rglob("*")
            if path.is_file() and path.parent.name != "__pycache__"
        }
        for path in list(folder.rglob("*")):
            kept = path.relative_to(folder) in wanted or "__pycache__" in path.parts
            if path.is_file() and not kept:
                path.unlink()
        for name in sorted(wanted):
            target = folder / name
            if not target.exists() or target.read_bytes() != (self.source / name).read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.source / name, target)

    def change(self, folder: Path, mutant: Mutant) -> None:
        """Make a copy of the sources wrong."""
        self.copy_to(folder)
        changed = folder / mutant.path
        changed.write_bytes(mutant.apply(changed.read_bytes()))
        # Python and numba know a file by its time and size: no two mutants have the same time.
        when = 1_000_000_000 + zlib.crc32(mutant.key.encode()) % 500_000_000
        os.utime(changed, (when, when))


def run_tests(
    folder: Path,
    tests: Iterable[str],
    limit: float,
    *options: str,
    probes: Path | None = None,
    each: float = 0,
) -> Outcome:
    """Run tests on a copy of a package, in a fork that has the libraries loaded.

    `limit` is in CPU seconds of the tests' own process; processes that they start are not counted,
    and four times that in wall seconds ends them all. `each` is the limit of one test.
    """
    kept = WORK / "outcomes.json"
    kept.unlink(missing_ok=True)
    (WORK / "tests.txt").write_text("".join(f"{test}\n" for test in tests), "utf-8")
    process = os.fork()
    if not process:
        os.environ |= {
            "PYTHONPATH": str(folder), "MIND_OUTCOMES": str(kept),
            "MIND_PROBES": str(probes or ""), "MIND_TEST_SECONDS": str(each),
        }  # fmt: skip
        _test(folder, int(limit), options)
    code = _waited(process, 30 + 4 * limit)
    if code == 5 or (code >= 0 and not kept.exists()):
        sys.exit(f"pytest did not run: see {WORK / 'pytest.log'}")
    if not kept.exists():
        return Outcome({}, [], code, cut=True)
    found = json.loads(kept.read_text())
    return Outcome(found["passed"], found["failed"], code)


def _waited(process: int, limit: float) -> int:
    """Return the exit code of a process, and end it and all that it started."""
    until = time.monotonic() + limit
    while (found := os.waitpid(process, os.WNOHANG)) == (0, 0):
        if time.monotonic() > until:
            os.killpg(process, signal.SIGKILL)
        time.sleep(0.02)
    with suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(found[1])


def _test(folder: Path, limit: int, options: Iterable[str]) -> NoReturn:
    """Be the process that runs the tests."""
    os.setsid()
    os.chdir(ROOT)
    log = os.open(WORK / "pytest.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    own = str(Path(__file__).parent)
    sys.path[:] = [str(folder), own, *(path for path in sys.path if path != own)]
    import pytest

    code = 70
    try:
        plugins = ["-p", "outcomes", "-p", "no:cacheprovider", "-p", "no:randomly"]
        listed = f"@{WORK / 'tests.txt'}"
        code = pytest.main(["-q", "--no-header", "--tb=line", *plugins, *options, listed])
    finally:
        sys.stdout.flush()
        os._exit(code)


def load_libraries(package: Package) -> None:
    """Load what a package and its tests need, once for all runs."""
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": ""}
    sys.dont_write_bytecode = False
    files = package.source.parent.rglob("*.py")
    text = "\n".join(path.read_text("utf-8") for path in files)
    for name in ("numpy", "orjson", "zstandard", "typer", "hypothesis", "pytest", "torch", "numba"):
        if f"import {name}" in text or f"from {name}" in text:
            importlib.import_module(name)
