"""Run a job: plan it or go on with it, do what is left of each stage, complete it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from mind_core.errors import BadRecord, MindError, UsageError
from mind_core.files import make_folder, read_json
from mind_core.progress import Progress, duration, log, said
from mind_core.remote import is_address
from mind_core.summary import counts_line
from mind_core.tasks import DONE, OUTPUT, SUMMARY
from mind_core.tasks.commit import NotDeterministic, link_into_place, write_safely
from mind_core.tasks.engines import TaskEngine
from mind_core.tasks.folder import TaskFolder
from mind_core.tasks.inputs import find_files
from mind_core.tasks.merge import MergeDetails, merge, missing_files
from mind_core.tasks.options import TaskOptions, engine_for_tasks
from mind_core.tasks.plan import (
    PlannedStage,
    PlannedTask,
    TaskPlan,
    check_same_job,
    make_plan,
    read_plan,
)  # fmt: skip
from mind_core.tasks.ranges import InputChanged
from mind_core.tasks.task import TaskRunner, TaskWork, identity_of
from mind_core.tasks.versions import OtherVersions, versions_of
from mind_core.untrusted import inside

_HOPELESS = (BadRecord, InputChanged, NotDeterministic, UsageError)
"""What another try would meet again."""

_SECONDS_TO_WAIT = 0.5


@dataclass(frozen=True)
class TaskTool:
    """What a tool brings to a job."""

    name: str
    settings: Mapping[str, Any]
    """The recipe, and the options that change bytes, as JSON values."""
    stages: tuple[PlannedStage, ...]
    work: TaskWork
    details: MergeDetails
    prepare: Callable[[], None] = field(default=lambda: None)
    """Load what all tasks need, once, before processes are forked."""
    roots: tuple[str, ...] = ()
    """Distributions of plugins that are used."""
    lines: bool = True
    """Whether it reads lines, so that a file may be cut between two."""
    together: int = 1
    """How many records it takes at once, so that a file is cut after a multiple of them."""
    spawn: bool = False
    """Whether its processes begin with nothing: what has used torch is not forked."""
    check: Callable[[dict[str, Any]], None] = field(default=lambda _: None)
    """Raise what is wrong with the job as a whole, by its summary."""


def run_job(tool: TaskTool, options: TaskOptions) -> dict[str, Any] | None:
    """Run what is left of a job; return its summary, or None if others have tasks left to do.

    Raises `MindError` for another job in the folder, and at the end for tasks that failed.
    """
    folder = TaskFolder(options.into)
    with Progress(tool.name, options.progress) as progress:
        plan = _plan(tool, options, folder, progress)
        if options.plan_only:
            sizes = f"{len(plan.inputs):,} files, {sum(i.size for i in plan.inputs) / 1e6:,.0f} MB"
            log(tool.name, f"planned: {len(plan.tasks):,} tasks over {sizes}; job {plan.job[:12]}")
            return None
        if not folder.manifest.exists():
            try:
                if not _run_stages(tool, options, folder, plan, progress):
                    return None
                merge(folder, plan, tool.details, tool.check)
            except MindError:
                if not folder.manifest.exists():  # else another command completed it meanwhile
                    raise
            finally:
                folder.tidy(all_of_them=False)
        _check_complete(folder, plan)
        folder.tidy(all_of_them=True)
    summary: dict[str, Any] = read_json(inside(folder.path, SUMMARY))
    if not options.quiet:
        bad, seconds = sum(summary["bad"].values()), time.monotonic() - progress.started
        log(tool.name, counts_line(summary["in"], summary["kept"], bad, seconds))
    return summary


def _plan(tool: TaskTool, options: TaskOptions, folder: TaskFolder, progress: Progress) -> TaskPlan:
    """Return the plan of the job, which the folder has then; raise if it has another one."""
    files = find_files(options.inputs, options.from_list, tool.name)
    out = folder.path.resolve()
    for file in files:
        if not is_address(file.path) and Path(file.path).resolve().is_relative_to(out):
            raise UsageError(f"{file.path} lies in the output folder", hint="give another --into")
    # As JSON has them, lists for tuples: they are compared with those of a plan that was read.
    settings = orjson.loads(orjson.dumps(tool.settings))
    versions = versions_of((tool.name, *tool.roots))
    draft = TaskPlan(tool.name, settings, versions, options.task_bytes, tool.stages)
    folder.check()
    known = read_plan(folder.plan) if folder.plan.exists() else None
    if known is not None:
        check_same_job(known, draft, folder.path)
    elif folder.path.exists() and any(folder.path.glob(f"{OUTPUT}/**/*")):
        _refuse_other(folder)
    elif folder.path.exists() and not folder.path.is_dir():
        raise MindError(f"{folder.path} is no folder", hint="--into names a folder")
    plan = make_plan(
        draft, files, known, lines=tool.lines, together=tool.together, jobs=options.jobs,
        progress=progress,
    )  # fmt: skip
    if known is None:
        make_folder(folder.path / DONE)
        with folder.attempt(0) as attempt:
            told = attempt.path / "plan.json"
            try:
                link_into_place(told, folder.plan, write_safely(told, plan.as_json()))
            except NotDeterministic:
                known = read_plan(folder.plan)  # of somebody who was quicker
    if known is not None:
        check_same_job(known, plan, folder.path)
    return plan


def _refuse_other(folder: TaskFolder) -> None:
    raise MindError(
        f"{folder.path} has no plan, but holds outputs",
        hint="give a folder that does not exist yet",
    )


def _run_stages(
    tool: TaskTool, options: TaskOptions, folder: TaskFolder, plan: TaskPlan, progress: Progress
) -> bool:
    """Do what is left of this run's share, stage by stage; return whether all is done."""
    _undo_lost(tool.name, folder, plan)
    for stage in plan.stages:
        tasks = plan.of_stage(stage)
        mine = [task for task in tasks if stage.tasks == 1 or _is_mine(task, options.shard)]
        done = folder.done()
        left = [task for task in mine if task.number not in done]
        if left:
            failed = _run_tasks(tool, options, folder, plan, left, progress)
            if failed:
                raise _tasks_failed(plan, folder, failed, len(mine) - len(failed))
        missing = {task.number for task in tasks} - folder.done()
        if missing:
            progress.clear()
            log(
                tool.name,
                f"stage {stage.name}: this share is done; {len(missing):,} tasks of others are "
                "left. When they are done, run the same command again to go on",
            )
            return False
    return True


