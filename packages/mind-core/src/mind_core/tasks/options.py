"""The options of a job: the same in every tool that has `--into`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from mind_core.errors import DONE, UsageError, did_you_mean
from mind_core.files import refuse_address
from mind_core.runner import StreamOptions
from mind_core.tasks.engines import Execute, TaskEngine
from mind_core.tasks.local_engine import LocalEngine
from mind_core.untrusted import whole_number

ENGINES = ("local", "ray")
# Little enough to be lost with a worker, and enough that a tebibyte is 4,096 tasks, not millions.
TASK_BYTES = 1 << 28
TASK_SIZE = "256M"
RETRIES = 3

_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]+)?) ?([KMGT]?)i?B?", re.IGNORECASE)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True)
class TaskOptions:
    """What a user may say about any job."""

    into: Path
    inputs: tuple[str, ...] = ()
    from_list: Path | None = None
    engine: str = "local"
    address: str | None = None
    retries: int = RETRIES
    shard: tuple[int, int] | None = None
    """Which of how many parts of the tasks to do, counted from 0."""
    task_bytes: int = TASK_BYTES
    plan_only: bool = False
    jobs: int = 1
    quiet: bool = False
    progress: bool | None = None


# typer reads these at run time, so the annotations keep Optional spelled out for it.

Into = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--into",
        metavar="FOLDER",
        help="Run a job of tasks over files, folders and globs; one output for each goes here. "
        "The same command goes on with it.",
    ),
]
FromList = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--from-list", metavar="FILE", help="With --into: more inputs, one name a line."),
]
TaskSize = Annotated[
    str,
    typer.Option(
        "--task-size", metavar="SIZE", help="With --into: cut larger files of lines into tasks."
    ),
]
Engine = Annotated[
    str,
    typer.Option("--engine", metavar="NAME", help=f"What runs the tasks: {', '.join(ENGINES)}."),
]
Address = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--address", metavar="HOST:PORT", help="With --engine ray: its cluster, or auto."),
]
Retries = Annotated[
    int,
    typer.Option("--retries", metavar="N", min=0, help="How often a failed task is tried again."),
]
Shard = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--shard", metavar="I/N", help="Do part I of N of the tasks, counted from 0."),
]
PlanOnly = Annotated[bool, typer.Option("--plan-only", help="Write the plan of the job, and end.")]

StatusFolder = Annotated[Path, typer.Argument(metavar="FOLDER", help="What --into made.")]


def task_options(into: Path, stream: StreamOptions, values: Mapping[str, Any]) -> TaskOptions:
    """Return the options of a job; raise `UsageError` for what means nothing.

    ``values`` are those of the options of this module, by the names that `TaskOptions` has for
    them; "shard" and "task_size" are as they were typed.
    """
    engine = values["engine"]
    if engine not in ENGINES:
        hint = did_you_mean(engine, ENGINES) or f"known: {', '.join(ENGINES)}"
        raise UsageError(f"there is no engine {engine!r}", hint=hint)
    refuse_address(into)
    return TaskOptions(
        into,
        stream.inputs,
        shard=parse_shard(values["shard"]),
        task_bytes=parse_size(values["task_size"]),
        jobs=stream.jobs,
        quiet=stream.quiet,
        progress=stream.progress,
        **{name: values[name] for name in _AS_TYPED},
    )


_AS_TYPED = ("from_list", "engine", "address", "retries", "plan_only")


def refuse_without_into(**given: object) -> None:
    """Raise `UsageError` for an option of jobs where there is no job."""
    for name, value in given.items():
        if value:
            option = "--" + name.replace("_", "-")
            raise UsageError(f"{option} is of jobs", hint="add --into FOLDER")


def refuse_with_into(**given: object) -> None:
    """Raise `UsageError` for an option that a job has no use for; its value says what to do."""
    for name, value in given.items():
        if value:
            option = "-o" if name == "output" else "--" + name.replace("_", "-")
            raise UsageError(
                f"{option} does not go with --into",
                hint="the folder has an output, rejects and a summary for each task, and a "
                "summary of them all",
            )


def parse_shard(text: str | None) -> tuple[int, int] | None:
    """Return which part of how many is meant by "3/8"."""
    if text is None:
        return None
    first, _, second = text.partition("/")
    part, parts = whole_number(first), whole_number(second)
    if part is None or parts is None or part >= parts:
        raise UsageError(
            f"--shard {text!r} is no part of the tasks",
            hint="0/8 is the first of eight, 7/8 the last; "
            "--shard $SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT",
        )
    return part, parts


def parse_size(text: str) -> int:
    """Return the bytes of a size such as "256M" (powers of 1024)."""
    match = _SIZE.fullmatch(text.strip())
    size = int(float(match[1]) * _UNITS[match[2].upper()]) if match is not None else 0
    if size < 1:
        raise UsageError(f"{text!r} is no size", hint='for example "256M" or "2G"')
    return size


def status_app(tool: str) -> typer.Typer:
    """Return the app of `TOOL status FOLDER`, for a tool that has no verbs."""
    from mind_core.cli import EXIT_CODES, new_app

    app = new_app()
    app.command(help=status_help(tool), epilog=EXIT_CODES)(status_command)
    return app


STATUS = "status"


def status_help(tool: str) -> str:
    """Return the help of a tool's verb `status`."""
    from mind_core.cli import help_text

    what = "Tell how far the job of a folder is: done, running, failed, left, rate, time left."
    return help_text(what, [f"{tool} {STATUS} out/", f"{tool} {STATUS} out/ --json | jq .left"])


def status_command(folder: StatusFolder, json: Annotated[
    bool, typer.Option("--json", help="JSON instead of text.")] = False) -> None:  # fmt: skip
    """Tell how far the job of a folder is."""
    from mind_core.cli import write_out
    from mind_core.files import as_json
    from mind_core.tasks.folder import TaskFolder
    from mind_core.tasks.status import status_of

    found = status_of(TaskFolder(folder))
    write_out(as_json(found.as_dict()).decode() if json else "\n".join(found.lines()) + "\n")
    raise typer.Exit(DONE)


def engine_for_tasks(
    name: str,
    address: str | None,
    at_once: int,
    cores: int,
    execute: Execute,
    *,
    spawn: bool = False,
) -> TaskEngine:
    """Return an engine by name; `cores` is what a task may use. Raises `UsageError`.

    With `spawn` processes of this machine begin with nothing, and are not forked.
    """
    if name == "local":
        if address is not None:
            raise UsageError("--address is of another engine", hint="add --engine ray")
        return LocalEngine(at_once, execute, spawn)
    if name != "ray":
        raise UsageError(f"there is no engine {name!r}", hint=f"known: {', '.join(ENGINES)}")
    from mind_core.tasks.ray_engine import RayEngine

    return RayEngine(address, cores, execute)
