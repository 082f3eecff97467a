"""What the stages leave for each other in the folder of a job, and where."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mind_core.files import read_json
from mind_core.tasks import PLAN, WORK
from mind_core.tasks.plan import PlannedTask, TaskPlan, read_plan
from mind_core.tasks.task import Identity, identity_of
from mind_dedup.tasks.key_runs import KeyFiles
from mind_dedup.tasks.sections import IntArray

INDEX = "index"
FINGERPRINT, PAIRS, GROUPS = "fingerprint", "pairs", "groups"
CANDIDATES, RESOLVE, APPLY = "candidates", "resolve", "apply"
CLUSTERS = "clusters"


@dataclass(frozen=True)
class RangeFiles:
    """What the first stage leaves of one range, as names in the job's folder."""

    name: str

    def named(self, suffix: str) -> str:
        """Return the name of one of the files."""
        return f"{WORK}/{FINGERPRINT}/{self.name}.{suffix}"


@dataclass(frozen=True)
class IndexFiles:
    """What is left of a saved index, by its place among those that a job goes with."""

    place: int

    def named(self, suffix: str) -> str:
        """Return the name of one of the files."""
        return f"{WORK}/{INDEX}/{self.place}.{suffix}"


@dataclass(frozen=True)
class WorkFiles:
    """The folder of a job with its plan, as the later stages read them."""

    folder: Path
    plan: TaskPlan

    @cached_property
    def ranges(self) -> list[PlannedTask]:
        """Return a task for each range, in the order of the inputs."""
        return self.plan.summary_tasks

    @cached_property
    def indexes(self) -> int:
        """Return how many saved indexes the job goes with: their records come before all others."""
        return sum(task.stage == INDEX for task in self.plan.tasks)

    @cached_property
    def firsts(self) -> IntArray:
        """Return the number of the first record of each index and range, and one after the last."""
        saved = [self.folder / IndexFiles(place).named("json") for place in range(self.indexes)]
        ranges = [self.of_range(task.name, "json") for task in self.ranges]
        rows = [read_json(path)["rows"] for path in (*saved, *ranges)]
        return np.concatenate((np.zeros(1, np.int64), np.cumsum(rows, dtype=np.int64)))

    def of_range(self, name: str, suffix: str) -> Path:
        """Return a file that the first stage left of a range."""
        return self.folder / RangeFiles(name).named(suffix)

    def unit_ends(self, name: str) -> IntArray:
        """Return of each record of a range the row behind its last, where units are rows."""
        counts = np.fromfile(self.of_range(name, "units"), np.int32)
        return np.cumsum(counts, dtype=np.int64)

    @property
    def keys(self) -> list[KeyFiles]:
        """Return the keys of each index and range."""
        saved = [f"{INDEX}/{place}" for place in range(self.indexes)]
        ranges = [f"{FINGERPRINT}/{task.name}" for task in self.ranges]
        return [KeyFiles.at(self.folder / WORK / name) for name in (*saved, *ranges)]

    def work(self, name: str) -> Path:
        """Return a file that another stage left."""
        return self.folder / WORK / name


def work_files(folder: Path) -> WorkFiles:
    """Return the files of a job; the plan is read once in a process."""
    # By the file's identity, so that another plan in the same place is read anew.
    return _work_files(folder, identity_of(folder / PLAN))


@cache
def _work_files(folder: Path, _: Identity) -> WorkFiles:
    return WorkFiles(folder, read_plan(folder / PLAN))


def facts_of(files: WorkFiles, name: str) -> dict[str, Any]:
    """Return the rows of a range, and the summary of reading it."""
    found: dict[str, Any] = read_json(files.of_range(name, "json"))
    return found
