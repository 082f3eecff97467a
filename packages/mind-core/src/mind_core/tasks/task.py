"""One task, as a process of any engine does it: check, make, commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mind_core.columns import Renaming
from mind_core.errors import MindError
from mind_core.stream import Batch, renamed
from mind_core.tasks.commit import TaskResult, commit
from mind_core.tasks.folder import TaskFolder
from mind_core.tasks.plan import PlannedTask, TaskPlan
from mind_core.tasks.ranges import batches_of_range, open_range
from mind_core.tasks.tables import batches_of_table, is_table
from mind_core.tasks.versions import check_versions

Identity = tuple[int, int, int]


@dataclass(frozen=True)
class TaskContext:
    """What a tool gets to do a task with: it reads its range and the job's folder, and writes to
    `scratch` alone."""

    task: PlannedTask
    job_folder: Path
    scratch: Path
    cores: int
    """Processes that it may use; its bytes are the same for any number."""

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the task's range of its input; in the end it is checked to be the planned one."""
        source, range_ = self.task.source, self.task.range
        assert source is not None and range_ is not None, f"{self.task} has no input"
        with open_range(source.path, source.name, range_, source.size) as file:
            yield file

    def batches(self, columns: Renaming = Renaming()) -> Iterator[Batch]:
        """Yield the lines of the task's range in batches, by their numbers in the whole file.

        Of a table (Parquet, CSV, WET …) these are its rows; `columns` says what fields are called.
        """
        assert self.task.source is not None and self.task.range is not None
        if is_table(self.task.source.path):
            yield from batches_of_table(
                self.task.source.path, self.task.source.name, self.task.range, columns
            )
            return
        with self.open() as file:
            batches = batches_of_range(file, self.task.source.name, self.task.range)
            yield from renamed(batches, columns)


TaskWork = Callable[[TaskContext], TaskResult]
"""What a tool does with a task: a pure function of its files, which pickles."""


@dataclass
class TaskRunner:
    """Do any task of a job by its number."""

    folder: TaskFolder
    plan: TaskPlan
    identity: Identity
    """Of the plan's file: a job in a folder that was removed and made anew is another one."""
    work: TaskWork
    roots: tuple[str, ...]
    cores: int
    _checked: bool = False

    def __call__(self, number: int) -> None:
        """Do a task, unless it is done; raise what goes wrong."""
        # Once a process: what is loaded there does not change any more.
        if not self._checked:
            check_versions(self.plan.versions, self.roots)
            self._checked = True
        task = self.plan.tasks[number]
        # Another run, or an engine that began the task twice, was faster.
        if self.folder.done_file(number).exists():
            return
        started = time.monotonic()
        before = self.folder.attempts_at(number)
        with self.folder.attempt(number) as attempt:
            context = TaskContext(task, self.folder.path, attempt.path, self.cores)
            result = self.work(context)
            # As late as can be: what is committed from here on would be in the other job.
            if identity_of(self.folder.plan) != self.identity:
                raise MindError(
                    f"{self.folder.path} became another job while task {task} ran",
                    cause="its plan was replaced",
                    hint="nothing of the task was kept; stop the old run",
                )
            seconds = round(time.monotonic() - started, 3)
            commit(
                self.folder, self.plan.job, task, attempt, result,
                attempts=before + 1, seconds=seconds,
            )  # fmt: skip


def identity_of(path: Path) -> Identity:
    """Return what tells a file from one that was put in its place, on any machine."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_size, found.st_mtime_ns)
