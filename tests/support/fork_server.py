"""Processes of tools that begin as forks of one that has imported what they import.

`python fork_server.py SOCKET LISTENER WEIGHT`: answers requests on the socket with the first number
until it is closed, and those of scripts (`fork_script.py`) that connect to the second. A child
leaves the loop and runs the tool at this module's end, so that signals, tracebacks and what they
make of the exit code are the interpreter's own.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import inspect
import io
import json
import marshal
import os
import pkgutil
import random
import runpy
import select
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

LIGHT = ("mind_core", "mind_clean", "mind_dedup", "mind_tok")
HEAVY = (*LIGHT, "mind_domain", "mind_sft_select", "mind_train", "mind_eval")
LEFT_OUT = ("__main__", "build", "conform")
"""Modules that a tool's own run hardly needs: compilers, and what others published."""

READ_AT_IMPORT = {
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # else pyarrow starts a thread
    "HF_DATASETS_OFFLINE": "1", "HF_EVALUATE_OFFLINE": "1", "TQDM_DISABLE": "1",
}  # fmt: skip
"""What mind-eval sets before it imports lm-eval, and what lets lm-eval be imported here."""

ASKED = ("fast_engine", "jinja_environment")
"""Modules that keep what a variable says, or what is not a table."""


def preload(packages: tuple[str, ...]) -> None:
    """Import every module of some packages; one whose library is missing is left out."""
    for package in packages:
        names = [package]
        while names:
            name = names.pop()
            try:
                module = importlib.import_module(name)
            except ImportError:
                continue
            for found in pkgutil.iter_modules(getattr(module, "__path__", ()), f"{name}."):
                if found.name.rpartition(".")[2] not in LEFT_OUT:
                    names.append(found.name)


def fill_tables() -> None:
    """Make what tools compute once a process and keep: functions without arguments, by package.

    Half of a small run is tables of characters. Left out is what depends on variables.
    """
    for name, module in list(sys.modules.items()):
        if not name.startswith(LIGHT[1:]) or name.rpartition(".")[2] in ("trafilatura", *ASKED):
            continue
        for value in list(vars(module).values()):
            kept = hasattr(value, "cache_info") and value.__module__ == name
            if kept and not inspect.signature(value).parameters:
                value()


def serve(connection: socket.socket, listener: socket.socket) -> dict[str, Any]:
    """Fork a child for each request; returns its request in the child only."""
    waiting = 0
    while True:
        while waiting and os.waitpid(-1, os.WNOHANG)[0]:
            waiting -= 1
        ready, _, _ = select.select([connection, listener], [], [])
        script = listener in ready
        asked = listener.accept()[0] if script else connection
        data, handles, _, _ = socket.recv_fds(asked, 1 << 20, 3)
        if not data and not script:
            os._exit(0)
        request = None
        if script and data:
            request = for_script(asked, marshal.loads(data), handles)
            waiting += 1
        elif data:
            request = for_test(asked, json.loads(data), handles)
        if request is not None:
            return request
        for handle in handles:
            os.close(handle)
        if script:
            asked.close()


def for_test(
    connection: socket.socket, request: dict[str, Any], handles: list[int]
) -> dict[str, Any] | None:
    """Make a child of the test process, and tell its id; the request in that child, else None."""
    between = os.fork()
    if between == 0:
        # The child of a child goes to the test process when this one has ended.
        child = os.fork()
        if child:
            connection.send(str(child).encode())
            os._exit(0)
        become(handles)
        return request
    os.waitpid(between, 0)
    connection.send(b"ready")  # only now is the test process the parent
    return None


def for_script(
    connection: socket.socket, request: dict[str, Any], handles: list[int]
) -> dict[str, Any] | None:
    """Make a child whose end a process between tells the script; passes signals on to it.

    Returns the request in that child, else None.
    """
    if os.fork():
        return None
    child = os.fork()
    if child == 0:
        connection.detach()
        become(handles)
        return request
    for handle in handles:
        os.close(handle)
    end = os.pidfd_open(child)
    while end not in (ready := select.select([end, connection], [], [])[0]):
        if connection in ready:
            number = connection.recv(100)  # nothing if the script was killed
            os.kill(child, int(number) if number else signal.SIGKILL)
            if not number:
                os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(OSError):
        connection.send(str(code).encode())
    os._exit(0)


def become(handles: list[int]) -> None:
    """Take stdin, stdout and stderr from a request, and give up all else that is open."""
    for target, handle in enumerate(handles):
        os.dup2(handle, target)
    os.closerange(3, max(int(path.name) for path in Path("/proc/self/fd").iterdir()) + 1)
    sys.stdin = sys.__stdin__ = _stream(0, sys.stdin)  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _stream(1, sys.stdout)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _stream(2, sys.stderr)  # type: ignore[misc]
    random.seed()


def _stream(number: int, like: Any) -> io.TextIOWrapper:
    """Open a standard stream anew as the interpreter did when this process began."""
    raw = io.FileIO(number, like.mode, closefd=False)
    whole = io.BufferedWriter if number else io.BufferedReader
    binary: Any = raw if isinstance(like.buffer, io.FileIO) else whole(raw)
    return io.TextIOWrapper(
        binary,
        encoding=like.encoding,
        errors=like.errors,
        newline="\n" if number else None,
        line_buffering=like.line_buffering or raw.isatty(),
        write_through=like.write_through,
    )


def enter(request: dict[str, Any]) -> str:
    """Take folder, environment, arguments and group from a request; return the module to run."""
    if request["folder"] is not None:
        os.chdir(request["folder"])
    if "umask" in request:
        os.umask(request["umask"])
    if request.get("session"):
        os.setsid()
    if request["group"] >= 0:
        with contextlib.suppress(PermissionError):  # a script in a session of its own
            os.setpgid(0, request["group"])
    os.environ.clear()
    os.environ.update(request["environment"])
    module, *arguments = request["arguments"]
    sys.argv = [module, *arguments]
    own = module.endswith(".py")
    sys.path[0] = request.get("path", str(Path(module).parent if own else Path.cwd()))
    return str(module)


def run(module: str) -> None:
    """Run a module or a file as the program; ends the process if there is nothing left to report.

    What is done at exit is done, but thousands of modules are not taken down one by one.
    """
    code = 0
    try:
        if module.endswith(".py"):
            runpy.run_path(module, run_name="__main__")
        else:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is not None and not isinstance(end.code, int):
            raise
        code = end.code or 0
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except OSError:
        sys.exit(code)  # the interpreter says so
    sys.stderr.flush()
    os._exit(code & 0xFF)


if __name__ == "__main__":
    os.environ.update(READ_AT_IMPORT)
    preload(HEAVY if sys.argv[3] == "heavy" else LIGHT)
    fill_tables()
    line, scripts = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
    threads = len(list(Path("/proc/self/task").iterdir()))
    line.send(b"ready" if threads == 1 else b"%d threads" % threads)
    signal.set_wakeup_fd(-1)
    gc.collect()
    gc.freeze()
    wanted = serve(line, scripts)
    line.detach()  # closed by `become`
    scripts.detach()
    run(enter(wanted))
