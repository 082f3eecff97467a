"""Complete a job: add up what its tasks tell, check that nothing was lost, write the manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mind_core.errors import MindError
from mind_core.files import as_json, read_json
from mind_core.runner import ALL
from mind_core.summary import Summary
from mind_core.tasks import FORMAT, SUMMARIES, SUMMARY, WORK
from mind_core.tasks.commit import link_into_place, write_safely
from mind_core.tasks.folder import TaskFolder
from mind_core.tasks.plan import PlannedTask, TaskPlan
from mind_core.untrusted import as_written, inside, path_in

COUNTED = ("in", "kept", "bytes_in", "bytes_out")
COUNTED_BY_REASON = ("rejected", "marked", "bad")

MergeDetails = Callable[[Sequence[dict[str, Any]]], dict[str, Any]]
"""Add up the `details` of the summaries of a job's tasks, in their order."""


def comparable_summary(summary: Summary) -> dict[str, Any]:
    """Return a task's summary without what differs between two runs of it.

    That is its seconds, and whether the process had used compiled loops by then.
    """
    told = summary.as_dict()
    return {name: value for name, value in told.items() if name not in ("seconds", "loops")}


def counts_of(summary: dict[str, Any]) -> dict[str, Any]:
    """Return what a done file tells of a task's summary."""
    return {name: summary[name] for name in ("in", "kept", "rejected", "bad")}


def check_bad(summary: dict[str, Any], allowed: int) -> None:
    """Raise `MindError` if the tasks of a job together passed over more bad records than allowed;
    `ALL` allows any number."""
    bad = sum(summary["bad"].values())
    if allowed != ALL and bad > allowed:
        raise MindError(
            f"{bad:,} bad records in all tasks together, {allowed:,} were allowed",
            hint="look at them in the rejects; allow more with --skip-bad, in another folder",
        )


def missing_files(folder: TaskFolder, path: Path, record: Any) -> list[str]:
    """Return the files that a done file, or the manifest, tells of and that are not there whole.

    `path` is where that stands. Raises `MindError` for a name that leads out of the folder.
    """
    with as_written(path):
        return [
            name
            for name, told in record["files"].items()
            if _size(path_in(folder.path, name)) != told["size"]
        ]


def merge(
    folder: TaskFolder,
    plan: TaskPlan,
    details: MergeDetails,
    check: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Write `summary.json` and, last of all, the manifest; return the summary.

    Raises `MindError` if a task is not done, a file is missing, or a record was lost, and what
    `check` raises of the summary.
    """
    files: dict[str, Any] = {}
    totals: Counter[str] = Counter()
    told = {task.number for task in plan.summary_tasks}
    for task in plan.tasks:
        record = read_json(folder.done_file(task.number))
        with as_written(folder.done_file(task.number)):
            _check_done(folder, plan, task, record)
            # What a stage left for the next one is no result, and is removed with the job's
            # completion.
            kept = {n: said for n, said in record["files"].items() if not n.startswith(WORK)}
            # Names come from the plan, so that this is a fault of a tool; the second file would be
            # lost.
            if twice := kept.keys() & files.keys():
                raise MindError(f"two tasks made {min(twice)}", hint="please report it")
            files.update(kept)
            if task.number in told:
                totals.update(_in_and_out(record["counts"]))
    # Done files may have been changed or mixed up since, which no task could notice.
    if totals["in"] != totals["out"]:
        raise MindError(
            f"{totals['in']:,} records went in, but {totals['out']:,} are accounted for",
            cause="kept + rejected + bad, added up over all tasks",
            hint="please report it; nothing is marked complete",
        )
    summary = added_up(folder, plan, details)
    if summary["in"] != totals["in"]:
        raise MindError("the summaries are not those of the tasks", hint="make the job again")
    check(summary)
    # By a number that no task has.
    with folder.attempt(len(plan.tasks)) as attempt:
        made = attempt.path / SUMMARY
        described = {"size": 0, "sha256": write_safely(made, as_json(summary))}
        described["size"] = made.stat().st_size
        link_into_place(made, folder.path / SUMMARY, str(described["sha256"]))
        manifest = {
            "format": FORMAT,
            "job": plan.job,
            "tool": plan.tool,
            "tasks": len(plan.tasks),
            **counts_of(summary),
            "files": {**files, SUMMARY: described},
        }
        made = attempt.path / "manifest.json"
        link_into_place(made, folder.manifest, write_safely(made, as_json(manifest)))
    return summary


def added_up(folder: TaskFolder, plan: TaskPlan, details: MergeDetails) -> dict[str, Any]:
    """Return the summary of the job: what its tasks counted, added up."""
    names = [f"{SUMMARIES}/{task.name}.json" for task in plan.summary_tasks]
    summaries = [read_json(inside(folder.path, name)) for name in names]
    with as_written(folder.path / SUMMARIES):
        # Tool, versions and recipe are the same in all: the plan holds them.
        total = dict(summaries[0])
        for name in COUNTED:
            total[name] = sum(one[name] for one in summaries)
        for name in COUNTED_BY_REASON:
            counted: Counter[str] = Counter()
            for one in summaries:
                counted.update(one[name])
            total[name] = dict(sorted(counted.items()))
        total["details"] = details([one["details"] for one in summaries])
    return total


def _check_done(
    folder: TaskFolder, plan: TaskPlan, task: PlannedTask, record: dict[str, Any]
) -> None:
    if (record["job"], record["task"]) != (plan.job, task.number):
        raise MindError(
            f"{folder.done_file(task.number)} is of another job",
            hint="make the job again in another folder",
        )
    if missing := missing_files(folder, folder.done_file(task.number), record):
        raise MindError(
            f"{folder.path / missing[0]} is missing, or not as long as it was",
            cause=f"task {task} had made it",
            hint="run the command again: the task is done again",
        )


def _in_and_out(counts: dict[str, Any]) -> dict[str, int]:
    out = [counts["kept"], *counts["rejected"].values(), *counts["bad"].values()]
    if not all(type(number) is int and number >= 0 for number in (counts["in"], *out)):
        raise ValueError("counts are whole numbers from 0 on")
    return {"in": counts["in"], "out": sum(out)}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        # The size of no file: what is missing differs from anything that was told of it.
        return -1
