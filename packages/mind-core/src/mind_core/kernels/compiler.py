"""Machine code of loops by numba: an object file of one, or a function at its first call.

This is the only module that imports numba. How numba passes arguments, `_final_module` and
`llvm_func_name` are its own affair and change with its versions: constraints.txt pins it.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from glob import escape
from pathlib import Path
from typing import Any

from mind_core.errors import MindError
from mind_core.kernels.packed import INTRINSIC
from mind_core.kernels.private_files import is_private, user_cache
from mind_core.kernels.signatures import ArrayType
from mind_core.kernels.sources import CompilableLoop, sources_hash, sources_of
from mind_core.progress import log, may_paint

ALLOWED = {"malloc", "free", "memset", "memcpy", "memmove"}
"""All that a loop may ask of the machine that it runs on."""


def object_code(kernel: CompilableLoop, cpu: str) -> bytes:
    """Return the object file of one loop, with its symbol alone to be seen from outside."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    made = _overload(kernel, cpu)
    symbol = made.fndesc.llvm_func_name
    text = str(made.library._final_module)
    # LLVM writes a name in quotes if it holds more than letters, digits and a few signs; numba's
    # hold the types of the arguments.
    for written in (f"@{symbol}(", f'@"{symbol}"('):
        text = text.replace(written, f"@{kernel.symbol}(")
    module = llvm.parse_assembly(text)
    # Each object has its own copy of the loops that a loop calls: seen from outside, they would
    # clash when the objects are linked.
    for function in module.functions:
        if not function.is_declaration and function.name != kernel.symbol:
            function.linkage = "internal"
    for variable in module.global_variables:
        if not variable.is_declaration:
            variable.linkage = "internal"
    # No features of the machine that builds: the library is for every processor of its level.
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=cpu, features="", opt=3, reloc="pic", codemodel="small"
    )
    passes = llvm.create_new_module_pass_manager()
    # What was inlined everywhere goes, so that the names left over below are those that are needed.
    passes.add_global_dead_code_eliminate_pass()
    passes.run(
        module,
        llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1)),
    )
    # Names of llvm.* are instructions to LLVM, not symbols. Those that become calls of
    # the mathematics library after all are refused by the linker (`-z defs` in `build`).
    outside = {f.name for f in module.functions if f.is_declaration and f.name[:5] != "llvm."}
    outside |= {v.name for v in module.global_variables if v.is_declaration}
    # The two of NRT, numba's run time, are in support.c.
    if wrong := outside - ALLOWED - {"NRT_MemInfo_alloc_aligned", "NRT_MemInfo_call_dtor"}:
        raise MindError(
            f"the loop {kernel.name} needs {', '.join(sorted(wrong))} when it runs",
            hint="a loop raises no errors, copies no slices and calls no mathematics library",
        )
    code: bytes = machine.emit_object(module)
    return code


