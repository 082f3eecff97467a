"""Compile all loops of a package into a shared library.

`python -m mind_core.kernels.build PACKAGE` writes the library where the package looks for it. Every
loop of a new library is called once, in a process without numba, before the library is kept.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mind_core.errors import MindError
from mind_core.files import atomic_file
from mind_core.kernels.compiler import numba, object_code
from mind_core.kernels.library import (
    FORMAT,
    KERNELS,
    Kernel,
    library_of,
    library_path,
)
from mind_core.kernels.sources import folder_of, sources_hash, sources_of

LEVELS = {
    "x86_64": "x86-64-v2",
    "AMD64": "x86-64-v2",
    "aarch64": "generic",
    "arm64": "apple-m1" if sys.platform == "darwin" else "generic",
}
"""The processor that a library is made for, by machine; x86-64-v2 is every one since about 2010."""

_SUPPORT = Path(__file__).with_name("support.c")

_SECONDS, _ITEMS, _COLUMNS = 120, 1 << 10, 128
"""How long all loops of a package may take on arrays of so many zeros, or rows of them."""

# What support.c asks the processor for beyond x86-64-v2, by level.
_NEEDS = {"x86-64-v3": '&& __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2")'}

_CALL_ALL = """
import sys
sys.path += sys.argv[3:]
sys.modules["numba"] = sys.modules["llvmlite"] = None
from mind_core.kernels.build import call_all
call_all(sys.argv[1], sys.argv[2])
"""


def build(package: str, cpu: str = "", output: Path | None = None) -> Path:
    """Compile all loops of a package into a shared library and return its path.

    Raises `MindError` if there is no C compiler to link with, if a loop needs more of the machine
    than it may, or if a call of the new library fails.
    """
    cpu = cpu or level()
    target = output or library_path(package)
    entries, sources = find_kernels(package)
    about = {
        "format": FORMAT,
        "package": package,
        "cpu": cpu,
        "sources": sources,
        # By this a library is known to fit the sources that lie beside it.
        "hash": sources_hash(dict.fromkeys(sources)),
        "numba": numba().__version__,
        "loops": {kernel.name: kernel.signature.text for kernel in entries},
    }
    # The folder is in no checkout: it is made by the first build.
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        objects = [Path(folder, f"{number}.o") for number in range(len(entries))]
        for kernel, path in zip(entries, objects, strict=True):
            path.write_bytes(object_code(kernel, cpu))
        linked = Path(folder, target.name)
        _link(linked, objects, about, cpu)
        # Before it has its name: a library that fails never lies where a package looks for it.
        _try(package, linked)
        with atomic_file(target) as file:
            file.write(linked.read_bytes())
    return target


def level() -> str:
    """Return the processor that libraries are made for on a machine like this one."""
    machine = platform.machine()
    # A Python of 32 bits runs on such machines too, and passes other pointers.
    if machine not in LEVELS or sys.maxsize < 1 << 32:
        raise MindError(
            f"no loops are compiled for {machine}", hint="numba compiles them when they run"
        )
    return LEVELS[machine]


def find_kernels(package: str) -> tuple[list[Kernel[..., Any]], list[str]]:
    """Return the loops of a package that can be called, and the files they are made of.

    Each file is named "package/path"; they are those of the loops and all that they take names
    from, in this package and in mind_core.
    """
    folder = folder_of(package)
    for path in sorted(folder.rglob("*.py")):
        # Importing a module makes known what loops it has (`library.KERNELS`). The text is looked
        # at first, as other modules may need packages that a build does without.
        if "import kernel" in path.read_text("utf-8"):
            importlib.import_module(_module_name(package, folder, path))
    # In the order of their names, so that a library does not depend on the order of imports.
    kernels = [KERNELS[name] for name in sorted(KERNELS) if KERNELS[name].package == package]
    if not kernels:
        raise MindError(f"{package} has no loops that can be called")
    return kernels, sorted(sources_of(kernels))


def _module_name(package: str, folder: Path, path: Path) -> str:
    parts = path.relative_to(folder).with_suffix("").parts
    return ".".join((package, *parts)).removesuffix(".__init__")


def _link(target: Path, objects: Sequence[Path], about: Mapping[str, Any], cpu: str) -> None:
    """Link objects, and the little C above, into a shared library."""
    compiler = os.environ.get("CC") or next(
        filter(None, map(shutil.which, ("cc", "gcc", "clang"))), ""
    )
    if not compiler:
        raise MindError(
            "there is no C compiler to link with",
            hint="install one (apt install gcc), or name it with CC",
        )
    # JSON of JSON: its quotes and escapes are those of a string in C.
    told = json.dumps(json.dumps(about, sort_keys=True, separators=(",", ":")))
    source = target.with_suffix(".c")
    source.write_text(
        _SUPPORT.read_text("utf-8").replace("ABOUT", told).replace("NEEDS", _NEEDS.get(cpu, ""))
    )
    flags = ["-shared", "-fPIC", "-O2"]
    # Neither symbols nor an id of the build: the same sources give the same bytes.
    if sys.platform.startswith("linux"):
        # Nothing but the C library may be missing: mathematics would come from another.
        flags += ["-s", "-Wl,--build-id=none", "-Wl,-z,noexecstack", "-Wl,-z,defs"]
    # CC may hold more than a name: `ccache gcc`.
    command = [*compiler.split(), *flags, "-o", target.name, source.name]
    done = subprocess.run(
        [*command, *(path.name for path in objects)],
        cwd=target.parent,  # so that no name of a folder gets into the file
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise MindError(
            "the loops cannot be linked",
            cause=done.stderr.strip()[-400:],
            hint="a loop calls no mathematics library",
        )


def _try(package: str, path: Path) -> None:
    """Call every loop of a library in a process that has no numba."""
    command = [sys.executable, "-c", _CALL_ALL, package, str(path), *sys.path]
    # Only what was built counts: a loop that fell back on numba would pass for one that works.
    environment = {**os.environ, "MIND_LOOPS": "shipped"}
    try:
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=float(os.environ.get("MIND_BUILD_SECONDS", _SECONDS)),
        )
    except subprocess.TimeoutExpired:
        raise MindError(f"a loop of {package} does not end when it is called") from None
    if done.returncode:
        raise MindError(
            f"a loop of {package} fails when it is called",
            cause=done.stderr.strip()[-400:] or f"it ended with {done.returncode}",
            hint="the version of numba is another than that of constraints.txt?",
        )


def call_all(package: str, path: str) -> None:
    """Call every loop of a library once, on its example or on zeros, and say which one it is."""
    import numpy as np

    from mind_core.kernels import library

    library.library_path = lambda package: Path(path)  # noqa: ARG005

    kernels, _ = find_kernels(package)
    for kernel in kernels:
        # Before the call: a loop that crashes leaves no traceback, and this is the last line then.
        sys.stderr.write(f"{kernel.name}\n")
        sys.stderr.flush()
        if kernel.example is not None:
            kernel(*kernel.example())
            continue
        values: list[Any] = []
        for wanted in kernel.signature.arguments:
            if isinstance(wanted, str):
                # A number is mostly a length or a place: 0 lies in any array.
                values.append(0)
                continue
            # Zeros suit most loops, as offsets and lengths of 0 lead nowhere; for those that would
            # not end, or read beyond an array, there is `example`.
            arrays = [
                np.zeros((_ITEMS, _COLUMNS)[: part.dimensions], part.dtype)
                for part in (wanted if isinstance(wanted, tuple) else (wanted,))
            ]
            values.append(tuple(arrays) if isinstance(wanted, tuple) else arrays[0])
        kernel(*values)


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the libraries of packages from the command line."""
    parser = argparse.ArgumentParser("mind_core.kernels.build", description=__doc__)
    parser.add_argument("package", nargs="+", help="such as mind_dedup")
    parser.add_argument("--cpu", default="", help=f"processor, by default {level()}")
    parser.add_argument(
        "-o", "--output", type=Path, help="where to write the library of one package"
    )
    parser.add_argument(
        "--if-changed", action="store_true", help="leave a library as it is that fits its sources"
    )
    given = parser.parse_args(arguments)
    # Before numba is imported: what it compiles follows these from its first import on.
    os.environ["NUMBA_CPU_NAME"], os.environ["NUMBA_CPU_FEATURES"] = given.cpu or level(), ""
    try:
        for package in given.package:
            # The question is about the library that lies there, whatever the environment says of
            # loops.
            os.environ["MIND_LOOPS"] = ""
            if given.if_changed and not isinstance(library_of(package), str):
                continue
            # While it is made anew, a loop that is called on import must not come from the old
            # library.
            os.environ["MIND_LOOPS"] = "jit"
            sys.stdout.write(f"{build(package, given.cpu, given.output)}\n")
    except MindError as error:
        sys.stderr.write("\n".join(error.lines("build")) + "\n")
        sys.exit(error.code)


if __name__ == "__main__":
    main()
