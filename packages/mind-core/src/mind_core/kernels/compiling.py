"""Compile a loop over arrays to machine code, once a machine.

numba is imported with this module (about 0.5 CPU seconds) and compiles a kernel at its first call;
the machine code is kept beside the source, or in the user's cache folder where that cannot be
written, so that the next process loads it in milliseconds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from glob import escape
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from mind_core.kernels.private_files import is_private, user_cache
from mind_core.progress import log, may_paint


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Make the import of a package that is not loaded yet fail for a while."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


# numba looks for BLAS in scipy, if that is installed, and takes a quarter of a second for it. No
# kernel multiplies matrices.
with _hidden("scipy"):
    import numba
    import numba.np.arraymath
    from numba.core import event
    from numba.core.dispatcher import Dispatcher


class _Notice(event.Listener):  # type: ignore[misc]
    """Tell people why the first run on a machine begins with a wait."""

    given = False

    def on_start(self, event: object) -> None:  # noqa: ARG002
        if not self.given and may_paint():
            log(Path(sys.argv[0]).name, "compiling its loops, once on this machine: half a minute")
        self.given = True

    def on_end(self, event: object) -> None:
        """Do nothing."""


event.register("numba:compile", _Notice())

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of numbers and numpy arrays; it is called as it was written.

    Integers wrap around and nothing checks bounds, as in C: a kernel is tested against plain
    Python. Floating-point sums keep their order, so that a result is the same on every machine.
    """
    with _kept_in_private(Path(function.__code__.co_filename).parent):
        compiled: Any = numba.njit(cache=True, nogil=True, fastmath=False, error_model="numpy")(
            function
        )
    _forget_when_others_change(compiled, function.__globals__)
    compiled._cache = _Kept(compiled._cache)
    return cast(Callable[P, R], compiled)


@contextmanager
def _kept_in_private(folder: Path) -> Iterator[None]:
    """Let numba keep its code in the user's cache folder if others can write the source's."""
    if numba.config.CACHE_DIR or _is_private(str(folder)):
        yield
        return
    numba.config.CACHE_DIR = str(user_cache() / "numba")
    try:
        yield
    finally:
        numba.config.CACHE_DIR = ""


class _Kept:
    """numba's cache of one kernel, from and into folders that nobody else can write.

    Its index is a pickle, and its data machine code: whoever writes them decides what runs here.
    """

    def __init__(self, cache: Any) -> None:
        self._numba = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._numba, name)

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Return what is kept for a signature, None if nothing is, or others could write it."""
        file = self._numba._cache_file
        private = _is_private(self._numba.cache_path) and all(
            is_private(path)
            for path in Path(file._index_path).parent.glob(f"{_stem(file._index_path)}.*")
        )
        if not private:
            return None
        try:
            return self._numba.load_overload(signature, context)
        except Exception:
            # Kept by a version whose types have other names, or damaged (which raises anything):
            # it is made again.
            file.flush()
            return None

    def save_overload(self, signature: Any, data: Any) -> None:
        """Keep what was compiled, unless others could change it."""
        if _is_private(self._numba.cache_path):
            self._numba.save_overload(signature, data)


@cache
def _is_private(folder: str) -> bool:
    return is_private(Path(folder))


def _stem(path: str) -> str:
    return escape(Path(path).name.removesuffix(".nbi"))


def _forget_when_others_change(compiled: Any, names: Mapping[str, Any]) -> None:
    """Let kept machine code be out of date when anything changed that it took in from other files.

    numba looks at the age of a kernel's own file only. Machine code holds the kernels that it
    calls, from wherever, and the numbers that its file imports, mostly from files beside it.
    """
    file = compiled._cache._cache_file
    others = {
        other.py_func.__code__.co_filename: cast(Any, other)._cache._cache_file._source_stamp
        for other in names.values()
        if isinstance(other, Dispatcher) and other.py_func.__globals__ is not names
    }
    beside = _stamp_of_folder(Path(compiled.py_func.__code__.co_filename).parent)
    file._source_stamp = (
        file._source_stamp,
        beside,
        *(stamp for _, stamp in sorted(others.items())),
    )


@cache
def _stamp_of_folder(folder: Path) -> tuple[float, int]:
    """Return the age of the newest source in a folder, and the size of all."""
    found = [file.stat() for file in folder.glob("*.py")]
    return max((file.st_mtime for file in found), default=0.0), sum(f.st_size for f in found)
