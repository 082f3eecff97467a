"""What `mind-clean` and the others are in a shell that a test starts: a fork that begins at once.

`fork_client.Scripts` writes a script for each tool, which runs this with the tool's module and the
folder of a server of forks. Only modules that start in no time are imported: a script takes 20 ms.
A tool that could not be such a fork is started by itself.
"""

from __future__ import annotations

import _signal
import _socket
import marshal
import os
import resource
import struct
import sys
from typing import Any, NoReturn

READ_WHILE_RUNNING = ("PYTEST_", "MIND_", "COLUMNS", "MY_KEY")
SET_BY_IMPORTS = ("TORCHINDUCTOR_CACHE_DIR", "KMP_", "HF_XET_")  # of torch, sklearn, lm-eval
READ_AT_START = ("MIND_LOOPS", "MIND_BUILD_SECONDS", "MIND_START_METHOD")
OF_THE_SHELL = ("PATH", "PWD", "OLDPWD", "SHLVL", "_")
PASSED_ON = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP)


def changed_at_start(mine: dict[str, str], theirs: dict[str, str]) -> set[str]:
    """Return the variables that differ and that a process reads when it starts."""
    changed = {name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)}
    return {
        name for name in changed
        if name in READ_AT_START or not name.startswith((*READ_WHILE_RUNNING, *SET_BY_IMPORTS))
    }  # fmt: skip


def limits() -> list[tuple[int, int]]:
    """Return this process's limits."""
    names = sorted(name for name in dir(resource) if name.startswith("RLIMIT_"))
    return [resource.getrlimit(getattr(resource, name)) for name in names]


def connect(folder: str) -> _socket.socket | None:
    """Connect to a server of forks; None if a fork of it would not be as a process of its own."""
    with open(os.path.join(folder, "began"), "rb") as file:  # noqa: PTH118, PTH123 - no pathlib
        environment, their_limits = marshal.loads(file.read())
    changed = changed_at_start(environment, dict(os.environ))
    ignored = [one for one in PASSED_ON if _signal.getsignal(one) in (_signal.SIG_IGN, None)]
    if not changed.issubset(OF_THE_SHELL) or ignored or limits() != their_limits:
        return None
    try:
        for handle in range(3):
            os.fstat(handle)
        connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        connection.connect(os.path.join(folder, "socket"))  # noqa: PTH118
    except OSError:
        return None
    return connection


def run(module: str, folder: str, arguments: list[str]) -> NoReturn:
    """Run a tool as a fork, and end as it ends."""
    connection = connect(folder)
    beside = os.path.dirname(sys.executable)  # noqa: PTH120
    request = {
        "arguments": [module, *arguments], "folder": os.getcwd(),  # noqa: PTH109
        "environment": dict(os.environ), "group": os.getpgrp(), "umask": os.umask(0o22),
        "path": beside,
    }  # fmt: skip
    os.umask(request["umask"])
    if connection is None or not _sent(connection, marshal.dumps(request)):
        _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
        script = os.path.join(beside, module.replace("_", "-"))  # noqa: PTH118
        os.execv(script, [script, *arguments])
    for number in PASSED_ON:
        _signal.signal(number, lambda received, _: connection.send(b"%d" % received))
    nothing = os.open(os.devnull, os.O_RDWR)
    for handle in range(3):  # a pipe is closed when the tool closes it
        os.dup2(nothing, handle)
    code = int(connection.recv(100) or b"1")
    if code < 0:
        if -code != _signal.SIGKILL:
            _signal.signal(-code, _signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _sent(connection: Any, data: bytes) -> bool:
    handles = struct.pack("3i", 0, 1, 2)
    try:
        connection.sendmsg([data], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, handles)])
    except OSError:  # too long
        return False
    return True
