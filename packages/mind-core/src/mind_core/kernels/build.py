"""Compile loops with numba: all of a package into a shared library, or one at its first call.

`python -m mind_core.kernels.build PACKAGE` writes the library where the package looks for it. This
is the only module that imports numba. How numba passes arguments, `_final_module` and
`llvm_func_name` are its own affair and change with its versions: constraints.txt pins it, and every
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
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from mind_core.errors import MindError
from mind_core.files import atomic_file
from mind_core.kernels.library import (
    FORMAT,
    KERNELS,
    Kernel,
    folder_of,
    library_of,
    library_path,
    sources_hash,
)
from mind_core.kernels.private_files import user_cache
from mind_core.kernels.signatures import ArrayType

LEVELS = {
    "x86_64": "x86-64-v2",
    "AMD64": "x86-64-v2",
    "aarch64": "generic",
    "arm64": "apple-m1" if sys.platform == "darwin" else "generic",
}
"""The processor that a library is made for, by machine; x86-64-v2 is every one since about 2010."""

ALLOWED = {"malloc", "free", "memset", "memcpy", "memmove"}
"""All that a library may ask of the machine that it runs on."""

_SUPPORT = """
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#if defined(_WIN32)
#define API __declspec(dllexport)
#define HIDDEN
#else
#define API __attribute__((visibility("default")))
#define HIDDEN __attribute__((visibility("hidden")))
#endif
API const char *mind_about(void) { return ABOUT; }
API int mind_fits(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt")
        && __builtin_cpu_supports("ssse3") NEEDS;
#else
    return 1;
#endif
}
/* What numba's code asks of its run time where a loop makes an array: a block with its count. */
typedef struct { size_t refct; void *dtor, *dtor_info, *data; size_t size; void *alloc; } Block;
HIDDEN void *NRT_MemInfo_alloc_aligned(size_t size, unsigned align) {
    char *base = malloc(sizeof(Block) + size + 2 * align);
    if (!base) return NULL;
    Block *block = (Block *)base;
    uintptr_t at = (uintptr_t)(base + sizeof(Block));
    at += (align - at % align) % align;
    block->refct = 1; block->dtor = block->dtor_info = block->alloc = NULL;
    block->data = (void *)at; block->size = size;
    return block;
}
HIDDEN void NRT_MemInfo_call_dtor(void *block) { free(block); }
"""

_SECONDS, _ITEMS = 120, 1 << 10
"""How long all loops of a package may take on arrays of so many zeros."""

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
    than `ALLOWED`, or if a call of the new library fails.
    """
    cpu = cpu or level()
    target = output or library_path(package)
    entries, sources = find_kernels(package)
    about = {
        "format": FORMAT,
        "package": package,
        "cpu": cpu,
        "sources": sources,
        "hash": sources_hash(dict.fromkeys(sources)),
        "numba": numba().__version__,
        "loops": {kernel.name: kernel.signature.text for kernel in entries},
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        objects = [Path(folder, f"{number}.o") for number in range(len(entries))]
        for kernel, path in zip(entries, objects, strict=True):
            path.write_bytes(object_code(kernel, cpu))
        linked = Path(folder, target.name)
        _link(linked, objects, about, cpu)
        _try(package, linked)
        with atomic_file(target) as file:
            os.fchmod(file.fileno(), 0o755)
            file.write(linked.read_bytes())
    return target


def level() -> str:
    """Return the processor that libraries are made for on a machine like this one."""
    machine = platform.machine()
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
        if "import kernel" in path.read_text("utf-8"):
            importlib.import_module(_module_name(package, folder, path))
    kernels = [KERNELS[name] for name in sorted(KERNELS) if KERNELS[name].package == package]
    if not kernels:
        raise MindError(f"{package} has no loops that can be called")
    return kernels, sorted(_sources(kernels))


def _module_name(package: str, folder: Path, path: Path) -> str:
    parts = path.relative_to(folder).with_suffix("").parts
    return ".".join((package, *parts)).removesuffix(".__init__")


def _sources(kernels: Sequence[Kernel[..., Any]]) -> set[str]:
    """Return the files whose change could change the machine code of loops."""
    files: set[str] = set()
    seen: set[str] = set()
    waiting = {kernel.function.__module__ for kernel in kernels}
    packages = {kernel.package for kernel in kernels} | {"mind_core"}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        module = importlib.import_module(name)
        top = name.partition(".")[0]
        files.add(f"{top}/{Path(str(module.__file__)).relative_to(folder_of(top)).as_posix()}")
        for value in vars(module).values():
            other = getattr(value, "__module__", None)
            if isinstance(other, str) and other.partition(".")[0] in packages and other not in seen:
                waiting.add(other)
        waiting |= {
            other
            for other in _imported(Path(str(module.__file__)))
            if other.partition(".")[0] in packages
        } - seen
    return files - {f"mind_core/kernels/{name}.py" for name in _NO_CODE}


_NO_CODE = ("library", "build", "signatures", "registry", "private_files")
"""Modules beside the loops, which change none of them."""


def _imported(path: Path) -> Iterator[str]:
    """Yield the modules that a file takes names from, whatever these are: numbers, too."""
    import ast

    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def object_code(kernel: Kernel[..., Any], cpu: str) -> bytes:
    """Return the object file of one loop, with its symbol alone to be seen from outside."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    made = _overload(kernel, cpu)
    symbol = made.fndesc.llvm_func_name
    text = str(made.library._final_module)
    for written in (f"@{symbol}(", f'@"{symbol}"('):
        text = text.replace(written, f"@{kernel.symbol}(")
    module = llvm.parse_assembly(text)
    for function in module.functions:
        if not function.is_declaration and function.name != kernel.symbol:
            function.linkage = "internal"
    for variable in module.global_variables:
        if not variable.is_declaration:
            variable.linkage = "internal"
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=cpu, features="", opt=3, reloc="pic", codemodel="small"
    )
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(
        module,
        llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1)),
    )
    outside = {f.name for f in module.functions if f.is_declaration and f.name[:5] != "llvm."}
    outside |= {v.name for v in module.global_variables if v.is_declaration}
    if wrong := outside - ALLOWED - {"NRT_MemInfo_alloc_aligned", "NRT_MemInfo_call_dtor"}:
        raise MindError(
            f"the loop {kernel.name} needs {', '.join(sorted(wrong))} when it runs",
            hint="a loop raises no errors, copies no slices and calls no mathematics library",
        )
    code: bytes = machine.emit_object(module)
    return code


def _overload(kernel: Kernel[..., Any], cpu: str) -> Any:
    """Compile a loop for its signature; without arrays of its own if it makes none."""
    signature = tuple(_numba_type(argument) for argument in kernel.signature.arguments)
    wanted = _numba_return(kernel.signature.returns)
    errors = numba().core.errors
    for nrt in (False, True):
        dispatcher = dispatcher_of(kernel.function, _Flags(nrt, cpu))
        try:
            dispatcher.compile(signature)
        except (errors.NumbaError, TypeError, AssertionError) as error:
            if nrt:
                raise MindError(
                    f"the loop {kernel.name} cannot be compiled", cause=str(error)
                ) from None
            continue
        made = dispatcher.overloads[signature]
        answer = numba().types.unliteral(made.signature.return_type)
        if answer != wanted and not (str(answer) == "uint64" and kernel.signature.returns == "i8"):
            raise MindError(f"{kernel.name} returns {answer}, not {kernel.signature.returns}")
        return made
    raise AssertionError


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
    told = json.dumps(json.dumps(about, sort_keys=True, separators=(",", ":")))
    source = target.with_suffix(".c")
    source.write_text(_SUPPORT.replace("ABOUT", told).replace("NEEDS", _NEEDS.get(cpu, "")))
    flags = ["-shared", "-fPIC", "-O2"]
    if sys.platform.startswith("linux"):
        # Nothing but the C library may be missing: mathematics would come from another.
        flags += ["-s", "-Wl,--build-id=none", "-Wl,-z,noexecstack", "-Wl,-z,defs"]
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
    """Call every loop of a library once, on arrays of zeros, and say which one it is."""
    import numpy as np

    from mind_core.kernels import library

    library.library_path = lambda package: Path(path)  # noqa: ARG005

    kernels, _ = find_kernels(package)
    for kernel in kernels:
        values: list[Any] = []
        for wanted in kernel.signature.arguments:
            if isinstance(wanted, str):
                values.append(0)
                continue
            arrays = [
                np.zeros((_ITEMS,) if part.dimensions == 1 else (_ITEMS, 64), part.dtype)
                for part in (wanted if isinstance(wanted, tuple) else (wanted,))
            ]
            values.append(tuple(arrays) if isinstance(wanted, tuple) else arrays[0])
        sys.stderr.write(f"{kernel.name}\n")
        sys.stderr.flush()
        kernel(*values)


class _Flags(tuple[bool, str]):
    """Whether a loop may make arrays, and the processor; the key of what was compiled."""

    def __new__(cls, nrt: bool, cpu: str) -> _Flags:
        return super().__new__(cls, (nrt, cpu))


_dispatchers: dict[tuple[Callable[..., Any], _Flags | None], Any] = {}


def dispatcher_of(function: Callable[..., Any], flags: _Flags | None) -> Any:
    """Return numba's dispatcher of a loop, in which other loops are dispatchers, too.

    `flags` are those of a library; None compiles for this machine at the first call, and keeps it.
    """
    key = (function, flags)
    if key not in _dispatchers:
        names = dict(function.__globals__)
        for name in function.__code__.co_names:
            value = names.get(name)
            inner: Any = value.function if type(value) is Kernel else value
            if type(value) is Kernel or getattr(value, "__kernel__", False):
                names[name] = dispatcher_of(inner, flags)
        copy = types.FunctionType(
            function.__code__, names, function.__name__, function.__defaults__, function.__closure__
        )
        copy.__module__, copy.__qualname__ = function.__module__, function.__qualname__
        options: dict[str, Any] = {"nogil": True, "fastmath": False, "error_model": "numpy"}
        if flags is None:
            options["cache"] = True
        else:
            options |= {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
            if not flags[0]:
                options["_nrt"] = False
        _dispatchers[key] = numba().njit(**options)(copy)
    return _dispatchers[key]


def jit(kernel: Kernel[..., Any]) -> Callable[..., Any]:
    """Return a loop that numba compiles at its first call.

    The code is kept in the user's own cache folder, under a hash of all sources that it is made of.
    """
    with _kept_in(kernel.package):
        dispatcher: Callable[..., Any] = dispatcher_of(kernel.function, None)
    return dispatcher


@contextmanager
def _kept_in(package: str) -> Iterator[None]:
    config = numba().config
    before, config.CACHE_DIR = config.CACHE_DIR, str(_cache_folder(package))
    try:
        yield
    finally:
        config.CACHE_DIR = before


@cache
def _cache_folder(package: str) -> Path:
    kernels, sources = find_kernels(package)
    del kernels
    checks = "checked" if numba().config.BOUNDSCHECK else "plain"
    return user_cache() / "loops" / f"{package}-{checks}-{sources_hash(dict.fromkeys(sources))}"


@cache
def numba() -> Any:
    """Import numba without scipy, in which it looks for BLAS: a quarter of a second for nothing."""
    hidden = "scipy" not in sys.modules
    if hidden:
        sys.modules["scipy"] = None  # type: ignore[assignment]
    try:
        found = importlib.import_module("numba")
        importlib.import_module("numba.np.arraymath")
    finally:
        if hidden:
            del sys.modules["scipy"]
    return found


def _numba_type(argument: Any) -> Any:
    import numpy as np

    if isinstance(argument, str):
        return numba().from_dtype(np.dtype(argument)) if argument != "b1" else numba().types.boolean
    if isinstance(argument, ArrayType):
        values = numba().from_dtype(argument.dtype)
        return numba().types.Array(values, argument.dimensions, "C")
    return numba().types.Tuple([_numba_type(part) for part in argument])


def _numba_return(text: str) -> Any:
    known = numba().types
    return {
        "void": known.none,
        "i8": known.int64,
        "b1": known.boolean,
        "(i8, i8)": known.UniTuple(known.int64, 2),
    }[text]


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
            os.environ["MIND_LOOPS"] = ""
            if given.if_changed and not isinstance(library_of(package), str):
                continue
            os.environ["MIND_LOOPS"] = "jit"
            sys.stdout.write(f"{build(package, given.cpu, given.output)}\n")
    except MindError as error:
        sys.stderr.write("\n".join(error.lines("build")) + "\n")
        sys.exit(error.code)


if __name__ == "__main__":
    main()
