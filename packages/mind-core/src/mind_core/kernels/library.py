"""Loops over arrays as machine code: which ones there are, and the library that was built of them.

A loop is a Python function of numbers and numpy arrays that `kernel` marks. Those with a signature
can be called; those without are called from other loops only. When a package is built, all loops
that can be called are compiled into one shared library beside its modules (`kernels.build`), and
when it runs they are taken from there: nothing is compiled, and numba need not be installed.

Without a library, or with one that was built from other sources, numba compiles the loops, if it is
installed (the extra `jit`). `MIND_LOOPS=shipped` or `jit` allows one of the two only; `plain`
runs the loops as the Python that they are written in, which is for tests.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, update_wrapper
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar, cast, overload

from mind_core.errors import MindError, UsageError
from mind_core.kernels import PACKAGES
from mind_core.kernels.signatures import ArrayType, LoopSignature, check_array, parse_signature
from mind_core.kernels.sources import folder_of, sources_hash

P = ParamSpec("P")
R = TypeVar("R")

CHOICES = ("shipped", "jit", "plain")
VARIABLE = "MIND_LOOPS"
FOLDER, SUFFIX = "native", {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")
WHY_NOT = "why-not.txt"
"""Stands where a library would, in a wheel that was built without one."""

# Of `mind_about` and of how arguments are passed; a library of another number is not called.
FORMAT = 1

_POINTER, _NUMBER = ctypes.c_void_p, ctypes.c_int64
# A bool goes as a byte. ctypes turns Python's numbers into these; arrays are passed in parts.
_NATIVE = {"i8": ctypes.c_int64, "f8": ctypes.c_double, "u1": ctypes.c_uint8, "b1": ctypes.c_uint8}
# What a loop answers is written here: at most two numbers of 64 bits.
_Room = ctypes.c_int64 * 2


Example = Callable[[], tuple[Any, ...]]

KERNELS: dict[str, Kernel[..., Any]] = {}
"""The loops that can be called, of all modules that were imported, by package and name."""


class Kernel(Generic[P, R]):
    """A loop that can be called; where its machine code comes from is settled at the first call."""

    __kernel__ = True

    def __init__(
        self, function: Callable[P, R], signature: LoopSignature, example: Example | None = None
    ) -> None:
        # The name and module of the loop, by which help and pickle find it.
        update_wrapper(self, function)
        self.function, self.signature, self.example = function, signature, example
        self._code: Callable[..., Any] | None = None
        # Known from the import of its module on: `kernels.build` finds here what to compile.
        KERNELS[f"{self.package}.{self.name}"] = self
        # `kernels.loops_of` asks there, so that a summary need not import this module.
        PACKAGES[self.package] = origin

    @property
    def package(self) -> str:
        """Return the package whose library holds the loop."""
        return self.function.__module__.partition(".")[0]

    @property
    def name(self) -> str:
        """Return the name of the loop with its module, without the package."""
        return f"{self.function.__module__}.{self.function.__name__}".partition(".")[2]

    @property
    def symbol(self) -> str:
        """Return the name that the loop has in the library."""
        return "mind_" + self.name.replace(".", "_")

    def __call__(self, *arguments: P.args, **named: P.kwargs) -> R:
        """Run the loop; raise `TypeError` for arguments that it was not compiled for."""
        assert not named, "a loop takes its arguments by place"
        code = self._code or self.prepare()
        return cast(R, code(*arguments))

    def prepare(self) -> Callable[..., Any]:
        """Load the machine code, or compile it, and return what calls it."""
        found = library_of(self.package)
        if isinstance(found, CompiledLibrary):
            # Kept, so that the question of where from is asked once a loop.
            self._code = found.function(self)
        else:
            self._code = _compiled(self, found)
        return self._code

    def __reduce__(self) -> str:
        # By its name: another process has its own code.
        # pickle takes a string for the name of a global of the object's module.
        return self.function.__qualname__


@overload
def kernel(marked: Callable[P, R]) -> Callable[P, R]:
    """Mark a loop that other loops call."""


@overload
def kernel(
    marked: str, *, example: Example | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Mark a loop that can be called, by its signature."""


def kernel(marked: Any, *, example: Example | None = None) -> Any:
    """Mark a loop: `@kernel` for one that loops call, `@kernel("i8(u1[])")` for one to be called.

    A new library calls it once, with what `example` returns; by default with zeros, 1,024 values or
    rows of 128 in each array. For a named tuple of arrays the argument is annotated with its class.
    Integers wrap around and nothing checks bounds, as in C. Floating-point sums keep their order,
    so that a result is the same on every machine.
    """
    if isinstance(marked, str):
        signature = parse_signature(marked)
        return lambda function: Kernel(function, signature, example)
    marked.__kernel__ = True
    return marked


@dataclass
class CompiledLibrary:
    """The library that was built of one package's loops, open."""

    path: Path
    about: Mapping[str, Any]
    _library: Any = field(repr=False)

    def function(self, kernel: Kernel[..., Any]) -> Callable[..., Any]:
        """Return what checks and passes arguments to a loop; no more than a microsecond each."""
        try:
            native = getattr(self._library, kernel.symbol)
        except AttributeError:
            raise MindError(
                f"{self.path} has no loop {kernel.name}", hint="build it again: bin/setup"
            ) from None
        return _caller(kernel, native)


