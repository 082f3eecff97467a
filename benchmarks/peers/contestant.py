"""A worker process that does one piece of work when asked, and says what it took.

Each contestant is a process of its own (peers in their own environments) that waits while the
others work, so all see the same machine.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from collections.abc import Sequence


class Failed(Exception):
    """The worker died, as where memory is too small for it."""


class Contestant:
    """A process that answers "ready" once and then each line with the JSON of what it took."""

    def __init__(
        self, name: str, command: Sequence[object], threads: int, spin: bool = False
    ) -> None:
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(threads),
            "MKL_NUM_THREADS": str(threads),
        }
        if not spin:  # so that waiting is no CPU time
            environment["OMP_WAIT_POLICY"] = "passive"
        self.name, self.command, self.threads = name, [str(part) for part in command], threads
        self.took: list[dict[str, float]] = []
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def wait(self) -> None:
        """Wait until the first piece of work is done."""
        assert self.process.stdout is not None
        if self.process.stdout.readline().strip() != "ready":
            raise Failed(f"{self.name} failed; to see why: {' '.join(self.command)}")

    def step(self) -> None:
        """Ask for a piece of work and note what it took."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"{self.name} died; to see why: {' '.join(self.command)}")
        self.took.append(json.loads(line))

    def median(self, key: str) -> float:
        """Give the median of a figure."""
        return statistics.median(took[key] for took in self.took)

    def best(self, key: str) -> float:
        """Give the smallest of a figure."""
        return min(took[key] for took in self.took)

    def cpu_rate(self, work: float) -> float:
        """Give work a second of CPU time over the threads: what free cores would give."""
        return self.threads * work / self.median("cpu")

    def memory(self) -> float:
        """Give the most memory that the process had, in MiB."""
        return max(took["memory"] for took in self.took) / 2**20

    def end(self) -> None:
        """Let the worker go."""
        self.process.kill()
        self.process.wait()


def in_turn(contestants: Sequence[Contestant], rounds: int) -> None:
    """Let all work once each, round after round, every second round backwards."""
    for one in contestants:
        one.wait()
    for turn in range(rounds):
        for one in contestants if turn % 2 else contestants[::-1]:
            one.step()
