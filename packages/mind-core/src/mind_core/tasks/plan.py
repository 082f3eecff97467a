"""The plan of a job: inputs, cuts, stages, recipe, versions. Its hash is the job's name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from mind_core.errors import MindError
from mind_core.progress import Progress
from mind_core.remote import size_and_mark
from mind_core.tasks import FORMAT
from mind_core.tasks.inputs import FoundFile, task_names
from mind_core.tasks.plan_checks import check_plan
from mind_core.tasks.ranges import ByteRange, cut_file
from mind_core.tasks.tables import is_table
from mind_core.untrusted import as_written
from mind_core.whole_files import read_whole


@dataclass(frozen=True)
class PlannedInput:
    """A file of a job. Its path and time are where it was seen last, and no part of the name."""

    name: str
    size: int
    sha256: str
    path: str
    mtime_ns: int


@dataclass(frozen=True)
class PlannedStage:
    """Tasks that need all of the stage before: one for each range of the inputs, or so many."""

    name: str
    tasks: int | None = None
    """How many; None is one for each range."""


@dataclass(frozen=True)
class PlannedTask:
    """A pure function of files: number in the job, stage, place in the stage, and its range."""

    number: int
    stage: str
    place: int
    name: str
    """What its outputs are called, without suffix."""
    source: PlannedInput | None = None
    range: ByteRange | None = None

    def __str__(self) -> str:
        """Return the task's name for people."""
        return f"{self.stage} {self.name}"


@dataclass(frozen=True)
class TaskPlan:
    """All that the bytes of a job depend on."""

    tool: str
    settings: Mapping[str, Any]
    """The recipe, and the options that change bytes."""
    versions: Mapping[str, str]
    task_bytes: int
    stages: Sequence[PlannedStage]
    inputs: Sequence[PlannedInput] = ()
    ranges: Sequence[tuple[int, ByteRange]] = field(default=())
    """Of each range: which input it is of."""

    @cached_property
    def job(self) -> str:
        """Return the job's name: the SHA-256 of everything but paths and times."""
        values = self.as_dict()
        for each in values["inputs"]:
            del each["path"], each["mtime_ns"]
        return hashlib.sha256(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)).hexdigest()

    @cached_property
    def tasks(self) -> list[PlannedTask]:
        """Return the tasks of all stages, in order."""
        return list(self._tasks())

    def of_stage(self, stage: PlannedStage) -> list[PlannedTask]:
        """Return the tasks of one stage."""
        return [task for task in self.tasks if task.stage == stage.name]

    @property
    def summary_tasks(self) -> list[PlannedTask]:
        """Return the tasks whose summaries are those of the job: of the last stage over inputs."""
        return self.of_stage([stage for stage in self.stages if stage.tasks is None][-1])

    def _tasks(self) -> Iterator[PlannedTask]:
        names = self._names()
        number = 0
        for stage in self.stages:
            if stage.tasks is None:
                for place, (source, range_) in enumerate(self.ranges):
                    task = PlannedTask(
                        number, stage.name, place, names[place], self.inputs[source], range_
                    )
                    yield task
                    number += 1
            else:
                for place in range(stage.tasks):
                    name = str(place) if stage.tasks > 1 else stage.name
                    yield PlannedTask(number, stage.name, place, name)
                    number += 1

    def _names(self) -> list[str]:
        parts = [0] * len(self.inputs)
        for source, _ in self.ranges:
            parts[source] += 1
        of_each = [iter(each) for each in task_names([one.name for one in self.inputs], parts)]
        return [next(of_each[source]) for source, _ in self.ranges]

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return {
            "format": FORMAT,
            "tool": self.tool,
            "settings": self.settings,
            "versions": dict(self.versions),
            "task_bytes": self.task_bytes,
            "stages": [asdict(stage) for stage in self.stages],
            "inputs": [asdict(one) for one in self.inputs],
            "ranges": [[source, *asdict(one).values()] for source, one in self.ranges],
        }

    def as_json(self) -> bytes:
        """Return the plan for its file, with the job's name."""
        return orjson.dumps(
            {"job": self.job, **self.as_dict()},
            option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE,
        )


def read_plan(path: Path) -> TaskPlan:
    """Read a plan; raise `MindError` if it is missing, damaged, or not what its name says."""
    try:
        values = orjson.loads(read_whole(path))
    except MindError as error:
        error.hint = "give the folder that --into made"
        raise
    except orjson.JSONDecodeError as error:
        raise MindError(f"{path} is not JSON", cause=error, hint="make a new job") from None
    with as_written(path):
        check_plan(values)
        plan = TaskPlan(
            values["tool"],
            values["settings"],
            values["versions"],
            values["task_bytes"],
            [PlannedStage(**stage) for stage in values["stages"]],
            [PlannedInput(**one) for one in values["inputs"]],
            [(source, ByteRange(*one)) for source, *one in values["ranges"]],
        )
        if values["format"] != FORMAT or plan.job != values["job"]:
            raise MindError(
                f"{path} was changed after it was written",
                cause="the job's name is not the hash of the plan",
                hint="make a new job in another folder",
            )
    return plan