def library_of(package: str) -> CompiledLibrary | str:
    """Return the library of a package, or why there is none that can be used.

    Raises `MindError` for that if `MIND_LOOPS` allows nothing else.
    """
    choice = os.environ.get(VARIABLE, "")
    if choice not in ("", *CHOICES):
        raise UsageError(f"{VARIABLE}={choice} is none of {', '.join(CHOICES)}")
    # Why there is no library; `_compiled` tells the two apart by this very text.
    if choice in ("jit", "plain"):
        return f"{VARIABLE}={choice}"
    found = _opened(package)
    if choice == "shipped" and isinstance(found, str):
        raise MindError(
            f"{package} has no compiled loops: {found}",
            hint=f"install a wheel, or build them: python -m mind_core.kernels.build {package}",
        )
    return found


def origin(package: str) -> str:
    """Return where the loops of a package come from: "shipped" or "jit"."""
    return "shipped" if isinstance(library_of(package), CompiledLibrary) else "jit"


def library_path(package: str) -> Path:
    """Return where the library of a package lies, or would."""
    return folder_of(package) / FOLDER / f"loops{SUFFIX}"


@cache
def _opened(package: str) -> CompiledLibrary | str:
    path = library_path(package)
    if not path.exists():
        # A wheel without loops says what was missing when it was built.
        told = path.with_name(WHY_NOT)
        return told.read_text("utf-8").strip() if told.exists() else f"there is no {path}"
    try:
        library = ctypes.CDLL(str(path))
        # ctypes takes an answer for an int, in which a pointer does not fit.
        library.mind_about.restype = ctypes.c_char_p
        about, fits = json.loads(library.mind_about()), library.mind_fits
    # A library of another system, one that was made of something else, or one that is cut.
    except (OSError, AttributeError, ValueError) as error:
        return f"{path} cannot be loaded ({error})"
    # In this order: the entries below are those of this format, and a loop with instructions that
    # the processor lacks ends the process when it is called.
    if about.get("format") != FORMAT:
        return f"{path} is of format {about.get('format')}"
    if not fits():
        return f"{path} wants a processor with {about['cpu']}"
    # A checkout goes on after its library was built; what runs must be what is read.
    if sources_hash(dict.fromkeys(about["sources"])) != about["hash"]:
        return f"{path} was built from other sources"
    return CompiledLibrary(path, about, library)


def _compiled(kernel: Kernel[..., Any], why: str) -> Callable[..., Any]:
    """Compile a loop with numba, or say what to do about it that there is none."""
    if why == f"{VARIABLE}=plain":
        return _plain(kernel)
    if find_spec("numba") is None:
        raise MindError(
            f"{kernel.package} has no compiled loops, and numba is not installed to compile them",
            cause=why,
            hint=f"pip install '{kernel.package.replace('_', '-')}[jit]', or take another wheel",
        )
    from mind_core.kernels.compiler import jit

    # Without the check numba would compile anew for arguments of any other type, in silence.
    dispatcher = jit(kernel)

    def call(*arguments: Any) -> Any:
        kernel.signature.check(kernel.name, arguments)
        return dispatcher(*arguments)

    return call


def _plain(kernel: Kernel[..., Any]) -> Callable[..., Any]:
    """Return the loop as it is written, with numbers that wrap around as those of a loop do."""
    import numpy as np

    def call(*arguments: Any) -> Any:
        kernel.signature.check(kernel.name, arguments)
        # numpy warns where its whole numbers wrap around, and in a loop they are meant to.
        with np.errstate(all="ignore"):
            answer = kernel.function(*arguments)
        # Python's own numbers, as from a library: a loop returns what it read from an array.
        return tuple(map(int, answer)) if isinstance(answer, tuple) else kind(answer)

    kinds: dict[Any, Callable[[Any], Any]] = {"i8": int, "b1": bool}
    kind = kinds.get(kernel.signature.returns, lambda answer: answer)
    return call


def _caller(kernel: Kernel[..., Any], native: Any) -> Callable[..., Any]:
    """Return a function that passes arguments in the way numba's own code does."""
    signature, name = kernel.signature, kernel.name
    # numba's own convention: pointers to room for the answer and for what is raised come first, the
    # arguments follow, and what the C function returns is a status, 0 if all went well.
    types: list[Any] = [_POINTER, _POINTER]
    for wanted in signature.arguments:
        if isinstance(wanted, str):
            types.append(_NATIVE[wanted])
        for array in wanted if isinstance(wanted, tuple) else (wanted,):
            if isinstance(array, ArrayType):
                # Owner, parent, items, item size, data; shape and strides.
                types += [_POINTER, _POINTER, _NUMBER, _NUMBER, _POINTER]
                types += [_NUMBER] * (2 * array.dimensions)
    native.restype, native.argtypes = ctypes.c_int32, types
    answer, arguments = signature.returns, signature.arguments

    def call(*values: Any) -> Any:
        # New for each call, as threads may be in the same loop at once.
        room, error = _Room(), _POINTER()
        passed: list[Any] = [room, ctypes.addressof(error)]
        for wanted, value in zip(arguments, values, strict=True):
            if isinstance(wanted, str):
                passed.append(value)
            elif isinstance(wanted, ArrayType):
                _pass_array(wanted, value, name, passed)
            else:
                for part, array in zip(wanted, value, strict=True):
                    _pass_array(part, array, name, passed)
        # A loop has no way to say what went wrong: it can be memory for an array of its own.
        if native(*passed):
            raise RuntimeError(f"{name} failed: an error inside a loop")
        if answer == "i8":
            return room[0]
        if answer == "void":
            return None
        return bool(room[0] & 1) if answer == "b1" else (room[0], room[1])

    return call


def _pass_array(wanted: ArrayType, value: Any, name: str, passed: list[Any]) -> None:
    check_array(wanted, value, name)
    address = value.__array_interface__["data"][0]
    # No owner to count references for: the caller holds the array until the loop returns.
    passed += (None, None, value.size, value.itemsize, address, *value.shape, *value.strides)
