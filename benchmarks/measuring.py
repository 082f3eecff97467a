"""CPU seconds and peak memory of a command with all its children: what every benchmark reports."""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Cost(NamedTuple):
    """What one run of a command took."""

    cpu: float
    """User and system seconds of the process and of its children that it waited for."""

    wall: float
    peak: int
    """The largest resident size of the process itself, in bytes."""


def cost_of(
    command: Sequence[str], environment: Mapping[str, str] | None = None, **run: object
) -> Cost:
    """Run a command to its end and return its cost; raise if it fails."""
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        **run,  # type: ignore[call-overload]
    )
    peaks = [0]
    watcher = threading.Thread(target=_watch, args=(process, peaks), daemon=True)
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - started
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Cost(usage.ru_utime + usage.ru_stime, wall, max(peaks))


def median(costs: Sequence[Cost]) -> Cost:
    """Return the median of each figure."""
    columns = zip(*costs, strict=True)
    cpu, wall, peak = (statistics.median(column) for column in columns)
    return Cost(cpu, wall, int(peak))


def in_turn(
    commands: Mapping[str, Sequence[str]], repeat: int, **run: object
) -> dict[str, list[Cost]]:
    """Run several commands in turn, A B A B …, so that a drift of the machine meets all of them."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(repeat):
        for name, command in commands.items():
            costs[name].append(cost_of(command, **run))  # type: ignore[arg-type]
    return costs


def _watch(process: subprocess.Popen[bytes], peaks: list[int]) -> None:
    """Note the high-water mark while the process lives; ru_maxrss would begin with ours."""
    status = Path(f"/proc/{process.pid}/status")
    while process.returncode is None:
        try:
            for line in status.read_text().splitlines():
                if line.startswith("VmHWM"):
                    peaks[0] = max(peaks[0], int(line.split()[1]) * 1024)
        except OSError:
            return
        time.sleep(0.02)