def make_plan(
    draft: TaskPlan,
    files: Sequence[FoundFile],
    known: TaskPlan | None,
    *,
    lines: bool,
    together: int,
    jobs: int,
    progress: Progress,
) -> TaskPlan:
    """Return a draft with inputs and ranges: each file is read once, and hashed.

    Plain files of lines are cut after a multiple of so many records `together`. What is `known` of
    a file of the same path, size and time is taken from there.
    """
    seen = {one.path: one for one in known.inputs} if known is not None else {}
    cuts: dict[str, list[ByteRange]] = {}
    for source, range_ in known.ranges if known is not None else ():
        assert known is not None
        cuts.setdefault(known.inputs[source].path, []).append(range_)
    done = 0

    def count_read(size: int) -> None:
        nonlocal done
        # Threads may lose an addition of each other: it is shown, and nothing depends on it.
        done += size
        progress.show(f"planning: {done / 1e6:,.0f} MB read")

    def look(file: FoundFile) -> tuple[PlannedInput, list[ByteRange]]:
        size, mtime_ns = size_and_mark(file.path)
        before = seen.get(file.path)
        same = (file.name, size, mtime_ns)
        # Of the same size and time: not read again, which is hours for a large job.
        if before is not None and (before.name, before.size, before.mtime_ns) == same:
            return before, cuts[file.path]
        sha256, ranges = cut_file(
            file.path,
            size,
            draft.task_bytes,
            on_read=count_read,
            lines=lines and not is_table(file.path),
            together=together,
        )
        return PlannedInput(file.name, size, sha256, file.path, mtime_ns), ranges

    with ThreadPoolExecutor(jobs) as pool:  # hashing lets other threads run
        looked = list(pool.map(look, files))
    return TaskPlan(
        draft.tool,
        draft.settings,
        draft.versions,
        draft.task_bytes,
        draft.stages,
        [one for one, _ in looked],
        [(number, range_) for number, (_, ranges) in enumerate(looked) for range_ in ranges],
    )


def check_same_job(planned: TaskPlan, now: TaskPlan, folder: Path) -> None:
    """Raise `MindError` that names what differs, unless two plans are of one job.

    The drafts are compared first, so that no file is read for a job that cannot be the same.
    """
    differing = []
    if planned.tool != now.tool:
        differing.append(f"it is a job of {planned.tool}")
    differing += _differences("", planned.settings, now.settings)
    differing += _differences("", planned.versions, now.versions)
    if planned.task_bytes != now.task_bytes:
        differing.append(f"--task-size was {planned.task_bytes:,} bytes")
    if now.inputs:
        differing += _other_inputs(planned.inputs, now.inputs)
        if not differing and planned.job != now.job:
            differing.append("the cuts or the stages differ")
    if differing:
        raise MindError(
            f"{folder} holds another job",
            cause="; ".join(differing[:5]) + ("; …" if len(differing) > 5 else ""),
            hint="give another folder; or run the job as it was planned; or remove the folder",
        )


def _other_inputs(planned: Sequence[PlannedInput], now: Sequence[PlannedInput]) -> list[str]:
    before = {one.name: one for one in planned}
    after = {one.name: one for one in now}
    return [
        *(f"{name} is new" for name in after if name not in before),
        *(f"{name} is missing" for name in before if name not in after),
        *(f"{n} has changed" for n, one in after.items()
          if n in before and (before[n].size, before[n].sha256) != (one.size, one.sha256)),
        *(["the order of the inputs"] if list(before) != list(after) and
          sorted(before) == sorted(after) else []),
    ]  # fmt: skip


def _differences(path: str, planned: Any, now: Any) -> list[str]:
    """Return where two JSON values differ, each place with both values."""
    if isinstance(planned, Mapping) and isinstance(now, Mapping):
        return [
            line
            for key in sorted({*planned, *now})
            for line in _differences(
                f"{path}.{key}" if path else str(key), planned.get(key), now.get(key)
            )
        ]
    if isinstance(planned, list) and isinstance(now, list) and len(planned) == len(now):
        return [
            line
            for number, (one, other) in enumerate(zip(planned, now, strict=True), 1)
            for line in _differences(f"{path}[{number}]", one, other)
        ]
    if planned == now:
        return []
    return [f"{path} was {planned!r:.60} and is {now!r:.60}"]
