"""Let tests start tools as forks of a process that has imported what they import.

Half of the suite's time went into imports: the same ones, thousands of times. What is started is a
process all the same, with its own arguments, folder, environment, streams, signals and exit code,
and a child of the test's process. A start that could differ is a true one: another interpreter,
variables that are read at start-up, limits, handles, functions that run before. So is each of a
test marked `fresh_process`, where memory or start-up is what is tested, and all with
`--fresh-processes`.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

SERVER = Path(__file__).with_name("fork_server.py")
LIGHT = ("mind_clean", "mind_dedup", "mind_tok")
HEAVY = ("mind_domain", "mind_sft_select", "mind_train", "mind_eval")
TRUE_STARTS = 2
"""So many are true starts first: a run of few tests does not wait for a server."""

READ_WHILE_RUNNING = ("PYTEST_", "MIND_", "COLUMNS", "MY_KEY")
READ_AT_START = ("MIND_LOOPS", "MIND_BUILD_SECONDS", "MIND_START_METHOD")
SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER of prctl(2)."""

_LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
_true_start: Callable[..., int] = subprocess._fork_exec  # type: ignore[attr-defined]


class Server:
    """A process with the imports of some tools, that forks."""

    def __init__(self, weight: str) -> None:
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.environment, self.limits = dict(os.environ), _limits()
        self.connection, self.lock = mine, threading.Lock()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, str(SERVER), str(theirs.fileno()), weight],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
        self.sound = mine.recv(100) == b"ready"
        atexit.register(self.close)

    def close(self) -> None:
        """End the process."""
        self.connection.close()
        self.process.wait()

    def suits(self, environment: Mapping[str, str]) -> bool:
        """Tell whether a child of this process is as one that starts by itself."""
        mine = self.environment
        changed = {
            name for name in mine.keys() | environment.keys()
            if mine.get(name) != environment.get(name)
        }  # fmt: skip
        return (
            self.sound
            and all(name.startswith(READ_WHILE_RUNNING) for name in changed)
            and not changed.intersection(READ_AT_START)
            and self.limits == _limits()
        )

    def start(self, request: dict[str, Any], handles: list[int]) -> int | None:
        """Start a child of this process's parent; None if the request is too long."""
        with self.lock:
            _prctl(SUBREAPER, 1)
            try:
                socket.send_fds(self.connection, [json.dumps(request).encode()], handles)
            except OSError:
                return None
            else:
                found = self.connection.recv(100)
                assert self.connection.recv(100) == b"ready", "the server of forks has ended"
                return int(found)
            finally:
                _prctl(SUBREAPER, 0)


class Starts:
    """Decide of each start of a process whether it can be a fork."""

    def __init__(self) -> None:
        self.fresh = False
        self.counts = {"light": 0, "heavy": 0}
        self.servers: dict[str, Server] = {}
        self.forks = 0

    def __call__(self, *given: Any) -> int:
        """Start a process as `subprocess._fork_exec` does, which this stands in for."""
        request = None if self.fresh else _request(*given)
        weight = "heavy" if request and request["arguments"][0] in HEAVY else "light"
        if request is None or self._early(weight):
            return _true_start(*given)
        if weight not in self.servers:
            self.servers[weight] = Server(weight)
        server = self.servers[weight]
        if not server.suits(request["environment"]):
            return _true_start(*given)
        pid = server.start(request, [max(0, given[6]), *_outputs(given)])
        if pid is None:
            return _true_start(*given)
        self.forks += 1
        return pid

    def _early(self, weight: str) -> bool:
        self.counts[weight] += 1
        return self.counts[weight] <= TRUE_STARTS

    def install(self) -> None:
        """Take the place of what `subprocess` calls, where the system can do all this."""
        measured = any(name.startswith("COVERAGE_PROCESS") for name in os.environ)
        if sys.platform == "linux" and not measured:
            subprocess._fork_exec = self  # type: ignore[attr-defined]


def _request(*given: Any) -> dict[str, Any] | None:
    """Describe a start for a server; None if it is no plain one of a tool."""
    (
        arguments, _, close, kept, folder, variables, _, _, _, _, _, _, _, errors, restored,
        session, group, gid, gids, uid, umask, before,
    ) = given[:22]  # fmt: skip
    plain = close and restored and before is None and umask == -1
    if not plain or kept != (errors,) or (gid, gids, uid) != (None, None, None):
        return None
    if signal.pthread_sigmask(signal.SIG_BLOCK, ()) or any(
        signal.getsignal(one) in (signal.SIG_IGN, None)
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    ):
        return None
    command = _command([os.fsdecode(one) for one in arguments])
    if command is None or (folder is not None and not Path(os.fsdecode(folder)).is_dir()):
        return None
    pairs = None if variables is None else [os.fsdecode(one).split("=", 1) for one in variables]
    return {
        "arguments": command,
        "folder": None if folder is None else os.fsdecode(folder),
        "environment": dict(os.environ) if pairs is None else {one[0]: one[1] for one in pairs},
        "session": bool(session),
        "group": group,
    }


def _command(arguments: list[str]) -> list[str] | None:
    """Return module and arguments of a command line that runs a tool."""
    program, *rest = arguments
    if program == sys.executable and rest[:1] == ["-m"]:
        rest = rest[1:]
    elif Path(program).parent == Path(sys.executable).parent:
        rest = [Path(program).name.replace("-", "_"), *rest]
    else:
        return None
    return rest if rest and rest[0] in LIGHT + HEAVY else None


def _outputs(given: tuple[Any, ...]) -> list[int]:
    return [given[9] if given[9] != -1 else 1, given[11] if given[11] != -1 else 2]


def _limits() -> list[tuple[int, int]]:
    return [resource.getrlimit(one) for one in _LIMITS]


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
