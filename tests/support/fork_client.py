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
import marshal
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fork_script import changed_at_start, limits

ROOT = Path(__file__).parents[2]
SERVER = Path(__file__).with_name("fork_server.py")
LIGHT = ("mind_clean", "mind_dedup", "mind_tok")
HEAVY = ("mind_domain", "mind_sft_select", "mind_train", "mind_eval")
TRUE_STARTS = 2
"""So many are true starts first: a run of few tests does not wait for a server."""

SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER of prctl(2)."""

_true_start: Callable[..., int] = subprocess._fork_exec  # type: ignore[attr-defined]


class Server:
    """A process with the imports of some tools, that forks."""

    def __init__(self, weight: str, environment: Mapping[str, str] | None = None) -> None:
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.environment, self.limits = dict(environment or os.environ), limits()
        self.connection, self.lock = mine, threading.Lock()
        self.folder = Path(tempfile.mkdtemp(prefix="mind-forks-"))
        scripts = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        scripts.bind(str(self.folder / "socket"))
        scripts.listen()
        with theirs, scripts:
            handles = [theirs.fileno(), scripts.fileno()]
            self.process = subprocess.Popen(
                [sys.executable, str(SERVER), *map(str, handles), weight], env=self.environment,
                pass_fds=handles, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
        self.sound = mine.recv(100) == b"ready"
        if self.sound:
            self._write_scripts(LIGHT if weight == "light" else LIGHT + HEAVY)
        atexit.register(self.close)

    def _write_scripts(self, modules: Sequence[str]) -> None:
        """Write what a shell finds in place of the tools that this process can be."""
        (self.folder / "began").write_bytes(marshal.dumps((self.environment, self.limits)))
        (self.folder / "bin").mkdir()
        for module in modules:
            script = self.folder / "bin" / module.replace("_", "-")
            script.write_text(
                f"#!{sys.executable} -IS\nimport sys\nsys.path.append({str(SERVER.parent)!r})\n"
                f"import fork_script\nfork_script.run({module!r}, {str(self.folder)!r}, "
                "sys.argv[1:])\n"
            )
            script.chmod(0o700)

    def close(self) -> None:
        """End the process."""
        self.connection.close()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def suits(self, environment: Mapping[str, str]) -> bool:
        """Tell whether a child of this process is as one that starts by itself."""
        changed = changed_at_start(self.environment, dict(environment))
        return self.sound and not changed and self.limits == limits()

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
        self.environment: dict[str, str] | None = None
        """The variables outside of all tests, if they are known."""
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
            self.servers[weight] = Server(weight, self.environment)
        server = self.servers[weight]
        if not server.suits(request["environment"]):
            return _true_start(*given)
        pid = server.start(request, [max(0, given[6]), *_outputs(given)])
        if pid is None:
            return _true_start(*given)
        self.forks += 1
        return pid

    def path(self, weight: str, environment: Mapping[str, str] | None = None) -> str:
        """Return a PATH on which tools are scripts that start forks; `weight` as of a server.

        `environment` is what they will find, if it is not this process's.
        """
        scripts = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        if self.fresh or subprocess._fork_exec is not self:  # type: ignore[attr-defined]
            return scripts
        key = weight if environment is None else f"{weight} {sorted(environment.items())}"
        if key not in self.servers:
            self.servers[key] = Server(weight, environment or self.environment)
        if not self.servers[key].sound:
            return scripts
        return f"{self.servers[key].folder / 'bin'}:{scripts}"

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
    """Return module, or path of a test's own program, and arguments; None if it is no such one."""
    program, *rest = arguments
    if program == sys.executable and rest[:1] == ["-m"]:
        rest = rest[1:]
    elif program == sys.executable and rest and _is_own_program(rest[0]):
        return rest
    elif Path(program).parent == Path(sys.executable).parent:
        rest = [Path(program).name.replace("-", "_"), *rest]
    else:
        return None
    return rest if rest and rest[0] in LIGHT + HEAVY else None


def _is_own_program(path: str) -> bool:
    return path.endswith(".py") and Path(path).is_absolute() and ROOT not in Path(path).parents


def _outputs(given: tuple[Any, ...]) -> list[int]:
    return [given[9] if given[9] != -1 else 1, given[11] if given[11] != -1 else 2]


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
