"""The shared options of a command: their order, their values, and what a job refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Optional

import pytest
import typer
from typer.main import get_command

from mind_core.errors import UsageError
from mind_core.runner import ALL, StreamOptions
from mind_core.stream_command import SharedOptions, stream_command

Folder = Annotated[
    Optional[Path],  # noqa: UP045 - typer reads it
    typer.Option("-o", "--output", metavar="FOLDER", help="A folder."),
]
JOB = "into from_list task_size engine address retries shard plan_only"


def run(command: Callable[..., None], *arguments: str) -> None:
    app = typer.Typer()
    app.command()(command)
    get_command(app)(args=list(arguments), standalone_mode=False)


def parameters_of(command: Callable[..., None]) -> list[Any]:
    app = typer.Typer(add_completion=False)
    app.command()(command)
    return list(get_command(app).params)


def test_a_command_gets_what_its_shared_options_say(tmp_path: Path) -> None:
    seen: list[object] = []

    @stream_command("inputs top _fields output jobs skip_bad recipe assignments dry_run seed quiet")
    def command(shared: SharedOptions, top: int = 3) -> None:
        seen.extend((shared, top))

    run(command, "a", "b", "-o", str(tmp_path / "o"), "-j", "2", "--skip-bad", "all", "--top", "5",
        "--set", "x.y=1", "--set", "x.z=2", "-n", "--seed", "7", "-q")  # fmt: skip
    shared, top = seen
    assert isinstance(shared, SharedOptions)
    assert shared.stream == StreamOptions(
        ("a", "b"), tmp_path / "o", jobs=2, skip_bad=ALL, quiet=True
    )
    assert (top, shared.dry_run, shared.seed, shared.recipe) == (5, True, 7, None)
    assert list(shared.assignments) == ["x.y=1", "x.z=2"]
    assert not shared.plugin_files


def test_help_has_the_options_in_the_order_that_is_given() -> None:
    @stream_command("quiet top output inputs")
    def command(shared: SharedOptions, top: int = 3) -> None: ...

    assert [each.name for each in parameters_of(command)] == ["quiet", "top", "output", "inputs"]


def test_an_option_of_its_own_takes_the_place_of_a_shared_one(tmp_path: Path) -> None:
    seen: list[object] = []

    @stream_command("inputs output")
    def command(shared: SharedOptions, output: Folder = None) -> None:
        seen.extend((shared.stream.output, output))

    run(command, "a", "-o", str(tmp_path))
    assert seen == [None, tmp_path]
    assert [each.metavar for each in parameters_of(command)] == ["[FILE]...", "FOLDER"]


@pytest.mark.parametrize("order", ["inputs", "inputs top nothing"])
def test_an_order_that_is_wrong_is_said_when_the_tool_starts(order: str) -> None:
    with pytest.raises(ValueError, match="top" if order == "inputs" else "nothing"):

        @stream_command(order)
        def command(shared: SharedOptions, top: int = 3) -> None: ...


def test_questions_are_answered_instead_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    @stream_command(
        "inputs skip_bad version list_components list_plugins json",
        questions=("mind-core", lambda files: pytest.fail("no plugins are needed")),
    )
    def command(shared: SharedOptions) -> None:
        pytest.fail("the command was called")

    run(command, "--version", "--skip-bad", "odd")
    assert capsys.readouterr().out.startswith("mind-core ")


def test_a_job_is_asked_for_with_into_and_refuses_what_it_has_no_use_for(tmp_path: Path) -> None:
    seen: list[SharedOptions] = []

    @stream_command(f"inputs output limit jobs {JOB}")
    def command(shared: SharedOptions) -> None:
        seen.append(shared)

    run(command, "a", "--into", str(tmp_path), "--shard", "1/4", "--task-size", "2K", "-j", "3")
    run(command, "a", "--into", str(tmp_path), "--limit", "2")
    run(command, "a", "--into", str(tmp_path))
    run(command, "a", "--shard", "1/4")
    run(command, "a")
    job = seen[0].job()
    assert job is not None
    assert (job.into, job.inputs, job.shard, job.task_bytes, job.jobs) == (
        tmp_path, ("a",), (1, 4), 2048, 3,
    )  # fmt: skip
    with pytest.raises(UsageError, match="--limit does not go with --into"):
        seen[1].job()
    with pytest.raises(UsageError, match="--report does not go with --into"):
        seen[2].job(report=tmp_path)
    with pytest.raises(UsageError, match="--shard is of jobs"):
        seen[3].job()
    assert seen[4].job() is None
