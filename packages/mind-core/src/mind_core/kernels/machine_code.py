"""Loops as machine code that a later process links in without numba.

numba takes 0.7 CPU seconds until a kernel runs, even one that it compiled before. So it compiles
the loops of a library once a machine and they are kept as object files, which llvmlite alone, the
package below numba, makes callable in 0.04 seconds. They are kept beside the source, or in the
user's cache folder where that cannot be written; what was made for another processor, version or
source is made anew.

A loop takes numbers and arrays of one dimension that lie in one piece, makes no arrays, and returns
a whole number (see `compiling.loop`).
"""

from __future__ import annotations

import ctypes
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mind_core.errors import MindError
from mind_core.files import atomic_file
from mind_core.kernels.private_files import is_private, user_cache

_FORMAT = "mind-loops-1"
_BINARY = b"\0"
"""Begins a file, so that nobody takes it for text."""

_POINTER, _NUMBER = ctypes.c_void_p, ctypes.c_int64
_ARRAY = (_POINTER, _POINTER, _NUMBER, _NUMBER, _POINTER, _NUMBER, _NUMBER)
"""What numba passes for an array: owner, parent, items, item size, data, shape, stride."""

_SCALARS = {"i8": ctypes.c_int64, "f8": ctypes.c_double}


class Code(NamedTuple):
    """Hold the object file of one loop, and the name of the function in it."""

    symbol: str
    content: bytes


@dataclass
class Library:
    """Hold the loops of a package by name, each with the types of its arguments.

    A type is an array's ("u1[]", "u4[]", "i8[]", "f8[]" …) or a number's ("i8", "f8"). `sources`
    are the files that the machine code depends on; those of the package itself always count.
    """

    package: str
    loops: Mapping[str, str]
    """By "module.function" inside the package."""

    sources: tuple[str, ...] = ()
    _functions: dict[str, Callable[..., int]] = field(default_factory=dict)
    _engine: Any = None

    def function(self, name: str) -> Callable[..., int]:
        """Return a loop as a function; machine code is loaded, or made, when it is first called."""

        def call(*arguments: Any) -> int:
            if name not in self._functions:
                self._load()
            return self._functions[name](*arguments)

        return call

    def is_ready(self) -> bool:
        """Say whether the machine code is there, so that nothing has to be compiled."""
        return bool(self._functions) or (find_spec("llvmlite") is not None and bool(self._kept()))

    def _load(self) -> None:
        import llvmlite.binding as llvm

        codes = self._kept()
        if not codes:
            codes = self._compiled()
            self._keep(codes)
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_default_triple().create_target_machine()
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        for code in codes.values():
            self._engine.add_object_file(llvm.ObjectFileRef.from_data(code.content))
        self._engine.finalize_object()
        for name, code in codes.items():
            address = self._engine.get_function_address(code.symbol)
            self._functions[name] = _callable(name, self.loops[name].split(), address)

    def _compiled(self) -> dict[str, Code]:
        from mind_core.kernels.compiling import object_code

        return {
            name: object_code(f"{self.package}.{name}", types.split())
            for name, types in self.loops.items()
        }

    @cached_property
    def _stamp(self) -> str:
        """Return what machine code depends on: processor, versions, and the sources' ages."""
        files = [*sorted(self._folder.glob("*.py")), *map(Path, self.sources)]
        for name in ("numba", "llvmlite"):
            spec = find_spec(name)
            files += [Path(spec.origin)] if spec is not None and spec.origin else []
        seen = [(str(f), f.stat().st_mtime_ns, f.stat().st_size) for f in files]
        return repr((_FORMAT, self._processor, sorted(self.loops.items()), seen))

    @cached_property
    def _processor(self) -> tuple[str, str]:
        import llvmlite.binding as llvm

        return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()

    @cached_property
    def _folder(self) -> Path:
        spec = find_spec(self.package)
        assert spec is not None and spec.submodule_search_locations
        return Path(spec.submodule_search_locations[0])

    def _places(self) -> Iterator[Path]:
        """Yield where machine code may be kept, the best place first."""
        name = f"{self.package}.{zlib.crc32(repr(self._processor).encode()):08x}.code"
        if given := os.environ.get("NUMBA_CACHE_DIR"):
            yield Path(given) / name
        yield self._folder / "__pycache__" / name
        yield user_cache() / name

    def _kept(self) -> dict[str, Code]:
        """Return the machine code that is kept, nothing if it is missing, old or damaged."""
        for path in self._places():
            if not is_private(path):
                continue  # not there, or whoever can write it decides what runs here
            try:
                content = path.read_bytes()
            except OSError:
                continue
            if codes := _unpacked(content, self._stamp):
                return codes
        return {}

    def _keep(self, codes: Mapping[str, Code]) -> None:
        """Write the machine code to the first place that can be written, if any."""
        for path in self._places():
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                if not is_private(path.parent):
                    continue
                with atomic_file(path) as file:
                    os.fchmod(file.fileno(), 0o600)
                    file.write(_packed(codes, self._stamp))
            except (OSError, MindError):
                continue
            return


def _packed(codes: Mapping[str, Code], stamp: str) -> bytes:
    parts = [[name, code.symbol, len(code.content)] for name, code in codes.items()]
    body = b"".join(code.content for code in codes.values())
    head = {"stamp": stamp, "check": zlib.crc32(body), "parts": parts}
    return _BINARY + json.dumps(head).encode() + b"\n" + body


def _unpacked(content: bytes, stamp: str) -> dict[str, Code]:
    head, _, body = content.removeprefix(_BINARY).partition(b"\n")
    try:
        told = json.loads(head)
        if told["stamp"] != stamp or told["check"] != zlib.crc32(body):
            return {}
        codes, at = {}, 0
        for name, symbol, size in told["parts"]:
            codes[name] = Code(symbol, body[at : at + size])
            at += size
    except (ValueError, KeyError, TypeError):
        return {}
    return codes


def _callable(name: str, types: list[str], address: int) -> Callable[..., int]:
    """Return a function that checks and passes arguments in the way numba's own code does."""
    native: list[Any] = [_POINTER, _POINTER]
    for one in types:
        native += _ARRAY if one.endswith("[]") else [_SCALARS[one]]
    function = ctypes.CFUNCTYPE(ctypes.c_int32, *native)(address)
    wanted = [np.dtype(one[:-2]) if one.endswith("[]") else None for one in types]

    def call(*arguments: Any) -> int:
        result, error = ctypes.c_int64(), ctypes.c_void_p()
        passed: list[Any] = [ctypes.addressof(result), ctypes.addressof(error)]
        for dtype, value in zip(wanted, arguments, strict=True):
            if dtype is None:
                passed.append(value)
                continue
            if value.dtype != dtype or value.ndim != 1 or not value.flags.c_contiguous:
                raise TypeError(f"{name} takes {' '.join(types)}, not {value.dtype}{value.shape}")
            data = value.__array_interface__["data"][0]
            passed += (None, None, value.size, value.itemsize, data, value.size, value.itemsize)
        if function(*passed):
            raise RuntimeError(f"{name} failed: an error inside a loop")
        return result.value

    return call