def _is_mine(task: PlannedTask, shard: tuple[int, int] | None) -> bool:
    return shard is None or task.place % shard[1] == shard[0]


def _undo_lost(tool: str, folder: TaskFolder, plan: TaskPlan) -> None:
    """Take back that a task is done if one of its files is gone, so that it is done again."""
    for number in sorted(folder.done()):
        path = folder.done_file(number)
        missing = missing_files(folder, path, read_json(path))
        # Of a complete job, what stages left is gone.
        if number < len(plan.tasks) and missing and not folder.manifest.exists():
            log(tool, f"{missing[0]} is gone: task {plan.tasks[number]} is done again")
            path.unlink(missing_ok=True)


def _run_tasks(
    tool: TaskTool,
    options: TaskOptions,
    folder: TaskFolder,
    plan: TaskPlan,
    tasks: Sequence[PlannedTask],
    progress: Progress,
) -> dict[int, MindError]:
    """Let an engine do tasks, the failed ones again; return those that failed for good."""
    # Fewer tasks than processes: each gets several cores.
    at_once = min(options.jobs, len(tasks))
    cores = options.jobs if options.engine != "local" else max(1, options.jobs // at_once)
    runner = TaskRunner(
        folder, plan, identity_of(folder.plan), tool.work, (tool.name, *tool.roots), cores
    )
    queue, running = deque(task.number for task in tasks), 0
    attempts: dict[int, int] = {}
    failed: dict[int, MindError] = {}
    shown = _Shown(progress, tasks)
    if options.engine == "local":
        tool.prepare()
    with engine_for_tasks(
        options.engine, options.address, at_once, cores, runner, spawn=tool.spawn
    ) as engine:
        while queue or running:
            running += _begin(engine, queue)
            for ended in engine.wait(_SECONDS_TO_WAIT):
                running -= 1
                task = plan.tasks[ended.task]
                if ended.error is None:
                    folder.forget_failure(ended.task)
                    shown.count(task)
                    continue
                if isinstance(ended.error, OtherVersions):
                    raise ended.error
                tries = attempts[ended.task] = attempts.get(ended.task, 0) + 1
                folder.note_failure(ended.task, tries, str(task), ended.error)
                if tries <= options.retries and not isinstance(ended.error, _HOPELESS):
                    queue.append(ended.task)
                else:
                    failed[ended.task] = ended.error
            shown.show(len(failed))
    return failed


def _begin(engine: TaskEngine, queue: deque[int]) -> int:
    begun = 0
    while queue and engine.has_room():
        engine.begin(queue.popleft())
        begun += 1
    return begun


@dataclass
class _Shown:
    """The live line of a stage."""

    progress: Progress
    tasks: Sequence[PlannedTask]
    done: int = 0
    bytes: int = 0
    started: float = field(default_factory=time.monotonic)

    def count(self, task: PlannedTask) -> None:
        self.done += 1
        self.bytes += _size_of(task)

    def show(self, failed: int) -> None:
        seconds = max(time.monotonic() - self.started, 1e-6)
        of = {"N": f"{self.done:,}", "ALL": f"{len(self.tasks):,}"}
        parts = [f"{self.tasks[0].stage}: " + said("{N} of {ALL} tasks", **of)]
        parts += [said("{N} failed", N=f"{failed:,}")] if failed else []
        if self.bytes:
            left = sum(map(_size_of, self.tasks)) - self.bytes
            parts.append(f"{self.bytes / seconds / 1e6:,.1f} MB/s")
            parts.append(said("{N} left", N=duration(left / (self.bytes / seconds))))
        self.progress.show(said(", ").join(parts))


def _size_of(task: PlannedTask) -> int:
    return task.range.stop - task.range.start if task.range is not None else 0


def _tasks_failed(
    plan: TaskPlan, folder: TaskFolder, failed: Mapping[int, MindError], done: int
) -> MindError:
    """Return the error that names what failed, and why."""
    lines = []
    for number, error in sorted(failed.items())[:5]:
        first = (error.cause or "").strip().splitlines()
        lines.append(f"{plan.tasks[number].name}: {error.message}" + (
            f" ({first[-1]:.200})" if first else ""))  # fmt: skip
    more = f"; and {len(failed) - 5} more" if len(failed) > 5 else ""
    hints = {error.hint for error in failed.values() if error.hint}
    return MindError(
        f"{len(failed):,} {'task' if len(failed) == 1 else 'tasks'} failed, {done:,} are done",
        cause="; ".join(lines) + more,
        hint="; ".join([*sorted(hints)[:1], f"{folder.path}/failed has all of it; the same "
                        "command goes on with what is left"]),
    )  # fmt: skip


def _check_complete(folder: TaskFolder, plan: TaskPlan) -> None:
    """Raise `MindError` unless the files of a complete job are there."""
    manifest = read_json(folder.manifest)
    if not isinstance(manifest, dict) or manifest.get("job") != plan.job:
        raise MindError(f"{folder.manifest} is of another job", hint="give another folder")
    if missing := missing_files(folder, folder.manifest, manifest):
        raise MindError(
            f"{folder.path / missing[0]} is missing, or not as long as it was",
            cause="the job was complete, and the file was changed or removed since",
            hint=f"put it back; or remove {folder.manifest.name} and run again: its task is done "
            "again",
        )