def _overload(kernel: CompilableLoop, cpu: str) -> Any:
    """Compile a loop for its signature; without arrays of its own if it makes none."""
    signature = tuple(_numba_types(kernel))
    wanted = _numba_return(kernel.signature.returns)
    errors = numba().core.errors
    # First without numba's run time, which counts references to arrays: most loops make none.
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
        # The room for an answer has 64 bits, so that an unsigned number comes out as its bits.
        if answer != wanted and not (str(answer) == "uint64" and kernel.signature.returns == "i8"):
            raise MindError(f"{kernel.name} returns {answer}, not {kernel.signature.returns}")
        return made
    raise AssertionError


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
        # A copy: in the module itself the loops stay what `kernel` made of them.
        names = dict(function.__globals__)
        for name in function.__code__.co_names:
            value = names.get(name)
            if hasattr(value, INTRINSIC):
                names[name] = _intrinsics()[name]
                continue
            if getattr(value, "__kernel__", False):
                inner: Any = getattr(value, "function", value)
                names[name] = dispatcher_of(inner, flags)
        copy = types.FunctionType(
            function.__code__, names, function.__name__, function.__defaults__, function.__closure__
        )
        copy.__module__, copy.__qualname__ = function.__module__, function.__qualname__
        # numpy's model of errors: a division by 0 gives inf or nan, as a loop of a library has no
        # way to raise. fastmath would add up in another order on each processor.
        options: dict[str, Any] = {"nogil": True, "fastmath": False, "error_model": "numpy"}
        if flags is None:
            options["cache"] = True
        else:
            # ctypes calls the loop itself; wrappers would ask for functions of Python.
            options |= {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
            if not flags[0]:
                options["_nrt"] = False
        made = numba().njit(**options)(copy)
        if flags is None:
            made._cache = _Kept(made._cache)
        _dispatchers[key] = made
    return _dispatchers[key]


def jit(kernel: CompilableLoop) -> Callable[..., Any]:
    """Return a loop that numba compiles at its first call.

    The code is kept in the user's own cache folder, under a hash of all sources that it is made of.
    """
    # numba reads the folder when a dispatcher is made, and not when it compiles later.
    with _kept_in(kernel):
        dispatcher: Callable[..., Any] = dispatcher_of(kernel.function, None)
    return dispatcher


class _Kept:
    """numba's cache of one loop, from and into folders that nobody else can write.

    Its index is a pickle, and its data machine code: whoever writes them decides what runs here.
    """

    def __init__(self, cache: Any) -> None:
        self._numba = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._numba, name)

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Return what is kept for a signature, None if nothing is, or others could write it."""
        file = self._numba._cache_file
        index = Path(file._index_path)
        # The index is NAME.nbi, the code of each signature NAME.NUMBER.nbc beside it.
        kept = index.parent.glob(f"{escape(index.name.removesuffix('.nbi'))}.*")
        if not (_is_private(self._numba.cache_path) and all(map(is_private, kept))):
            return None
        try:
            return self._numba.load_overload(signature, context)
        except Exception:
            file.flush()  # damaged, which raises anything: it is made again
            return None

    def save_overload(self, signature: Any, data: Any) -> None:
        """Keep what was compiled, unless others could change it."""
        if _is_private(self._numba.cache_path):
            self._numba.save_overload(signature, data)


@cache
def _is_private(folder: str) -> bool:
    return is_private(Path(folder))


@contextmanager
def _kept_in(kernel: CompilableLoop) -> Iterator[None]:
    config = numba().config
    before, config.CACHE_DIR = config.CACHE_DIR, str(_cache_folder(kernel))
    try:
        yield
    finally:
        config.CACHE_DIR = before


def _cache_folder(kernel: CompilableLoop) -> Path:
    sources = sources_hash(dict.fromkeys(sources_of([kernel])))
    # NUMBA_BOUNDSCHECK makes other code of the same sources.
    checks = "checked" if numba().config.BOUNDSCHECK else "plain"
    return user_cache() / "loops" / f"{kernel.package}-{checks}-{sources}"


@cache
def numba() -> Any:
    """Import numba without scipy, in which it looks for BLAS: a quarter of a second for nothing."""
    hidden = "scipy" not in sys.modules
    if hidden:
        # An import of a module that is None there fails at once, as if it were not installed.
        sys.modules["scipy"] = None  # type: ignore[assignment]
    try:
        found = importlib.import_module("numba")
        importlib.import_module("numba.np.arraymath")
        _tell_of_compiling()
    finally:
        if hidden:
            del sys.modules["scipy"]
    return found


def _tell_of_compiling() -> None:
    """Tell people once why a run begins with a wait."""
    event = importlib.import_module("numba.core.event")

    class Notice(event.Listener):  # type: ignore[misc, name-defined]
        given = False

        def on_start(self, event: object) -> None:  # noqa: ARG002
            if not self.given and may_paint():
                log(Path(sys.argv[0]).name, "compiling its loops, once on this machine: a minute")
            self.given = True

        def on_end(self, event: object) -> None:
            """Do nothing."""

    event.register("numba:compile", Notice())


@cache
def _intrinsics() -> dict[str, Any]:
    """Return the machine code of what `loads` names."""
    types = importlib.import_module("numba.core.types")

    def load_word(_: Any, data: Any, at: Any) -> Any:  # noqa: ARG001 - code is made for its type
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            place = builder.gep(array.data, [arguments[1]])
            word = context.get_value_type(types.int64).as_pointer()
            return builder.load(builder.bitcast(place, word), align=1)

        return types.int64(data, types.intp), code

    intrinsic = importlib.import_module("numba.extending").intrinsic
    return {function.__name__: intrinsic(function) for function in (load_word,)}


def _numba_types(kernel: CompilableLoop) -> Iterator[Any]:
    """Yield the types of arguments; a named tuple of arrays is known by its annotation."""
    code, names = kernel.function.__code__, kernel.function.__globals__
    parameters = code.co_varnames[: code.co_argcount]
    for name, argument in zip(parameters, kernel.signature.arguments, strict=True):
        # A loop may ask such a tuple for its fields by name, which numba knows by the class alone.
        found = _numba_type(argument)
        told = kernel.function.__annotations__.get(name)
        told = names.get(told) if isinstance(told, str) else told
        if isinstance(argument, tuple) and hasattr(told, "_fields"):
            found = numba().types.NamedTuple(list(found), told)
        yield found


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
