"""How far a job is: what is done, running, failed and left, how fast, and for how long."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from mind_core.errors import MindError
from mind_core.files import read_json
from mind_core.progress import duration
from mind_core.tasks.folder import TaskFolder
from mind_core.tasks.plan import TaskPlan, read_plan
from mind_core.untrusted import as_written

_RECENT = 600.0
"""Seconds before the newest done file over which the rate is taken."""

_SHOWN = 20


@dataclass(frozen=True)
class RunningTask:
    """An attempt that was begun and has not ended."""

    task: str
    host: str
    pid: int
    state: str
    """running, or lost: its process is gone."""
    written_ago: float
    """Seconds since it wrote last, by the clock of the job's disk."""


@dataclass(frozen=True)
class JobStatus:
    """How far a job is."""

    job: str
    tool: str
    complete: bool
    stages: dict[str, tuple[int, int]]
    """Of each stage: tasks done, and all of them."""
    done: int
    left: int
    failed: list[dict[str, Any]] = field(default_factory=list)
    running: list[RunningTask] = field(default_factory=list)
    bytes_per_second: float | None = None
    seconds_left: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the status as JSON values."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return the status for people."""
        running = sum(one.state == "running" for one in self.running)
        counts = f"{self.done:,} done, {running:,} running, {len(self.failed):,} failed, "
        lines = [f"job {self.job[:12]} of {self.tool}: " + (
            "complete" if self.complete else f"{counts}{self.left:,} left")]  # fmt: skip
        if self.bytes_per_second and self.seconds_left is not None and not self.complete:
            rate = f"{self.bytes_per_second / 1e6:,.1f} MB/s"
            lines.append(f"  {rate}, {duration(self.seconds_left)} left in this stage")
        lines += [f"  stage {name}: {n:,} of {all_:,}" for name, (n, all_) in self.stages.items()]
        for one in self.running[:_SHOWN]:
            said = f"wrote {duration(max(one.written_ago, 0.0))} ago"
            lines.append(f"  {one.state}: {one.task} on {one.host}, process {one.pid}, {said}")
        for told in self.failed[:_SHOWN]:
            cause = f" ({str(told['cause']).strip().splitlines()[-1]})" if told["cause"] else ""
            tries = f"{told['attempts']} {'try' if told['attempts'] == 1 else 'tries'}"
            lines.append(f"  failed: {told['name']}, {tries}: {told['message']}{cause}")
        hidden = max(0, len(self.running) - _SHOWN) + max(0, len(self.failed) - _SHOWN)
        return [*lines, f"  … and {hidden:,} more"] if hidden else lines


def status_of(folder: TaskFolder) -> JobStatus:
    """Return how far the job in a folder is; raise `MindError` if there is none."""
    folder.check()
    plan = read_plan(folder.plan)
    everything = {task.number for task in plan.tasks}
    complete = folder.manifest.exists()
    done = everything if complete else folder.done() & everything
    stages = {
        stage.name: (sum(t.number in done for t in tasks), len(tasks))
        for stage in plan.stages
        for tasks in [plan.of_stage(stage)]
    }
    failed = [] if complete else list(folder.failed().values())
    running = [] if complete else _running(folder, plan, done)
    rate, seconds = (None, None) if complete else _pace(folder, plan, done)
    at_work = {one.task for one in running if one.state == "running"}
    # A task that failed and is tried again is at work, and counts once.
    failing = {one["name"] for one in failed} - at_work
    left = len(plan.tasks) - len(done) - len(at_work) - len(failing)
    return JobStatus(
        plan.job, plan.tool, complete, stages, len(done), left, failed, running, rate, seconds
    )


def _running(folder: TaskFolder, plan: TaskPlan, done: set[int]) -> list[RunningTask]:
    now = _clock_of_disk(folder)
    return [
        RunningTask(
            str(plan.tasks[one.task]), one.host, one.pid,
            "lost" if one.is_dead else "running", round(now - one.last_written(), 1),
        )
        for one in folder.attempts()
        if one.task < len(plan.tasks) and one.task not in done
    ]  # fmt: skip


def _clock_of_disk(folder: TaskFolder) -> float:
    """Return the time by the clock that stamps the job's files, as far as that can be asked."""
    # On a network file system times are those of its server, whose clock may be minutes off.
    probe = folder.path / f".clock.{os.getpid()}"
    with suppress(OSError):
        try:
            probe.touch()
            return probe.stat().st_mtime
        finally:
            probe.unlink(missing_ok=True)
    return time.time()


def _pace(folder: TaskFolder, plan: TaskPlan, done: set[int]) -> tuple[float | None, float | None]:
    """Return bytes a second over the last minutes, and the seconds that the stage has left.

    A task has its bytes when it is done, and was at work for the seconds that its done file tells.
    """
    stage = next((s for s in plan.stages if any(t.number not in done for t in plan.of_stage(s))),
                 None)  # fmt: skip
    if stage is None:
        return None, None
    ended: list[tuple[float, float, int]] = []
    left = 0
    for task in plan.of_stage(stage):
        size = task.range.stop - task.range.start if task.range is not None else 0
        if task.number not in done:
            left += size
            continue
        path = folder.done_file(task.number)
        # A done file may be taken back while this reads it.
        with suppress(OSError, MindError), as_written(path):
            told = read_json(path)["seconds"]
            ended.append((path.stat().st_mtime, float(told), size))
    if not ended:
        return None, None
    newest = max(when for when, _, _ in ended)
    recent = [one for one in ended if newest - one[0] <= _RECENT]
    # From the start of the first of them: tasks run side by side, so that their seconds do not add
    # up to the time that went by.
    begun = min(when - seconds for when, seconds, _ in recent)
    rate = sum(size for _, _, size in recent) / max(newest - begun, 1e-3)
    return rate, (left / rate if rate else None)
