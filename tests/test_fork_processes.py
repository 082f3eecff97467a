"""Tools that tests start as forks are processes like those that start by themselves."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
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


def test_what_a_test_sets_is_there_while_it_runs() -> None:
    """The next one, in the same file and so in the same process, does not find it."""
    os.environ["OMP_WAIT_POLICY_OF_A_TEST"] = "PASSIVE"
    os.environ["HOME_BEFORE"], os.environ["HOME"] = os.environ.get("HOME", ""), "/nowhere"


def test_what_a_test_sets_is_taken_back() -> None:
    """A tool that ran in this process sets variables: with them no later one could be a fork."""
    assert os.environ.keys().isdisjoint({"OMP_WAIT_POLICY_OF_A_TEST", "HOME_BEFORE"})
    assert os.environ.get("HOME") != "/nowhere"


def test_what_libraries_set_when_they_are_imported_stops_no_fork(
    both: Any, command: list[str | Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KMP_INIT_AT_FORK", "FALSE")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/tmp/torchinductor")
    assert both(command, "kept")[1][0] == 0


def test_a_server_with_all_libraries_has_one_thread(tool_path: Callable[[str], str]) -> None:
    """Else it is not used, and each run of mind-eval imports lm-eval."""
    assert "mind-forks-" in tool_path("heavy").split(":")[0]


def test_a_program_of_a_test_is_one(both: Any, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import json, mind_core.records, os, sys\n"
        "facts = {'path': sys.path[0], 'name': __name__, 'arguments': sys.argv, 'file': __file__}\n"
        "facts |= {'dedup': 'mind_dedup' in sys.modules, 'folder': os.getcwd()}\n"
        "print(json.dumps(facts), file=sys.stderr)\n"
        "raise KeyError(input())\n"
    )
    true, fork = both([sys.executable, tmp_path / "own.py", "a", "b c"], cwd="/")
    assert fork[2].pop("dedup") and not true[2].pop("dedup"), "it is a fork"
    assert true[:3] == fork[:3] and true[0] == 1
    assert true[3].splitlines()[-1] == fork[3].splitlines()[-1] and b"KeyError" in fork[3]


def shell(starts: Starts, command: str, folder: Path, **more: Any) -> list[Any]:
    """Run a command line with scripts and with forks: (returncode, stdout, stderr) of each."""
    scripts = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    found = []
    for path in (scripts, starts.path("light")):
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": path}, **more,
        )  # fmt: skip
        found.append((done.returncode, done.stdout, done.stderr))
    return found


@pytest.fixture
def in_shell(starts: Starts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run a command line in both ways; in the folder lies a plugin that tells of its process."""
    monkeypatch.setattr(subprocess, "_fork_exec", starts)
    (tmp_path / "told.py").write_text(PLUGIN)
    return lambda command, **more: shell(starts, command, tmp_path, **more)


def test_a_shell_finds_tools_that_are_forks(in_shell: Any) -> None:
    command = (
        "umask 027; cd /; MIND_SAID=是 mind-clean -q --plugin $OLDPWD/told.py --step facts -z 0"
        ' <<< \'{"id": "1", "text": "kept"}\'; umask'
    )
    true, fork = in_shell(command.replace("cd /", "OLDPWD=$PWD; cd /"), start_new_session=True)
    assert true[:2] == fork[:2] and true[0] == 0 and '"kept"' in true[1]
    theirs, ours = json.loads(true[2]), json.loads(fork[2])
    assert ours["dedup"] and not theirs["dedup"], "it is a fork"
    for name in ("folder", "variable", "path", "open", "buffered", "pipe", "blocked"):
        assert theirs[name] == ours[name], name
    assert theirs["folder"] == "/" and theirs["variable"] == "是"


def test_a_chain_of_forks_ends_as_one_of_processes(in_shell: Any) -> None:
    """One fails, one is killed, one leaves, and one reads no more."""
    tell = "mind-clean -q --plugin told.py --step facts"
    codes = '; echo "${PIPESTATUS[@]}"'
    record = 'echo \'{"id": "1", "text": "%s"}\''
    for text, code in (("fail", "1"), ("kill", "137"), ("leave", "7")):
        true, fork = in_shell(f"{record % text} | {tell} 2>/dev/null | cat > out{codes}")
        assert true == fork and fork[1] == f"0 {code} 0\n"
    many = 'for i in $(seq 30000); do echo "{\\"id\\": $i, \\"text\\": \\"$i\\"}"; done'
    true, fork = in_shell(f"{many} | mind-clean -z 0 --step unicode 2>/dev/null | head -n 1{codes}")
    assert true == fork and fork[1].splitlines()[0] == '{"id": 1, "text": "1"}'


def test_a_fork_of_a_shell_can_be_stopped(in_shell: Any) -> None:
    """A signal reaches it, and it ends with what stands for it; then nobody reads its input."""
    for number, code in ((9, 137), (15, 130)):
        true, fork = in_shell(
            "set -m; trap '' PIPE; rm -f in said; mkfifo in;"
            " mind-clean -q --plugin told.py --step facts < in > out 2> said & exec 3> in;"
            " until [ -s said ]; do sleep 0.01; done;"
            f" kill -{number} $!; wait $! 2> /dev/null; echo $?;"
            " while echo >&3; do sleep 0.01; done 2> /dev/null; grep -o '.dedup.: [a-z]*' said"
        )
        assert true[1] == f'{code}\n"dedup": false\n'
        assert fork[1] == f'{code}\n"dedup": true\n'


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
