"""Tools that tests start as forks are processes like those that start by themselves."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fork_client import TRUE_STARTS, Starts

RECORD = b'{"id": "1", "text": "kept"}\n'
PLUGIN = """
import json, os, random, signal, sys
from mind_clean.hookspecs import hookimpl

facts = {
    "parent": os.getppid(), "group": os.getpgrp(), "session": os.getsid(0), "folder": os.getcwd(),
    "variable": os.environ.get("MIND_SAID"), "arguments": sys.argv[1:], "path": sys.path[0],
    "open": sorted(map(int, os.listdir("/proc/self/fd")))[:-1], "chance": random.random(),
    "buffered": not sys.stdout.line_buffering, "dedup": "mind_dedup" in sys.modules,
    "pipe": signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN,
    "blocked": bool(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
}
print(json.dumps(facts), file=sys.stderr)

def drop(record):
    if record["text"] == "fail":
        raise ValueError("as asked")
    if record["text"] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if record["text"] == "leave":
        os._exit(7)
    return None

@hookimpl
def register_filters():
    return {"facts": lambda: drop}
"""


@pytest.fixture(scope="module")
def starts() -> Starts:
    """Forks only, from a server of its own."""
    found = Starts()
    found.counts["light"] = TRUE_STARTS
    return found


@pytest.fixture
def both(starts: Starts, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command as it is and as a fork: (returncode, stdout, facts) of each."""
    true_start = Starts()
    true_start.fresh = True

    def run(command: list[str | Path], text: str = "", **options: Any) -> list[Any]:
        found = []
        for start, forks in ((true_start, 0), (starts, 1)):
            monkeypatch.setattr(subprocess, "_fork_exec", start)
            before = start.forks
            done = subprocess.run(
                command, input=json.dumps({"id": "1", "text": text}).encode() + b"\n",
                capture_output=True, check=False, **options,
            )  # fmt: skip
            assert start.forks == before + forks
            facts, *rest = done.stderr.splitlines()
            found.append((done.returncode, done.stdout, json.loads(facts), b"\n".join(rest)))
        return found

    return run


@pytest.fixture
def command(tmp_path: Path) -> list[str | Path]:
    """A run of `mind-clean` that tells about its process."""
    (tmp_path / "told.py").write_text(PLUGIN)
    return [sys.executable, "-m", "mind_clean", "-q", "--plugin", tmp_path / "told.py",
            "--step", "facts"]  # fmt: skip


def test_a_fork_has_all_that_a_process_of_its_own_has(
    both: Any, command: list[str | Path], tmp_path: Path
) -> None:
    environment = {**os.environ, "MIND_SAID": "是"}
    for options in ({}, {"cwd": tmp_path}, {"start_new_session": True}, {"process_group": 0}):
        true, fork = both(command, "kept", env=environment, **options)
        chances = true[2].pop("chance"), fork[2].pop("chance")
        if options:
            for name in ("group", "session"):
                assert (true[2].pop(name) == os.getpgrp()) == (fork[2].pop(name) == os.getpgrp())
        assert fork[2].pop("dedup") and not true[2].pop("dedup"), "it is a fork"
        assert true[2] == {name: fork[2][name] for name in true[2]}
        assert true[:2] == fork[:2] and true[0] == 0 and b"kept" in true[1]
        assert chances[0] != chances[1] and true[2]["parent"] == os.getpid()


@pytest.mark.parametrize(("text", "code"), [("fail", 1), ("kill", -signal.SIGKILL), ("leave", 7)])
def test_it_ends_as_a_process_of_its_own_does(
    both: Any, command: list[str | Path], text: str, code: int
) -> None:
    true, fork = both(command, text)
    assert true[0] == fork[0] == code
    assert true[1] == fork[1] and true[3] == fork[3]


def test_a_script_beside_the_interpreter_is_its_tool(both: Any, command: list[str | Path]) -> None:
    script = Path(sys.executable).parent / "mind-clean"
    true, fork = both([script, *command[3:]], "kept")
    assert (true[0], true[1]) == (fork[0], fork[1]) and true[0] == 0


def test_it_is_a_child_that_can_be_stopped_and_waited_for(
    starts: Starts, monkeypatch: pytest.MonkeyPatch, command: list[str | Path]
) -> None:
    monkeypatch.setattr(subprocess, "_fork_exec", starts)
    for number, code in ((signal.SIGTERM, 130), (signal.SIGINT, 130), (signal.SIGKILL, -9)):
        before = starts.forks
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert starts.forks == before + 1 and process.stderr
            assert process.stderr.readline() and process.poll() is None, "it waits for records"
            process.send_signal(number)
            assert process.wait(30) == code


def test_what_a_fork_could_not_be_starts_by_itself(
    starts: Starts, monkeypatch: pytest.MonkeyPatch, command: list[str | Path], tmp_path: Path
) -> None:
    monkeypatch.setattr(subprocess, "_fork_exec", starts)

    def forks(arguments: list[str | Path], **options: Any) -> int:
        before = starts.forks
        done = subprocess.run(arguments, capture_output=True, input=RECORD, check=False, **options)
        assert done.returncode == 0, done.stderr
        return starts.forks - before

    assert forks(command) == 1
    for name in ("OMP_NUM_THREADS", "PYTHONHASHSEED", "MIND_LOOPS", "HOME", "LC_ALL"):
        value = {"MIND_LOOPS": "shipped", "LC_ALL": "C.UTF-8"}.get(name, "7")
        assert not forks(command, env={**os.environ, name: value}), name
    assert not forks(command, preexec_fn=lambda: None)
    assert not forks(command, umask=0o77)
    assert not forks([sys.executable, "-c", "pass"])
    assert not forks([sys.executable, "-X", "utf8", "-m", "mind_clean", "--help"])
    with (tmp_path / "kept").open("w") as file:
        assert not forks(command, pass_fds=[file.fileno()])
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    monkeypatch.setattr(starts.servers["light"], "limits", [(0, 1), (soft, hard)])
    assert not forks(command)
