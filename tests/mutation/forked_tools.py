"""A pytest plugin: `run_tool` forks the test's process instead of starting a new one.

That saves the start of Python and the imports, most of what a small run costs: what one run imports
is imported here before the next one. A tool started so has other modules loaded than its users'
has; a test that looks at that fails on the right program too, which is found out at the end.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn


def pytest_configure() -> None:
    """Put the fork in place before test modules import the original."""
    from mind_core import testing

    testing.run_tool = _run_tool


def _run_tool(
    tool: str,
    arguments: Sequence[str | Path] = (),
    stdin: bytes | Iterable[Any] = b"",
    *,
    folder: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
    seconds: float = 120.0,
) -> Any:
    from mind_core.records import encode
    from mind_core.testing import ToolResult

    data = stdin if isinstance(stdin, bytes) else b"".join(encode(record) for record in stdin)
    name = tool.replace("-", "_")
    importlib.import_module(f"{name}.cli")
    pipes = [os.pipe() for _ in range(4)]
    process = os.fork()
    if not process:
        os.setsid()
        ends = [pipes[0][0], pipes[1][1], pipes[2][1], pipes[3][1]]
        _be(name, arguments, ends, folder, environment or {})
    for end in (pipes[0][0], pipes[1][1], pipes[2][1], pipes[3][1]):
        os.close(end)
    found: dict[int, bytes] = {}
    threads = [threading.Thread(target=_write, args=(pipes[0][1], data))]
    threads += [threading.Thread(target=_read, args=(pipes[n][0], n, found)) for n in (1, 2, 3)]
    watch = threading.Timer(seconds, os.killpg, (process, signal.SIGKILL))
    for thread in (*threads, watch):
        thread.daemon = True
        thread.start()
    _, status = os.waitpid(process, 0)
    watch.cancel()
    for thread in threads:
        thread.join()
    for imported in found[3].decode().split():
        with suppress(Exception):
            importlib.import_module(imported)
    code = os.waitstatus_to_exitcode(status)
    return ToolResult(code, found[1], found[2].decode("utf-8", "replace"))


def _write(end: int, data: bytes) -> None:
    with suppress(BrokenPipeError), os.fdopen(end, "wb") as file:
        file.write(data)


def _read(end: int, number: int, found: dict[int, bytes]) -> None:
    with os.fdopen(end, "rb") as file:
        found[number] = file.read()


def _be(
    name: str,
    arguments: Sequence[str | Path],
    ends: Sequence[int],
    folder: str | Path | None,
    environment: Mapping[str, str],
) -> NoReturn:
    """Be the tool."""
    code, known = 70, set(sys.modules)
    told = os.dup(ends[3])
    try:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(told, 200)
        for number, end in enumerate(ends[:3]):
            os.dup2(end, number)
        os.closerange(3, 200)
        os.closerange(201, 256)
        os.set_inheritable(200, False)
        sys.stdin = sys.__stdin__ = os.fdopen(0, "r", encoding="utf-8")
        sys.stdout = sys.__stdout__ = os.fdopen(1, "w", encoding="utf-8")
        sys.stderr = sys.__stderr__ = os.fdopen(2, "w", encoding="utf-8", buffering=1)
        if folder is not None:
            os.chdir(folder)
        os.environ.update(environment)
        main = sys.modules[f"{name}.cli"]
        sys.argv = [str(Path(str(main.__file__)).with_name("__main__.py")), *map(str, arguments)]
        main.main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os.write(200, " ".join(sys.modules.keys() - known).encode())
        os._exit(code)
