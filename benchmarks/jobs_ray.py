"""Whether Ray and an array of shards make the bytes of one process: clean, dedup and tok as jobs.

`python benchmarks/jobs_ray.py FILE|FOLDER... [--nodes 2] [--cores 1] [--shards 3] [--kill]`; the
nodes are `ray start` on this machine, with a token of their own, ended by their process ids. With
--kill the last node is killed with -9 once the first task of clean is done. Of each job: its CPU
seconds as local processes, and those of the driver with Ray. 5 GB want an idle machine with 16 GB
of disk beside the inputs, and an hour or more on two cores.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from measuring import cost_of

PORT = 6399
VOCABULARY = "4000"
SLOW_START = {"RAY_raylet_start_wait_time_s": "300", "RAY_agent_register_timeout_ms": "300000"}
"""On a machine with other work the agents of a node need longer to start than Ray waits for them by
itself; then the node ends, and whoever connects to it waits in vain."""

AGENT_PORTS = ("dashboard-agent-grpc-port", "dashboard-agent-listen-port", "metrics-export-port",
               "runtime-env-agent-port")  # fmt: skip
"""Named, as for a port that an agent chooses a node waits 15 s, whatever is set, and then ends."""

NOT_COMPARED = ("done", "plan.json")
"""Hosts, seconds and attempts; paths and times of the inputs."""


def main() -> None:
    """Run all jobs in all ways; fail if bytes differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--cores", type=int, default=1, help="of each node")
    parser.add_argument("--shards", type=int, default=3)
    parser.add_argument("--task-size", default="4M")
    parser.add_argument("--kill", action="store_true")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the nodes are ended
    # The nodes and the driver of this run, and nobody else on the machine.
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), **SLOW_START}
    same = True
    with tempfile.TemporaryDirectory(prefix="j") as name:
        folder = Path(name)
        for tool, command in _commands(given.inputs, folder, given.task_size).items():
            one = cost_of([*command, "--into", str(folder / f"{tool}-1"), "-j", "1"])
            right = _tree(folder / f"{tool}-1")
            with _nodes(folder / f"r{tool[0]}", given.nodes, given.cores) as nodes:
                into = folder / f"{tool}-ray"
                if given.kill and tool == "clean":
                    threading.Thread(
                        target=_kill_at_first, args=(nodes[-1], into), daemon=True
                    ).start()
                ray = cost_of(
                    [*command, "--into", str(into), "--engine", "ray", "-j", "1",
                     "--address", f"127.0.0.1:{PORT}"]
                )  # fmt: skip
            into = folder / f"{tool}-shards"
            while not (into / "manifest.json").exists():  # once for each stage
                for shard in range(given.shards):
                    part = ["--shard", f"{shard}/{given.shards}"]
                    subprocess.run([*command, "--into", str(into), *part], check=True)
            found = {way: _tree(folder / f"{tool}-{way}") == right for way in ("ray", "shards")}
            same &= all(found.values())
            done = len(list((folder / f"{tool}-ray" / "done").iterdir()))
            print(
                f"{tool:<6} {done:4} tasks, {len(right):4} files: {one.cpu:7.1f} CPU s local; "
                f"driver with Ray {ray.cpu:5.1f} CPU s ({ray.cpu / one.cpu:.1%}), {ray.wall:.0f} s"
                f"; the same bytes: {found}",
                flush=True,
            )
    if not same:
        sys.exit(1)


def _commands(inputs: Sequence[str], folder: Path, size: str) -> dict[str, list[str]]:
    tokenizer = folder / "tokenizer"
    files = [str(p) for i in inputs for p in ([Path(i)] if Path(i).is_file() else
             sorted(Path(i).rglob("*.jsonl*")))]  # fmt: skip
    train = ["mind-tok", "train", files[0], "--vocab-size", VOCABULARY, "--limit", "2000", "-q"]
    subprocess.run([*train, "-o", str(tokenizer)], check=True)
    more = [*files, "--task-size", size, "-q"]
    return {
        "clean": ["mind-clean", *more],
        "dedup": ["mind-dedup", *more, "--allow", "--partitions", "4"],
        "tok": ["mind-tok", "encode", *more, "-t", str(tokenizer)],
    }


@contextmanager
def _nodes(folder: Path, count: int, cores: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run the nodes of a cluster; end them, and nothing else."""
    rest = ["--block", "--num-cpus", str(cores), "--object-store-memory", str(100 << 20)]
    head = ["--head", "--port", str(PORT), "--temp-dir",
            str(folder), "--include-dashboard=false", "--disable-usage-stats"]  # fmt: skip
    started = []
    try:
        for number in range(count):
            which = head if not number else ["--address", f"127.0.0.1:{PORT}"]
            first = PORT + 1 + len(AGENT_PORTS) * number
            ports = [f"--{name}={port}" for port, name in enumerate(AGENT_PORTS, first)]
            told = folder.parent / f"{folder.name}{number}.log"
            with told.open("wb") as log:
                started.append(
                    subprocess.Popen(
                        ["ray", "start", *which, *rest, *ports], stdout=log, stderr=log
                    )
                )
            _wait_for(started[-1], told)
        yield started
    finally:
        for node in reversed(started):
            _end(node)


def _wait_for(node: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a node says that it runs; raise if it ends before, or after five minutes."""
    for _ in range(300):
        time.sleep(1)
        said = log.read_text()
        if "Ray runtime started" in said:
            return
        if node.poll() is not None:
            break
    raise RuntimeError(f"no node of Ray came up: {said[-2000:]}")


def _end(node: subprocess.Popen[bytes]) -> None:
    """Kill a node with all its processes, whatever groups they made, and no others."""
    found = [node.pid]
    for pid in found:
        found += _children(pid)
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    node.wait()


def _children(pid: int) -> list[int]:
    children: list[int] = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                children.append(int(path.parent.name))
    return children


def _kill_at_first(node: subprocess.Popen[bytes], into: Path) -> None:
    while not list((into / "done").glob("*.json")):
        time.sleep(0.05)
    _end(node)


def _tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in NOT_COMPARED
    }


if __name__ == "__main__":
    main()
