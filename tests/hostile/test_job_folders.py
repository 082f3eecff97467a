"""Folders of jobs, and of data, that others made: what they name, link to and count."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from mind_core.errors import MindError
from mind_core.formats.data_set import files_of
from mind_core.tasks.commit import NotDeterministic, link_into_place, write_safely
from mind_core.tasks.folder import TaskFolder
from mind_core.tasks.inputs import find_files
from mind_core.tasks.merge import missing_files
from mind_core.tasks.plan import read_plan
from mind_core.tasks.status import status_of
from mind_core.testing import run_tool

SECRET = '{"id": "s", "text": "a private key"}\n'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job that mind-clean completed."""
    place = tmp_path_factory.mktemp("job")
    (place / "in.jsonl").write_text('{"id": "a", "text": "models need writing"}\n' * 3)
    done = run_tool(
        "mind-clean", ["--step", "pii", place / "in.jsonl", "--into", place / "job", "-q"]
    )
    assert done.code == 0, done.stderr
    return place / "job"


@pytest.fixture
def job(made: Path, tmp_path: Path) -> Path:
    """A copy of the job, to be spoiled; a secret lies beside it."""
    (tmp_path / "secret.jsonl").write_text(SECRET)
    return Path(shutil.copytree(made, tmp_path / "job"))


def change(path: Path, how: Callable[[Any], object]) -> None:
    """Change a description in place."""
    values = json.loads(path.read_bytes())
    how(values)
    path.write_text(json.dumps(values))


def change_plan(job: Path, how: Callable[[Any], object]) -> None:
    """Change a plan and make its name fit, as an attacker would."""
    change(job / "plan.json", how)
    values = json.loads((job / "plan.json").read_bytes())
    del values["job"]
    named = json.loads(json.dumps(values))
    for one in named["inputs"]:
        del one["path"], one["mtime_ns"]
    name = hashlib.sha256(orjson.dumps(named, option=orjson.OPT_SORT_KEYS)).hexdigest()
    (job / "plan.json").write_text(json.dumps({"job": name, **values}))


PLANS: dict[str, Callable[[Any], object]] = {
    "a stage of 10^12 tasks": lambda p: p["stages"].append({"name": "x", "tasks": 10**12}),
    "tasks below none": lambda p: p["stages"].append({"name": "x", "tasks": -5}),
    "tasks in words": lambda p: p["stages"].append({"name": "x", "tasks": "9"}),
    "no stage": lambda p: p.update(stages=[]),
    "a name outside": lambda p: p["inputs"][0].update(name="../../../out.jsonl"),
    "an absolute name": lambda p: p["inputs"][0].update(name="/tmp/out.jsonl"),
    "a range of no input": lambda p: p["ranges"][0].__setitem__(0, 7),
    "the last input but one": lambda p: p["ranges"][0].__setitem__(0, -1),
    "a range beyond its input": lambda p: p["ranges"][0].__setitem__(2, 10**15),
    "versions that are none": lambda p: p.update(versions={"python": 3}),
}


@pytest.mark.hostile("a job's plan that asks for more than it bears, or leads outside")
@pytest.mark.parametrize("attack", PLANS)
def test_a_plan_holds_together(job: Path, attack: str) -> None:
    assert status_of(TaskFolder(job)).complete
    change_plan(job, PLANS[attack])
    with pytest.raises(MindError, match=r"not as its tool writes it|outside of it"):
        status_of(TaskFolder(job))


@pytest.mark.hostile("a pipe in the place of a job's file")
@pytest.mark.timeout(20)
def test_a_pipe_keeps_nobody_waiting(job: Path, tmp_path: Path) -> None:
    (job / "plan.json").unlink()
    os.mkfifo(job / "plan.json")
    with pytest.raises(MindError, match="cannot read"):
        read_plan(job / "plan.json")
    os.mkfifo(tmp_path / "pipe")
    sha256 = write_safely(tmp_path / "made", b"made")
    with pytest.raises(NotDeterministic):
        link_into_place(tmp_path / "made", tmp_path / "pipe", sha256)


