"""Which source files loops are made of, and a hash of them."""

from __future__ import annotations

import ast
import hashlib
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from mind_core.errors import MindError
from mind_core.kernels.signatures import LoopSignature


class CompilableLoop(Protocol):
    """A loop that can be called, as it is compiled: see `library.Kernel`."""

    function: Callable[..., Any]
    signature: LoopSignature

    @property
    def package(self) -> str:
        """Return the package whose library holds the loop."""

    @property
    def name(self) -> str:
        """Return the name of the loop with its module, without the package."""

    @property
    def symbol(self) -> str:
        """Return the name that the loop has in the library."""


@cache
def folder_of(package: str) -> Path:
    """Return the folder of a package."""
    # Found and not imported: the package may be one that is being built.
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MindError(f"there is no package {package}", hint="install it first")
    return Path(spec.submodule_search_locations[0])


def sources_hash(files: Mapping[str, Any]) -> str:
    """Return a hash of source files, each named "package/file"; "" if one is not there."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(files):
        package, _, file = name.partition("/")
        try:
            content = (folder_of(package) / file).read_bytes()
        except (OSError, MindError):
            # The hash of no library, so that none is taken for built from these.
            return ""
        # Names and lengths keep files apart: else a line that moves from one to the next would not
        # be seen.
        digest.update(name.encode() + b"\0" + str(len(content)).encode() + b"\0" + content)
    return digest.hexdigest()


def sources_of(kernels: Sequence[CompilableLoop]) -> set[str]:
    """Return the files whose change could change the machine code of loops."""
    files: set[str] = set()
    seen: set[str] = set()
    waiting = {kernel.function.__module__ for kernel in kernels}
    # What lies elsewhere (numpy, other tools) has no part in the code of these loops.
    packages = {kernel.package for kernel in kernels} | {"mind_core"}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        if name in _NO_CODE or (name.startswith("mind_core.") and not name.startswith(_OF_CORE)):
            continue
        module = importlib.import_module(name)
        top = name.partition(".")[0]
        files.add(f"{top}/{Path(str(module.__file__)).relative_to(folder_of(top)).as_posix()}")
        # Functions and classes say themselves where they come from, whatever they were imported as.
        for value in vars(module).values():
            other = getattr(value, "__module__", None)
            if isinstance(other, str) and other.partition(".")[0] in packages and other not in seen:
                waiting.add(other)
        # Numbers do not, but a loop has them compiled in.
        waiting |= {
            other
            for other in _imported(Path(str(module.__file__)))
            if other.partition(".")[0] in packages
        } - seen
    return files


_NO_CODE = {
    f"mind_core.kernels.{name}"
    for name in ("library", "build", "compiler", "signatures", "private_files")
}
"""Modules beside the loops: neither they nor what they import changes any of them."""

_OF_CORE = ("mind_core.kernels.", "mind_core.text.")
"""What loops take from mind_core: others of its modules change often, and no loop."""


def _imported(path: Path) -> Iterator[str]:
    """Yield the modules that a file takes names from, whatever these are: numbers, too."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