@pytest.mark.hostile("a name in a job that leads outside")
@pytest.mark.parametrize("name", ["output/../../secret.jsonl", "output/link", "output/none\0"])
def test_outputs_of_a_job_lie_in_it(job: Path, name: str) -> None:
    assert [Path(one.path).name for one in find_files([str(job)], None, "t")] == ["in.jsonl.zst"]
    (job / "output" / "link").symlink_to(job.parent / "secret.jsonl")
    told = {"size": len(SECRET), "sha256": ""}
    change(job / "manifest.json", lambda manifest: manifest["files"].update({name: told}))
    with pytest.raises(MindError):
        find_files([str(job)], None, "t")
    with pytest.raises(MindError):
        missing_files(TaskFolder(job), job, {"files": {name: told}})


@pytest.mark.hostile("a link in a job's folder, through which results would land elsewhere")
@pytest.mark.parametrize("name", ["output", "done", "rejects", "summaries", "failed"])
def test_results_land_in_the_folder(job: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (job / "manifest.json").unlink()
    shutil.rmtree(job / "done")
    shutil.rmtree(job / name, ignore_errors=True)
    (job / name).symlink_to(tmp_path / "elsewhere")
    source = next(iter(read_plan(job / "plan.json").inputs)).path
    result = run_tool("mind-clean", ["--step", "pii", source, "--into", job, "-q"])
    assert result.code == 1 and "is a link" in result.stderr, result.stderr
    assert not any((tmp_path / "elsewhere").iterdir())


NOTES: dict[str, Any] = {
    "a number": 3, "a list": [], "nothing": None, "attempts": {"attempts": "9" * 9},
    "a cause": {"attempts": 1, "name": "n", "message": "m", "cause": 5}, "empty": {},
}  # fmt: skip


@pytest.mark.hostile("notes of a job that are not as its tool writes them")
@pytest.mark.parametrize("note", NOTES)
def test_notes_are_checked(job: Path, note: str) -> None:
    (job / "manifest.json").unlink()
    (job / "done" / "99999999.json").write_text("{}")
    assert status_of(TaskFolder(job)).left == 0
    (job / "failed").mkdir()
    (job / "failed" / "000001.json").write_text(json.dumps(NOTES[note]))
    with pytest.raises(MindError, match="not as its tool writes it"):
        status_of(TaskFolder(job))
    with pytest.raises(MindError, match="not as its tool writes it"):
        missing_files(TaskFolder(job), job, NOTES[note])


@pytest.mark.hostile("a link in a folder of data that leads outside")
@pytest.mark.parametrize("kind", ["files", "save_to_disk", "job", "documents"])
def test_folders_of_data_lead_nowhere(tmp_path: Path, kind: str) -> None:
    from mind_clean.documents.files import files_in
    from mind_clean.pipeline import make_plugins

    name = "a.txt" if kind == "documents" else "a.jsonl"
    (tmp_path / "secret").write_text(SECRET)
    folder = tmp_path / "data"
    folder.mkdir()

    def found() -> object:
        if kind == "documents":
            return files_in(make_plugins(()), [str(folder)])
        return find_files([str(folder)], None, "t") if kind == "job" else files_of([folder])

    if kind == "save_to_disk":
        (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
    (folder / name).write_text(SECRET)
    assert found()
    (folder / name).rename(folder / "kept")
    (folder / name).symlink_to("kept")
    assert found()
    (folder / name).unlink()
    (folder / name).symlink_to(tmp_path / "secret")
    with pytest.raises(MindError, match="leads out"):
        found()


@pytest.mark.hostile("notes of a job that are not as its tool writes them")
@pytest.mark.parametrize("count", ["3", 3.0, -1, True, None])
def test_counts_of_a_task_are_numbers(job: Path, count: object) -> None:
    """A note that counts in words once ended in a traceback when the job was completed again."""
    (job / "manifest.json").unlink()
    note = next((job / "done").iterdir())
    change(note, lambda values: values["counts"].update({"in": count}))
    source = next(iter(read_plan(job / "plan.json").inputs)).path
    done = run_tool("mind-clean", ["--step", "pii", source, "--into", job, "-q"])
    assert done.code == 1 and "not as its tool writes it" in done.stderr
    assert not (job / "manifest.json").exists()
