"""Jobs under faults: kills, power cuts, full disks, paused workers; and code that is wrong.

`MIND_FAULTS=500` tries so many; `nox -s faults` does. The same harness must catch commit code that
is wrong on purpose, else it proves nothing.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import faults
import pytest
from faults import Fault, Outcome, Patch, Run

from mind_clean.pipeline import CleanOptions, make_plugins
from mind_clean.steps import effective_recipe
from mind_clean.tasks import run_clean_job
from mind_core.errors import MindError
from mind_core.files import sha256_file
from mind_core.output import write_records
from mind_core.tasks import commit, run
from mind_core.tasks import task as task_module
from mind_core.tasks.folder import TaskFolder
from mind_core.tasks.options import TaskOptions
from mind_core.tasks.plan import read_plan
from mind_core.tasks.ranges import RangeReader
from mind_core.tasks.task import TaskRunner

FAULTS = int(os.environ.get("MIND_FAULTS", "22"))  # each point twice
INPUTS, TASKS, WORKERS = 3, 7, 2
POINTS = {
    "plan": "mind_core.tasks.run:make_plan",
    "read": "mind_core.tasks.ranges:RangeReader.readinto",
    "write": "mind_core.output:Output._pass_on",
    "count": "mind_clean.key_counts:KeyCounter.write",
    "sync": "mind_core.tasks.commit:_sync_file",
    "link": "mind_core.tasks.commit:_link",
    "sync names": "mind_core.tasks.commit:_sync_names",
    "done": "mind_core.tasks.commit:_say_done",
    "merge": "mind_core.tasks.merge:added_up",
    "manifest": "mind_core.tasks.merge:write_safely",
    "tidy": "mind_core.tasks.folder:TaskFolder.tidy",
}
IN_TASKS = ("read", "write", "count", "sync", "done")
"""Points that only a task at work comes to: there a kill must hit one."""


def noting_begun(path: Path) -> Patch:
    """Return what lets each task that is begun be noted in a file."""
    attempt: Any = TaskFolder.attempt

    def noting(self: TaskFolder, task: int) -> Any:
        if sys._getframe(1).f_code is TaskRunner.__call__.__code__:
            with path.open("a") as file:
                file.write(f"{task}\n")
        return attempt(self, task)

    return lambda: setattr(TaskFolder, "attempt", noting)


class Job:
    """A small job of cleaning with a survey, its right result, and the harness."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        texts = folder / "texts"
        texts.mkdir()
        for number in range(INPUTS):
            write_records(
                texts / f"{number}.jsonl.zst",
                [{"id": f"{number}.{n}", "url": "https://a.example/", "text":
                  f"导航 首页 新闻 关于我们\n第{number}.{n}篇：" + "一二三四五六七"[n % 7] * n * 3}
                 for n in range(40)],
            )  # fmt: skip
        self.inputs = (str(texts),)
        self.plugins = make_plugins()
        self.recipe = effective_recipe(
            self.plugins, None, ["whitespace", "site_phrases", "han_count"],
            ["site_phrases.min_pages=3", "han_count.min=12"],
        )  # fmt: skip
        self.harness = Run(folder / "harness", POINTS)
        self.make(folder / "right")()
        self.right = result(folder / "right")

    def make(self, out: Path) -> Callable[[], object]:
        options = TaskOptions(out, self.inputs, jobs=WORKERS, quiet=True, progress=False)
        return lambda: run_clean_job(
            self.plugins, self.recipe, options, CleanOptions(), level=None, skip_bad=0
        )

    def strike(self, fault: Fault, out: Path, patch: Patch | None = None) -> Outcome:
        """Run with a fault, check what is promised, run again without, check the result."""
        began = self.folder / f"{out.name}.began"

        def patched() -> None:
            noting_begun(began)()
            if patch is not None:
                patch()

        self.harness.remember(out)
        first = self.harness.run(self.make(out), fault, out, patched)
        check_promises(out, self.right)
        assert first.code in (0, 1, -signal.SIGKILL)
        if first.code:  # else it went on by itself
            again = self.harness.run(self.make(out), None, out, patched)
            assert again.code == 0, (self.folder / "harness/stderr").read_text()[-3000:]
            check_promises(out, self.right)
        assert result(out) == self.right
        times = Counter(began.read_text().split())
        dead = {"kill": 1, "full disk": 1}.get(fault.action, WORKERS)
        lost = sum(times.values()) - len(times)
        assert len(times) == TASKS and lost <= dead, f"{lost} tasks were done again: {times}"
        return first


def result(out: Path) -> dict[str, str]:
    """Return the hashes of what a complete job is."""
    assert not [name for name in ("work", "attempts", "failed") if (out / name).exists()]
    return {
        str(path.relative_to(out)): sha256_file(path)
        for path in sorted(out.rglob("*"))
        if path.is_file() and not path.is_relative_to(out / "done") and path.name != "plan.json"
    }


def check_promises(out: Path, right: Mapping[str, str]) -> None:
    """Assert what holds at any moment: what has its final name is whole, what is done is there."""
    folder = TaskFolder(out)
    complete = folder.manifest.exists()
    for name, sha256 in right.items():
        if (out / name).exists():
            assert sha256_file(out / name) == sha256, f"{name} has its name, and is not whole"
    for number in folder.done():
        text = folder.done_file(number).read_bytes()
        assert text, f"task {number} is done, and its done file is empty"
        assert text.endswith(b"}\n"), f"the done file of task {number} is not whole"
        for name, told in json.loads(text)["files"].items():
            if not (complete and name.startswith("work/")):
                assert (out / name).exists(), f"task {number} is done, {name} is not there"
                assert sha256_file(out / name) == told["sha256"], f"{name} is not what was done"
    if complete:
        manifest = json.loads(folder.manifest.read_bytes())
        assert manifest["in"] == INPUTS * 40
        assert len(folder.done()) == TASKS, "complete, with tasks that are not done"
        assert len(manifest["files"]) == 3 * INPUTS + 1
        for name, told in manifest["files"].items():
            assert sha256_file(out / name) == told["sha256"]
    if folder.plan.exists():
        read_plan(folder.plan)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    return Job(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def calls(job: Job) -> dict[str, int]:
    """Return how often a run without faults comes to each point."""
    found = job.harness.calls(job.make(job.folder / "counted"), job.folder / "counted")
    assert min(found.values()) > 0
    return found


def drawn(calls: dict[str, int], number: int, seed: int) -> list[Fault]:
    """Return faults at every point in turn, the call and the kind by chance."""
    chance = random.Random(seed)
    points = list(POINTS)
    return [
        Fault(
            (point := points[n % len(points)]),
            chance.randint(1, calls[point]),
            chance.choice(("kill", "kill driver", "power cut", "full disk")),
            after=chance.random() < 0.5,
        )
        for n in range(number)
    ]


def test_a_job_that_is_stopped_anywhere_goes_on_to_the_same_bytes(
    job: Job, calls: dict[str, int], tmp_path: Path
) -> None:
    hit: Counter[str] = Counter()
    for number, fault in enumerate(drawn(calls, FAULTS, seed=FAULTS)):
        first = job.strike(fault, tmp_path / str(number))
        assert first.struck, f"{fault} never happened"
        assert first.at_work or fault.point not in IN_TASKS, f"{fault} hit no task"
        hit[fault.point] += 1
        shutil.rmtree(tmp_path / str(number))
    assert min(hit.values()) >= FAULTS // len(POINTS) and len(hit) == len(POINTS)


def test_a_worker_that_wakes_up_after_its_task_was_done_does_no_harm(
    job: Job, tmp_path: Path
) -> None:
    """Another run does the task and completes the job meanwhile."""
    for number, (point, ordinal) in enumerate(
        [("write", 7), ("sync", 9), ("link", 10), ("done", 5)]
    ):
        out = tmp_path / str(number)
        fault = Fault(point, ordinal, "pause")
        process = job.harness.start(job.make(out), fault, out)
        while not (job.harness.folder / "struck").stat().st_size:
            assert os.waitpid(process, os.WNOHANG) == (0, 0)
            time.sleep(0.01)
        other = Run(job.folder / "other", POINTS)
        assert other.run(job.make(out), None, out).code == 0
        check_promises(out, job.right)
        os.killpg(process, signal.SIGCONT)
        assert job.harness.end(process, out, None).code == 0
        check_promises(out, job.right)
        assert job.harness.run(job.make(out), None, out).code == 0
        assert result(out) == job.right


def patched(owner: Any, name: str, value: Any) -> Patch:
    return lambda: setattr(owner, name, value)


def _done_before_link() -> None:
    link = commit._link

    def late(folder: Any, job: str, task: Any, attempt: Any, made: Any, **more: Any) -> None:
        described = {n: commit._made_safe(p) for n, p in sorted(made.files.items())}
        record = {"job": job, "task": task.number, "stage": task.stage, "name": task.name,
                  "files": described, "counts": made.counts}  # fmt: skip
        commit._say_done(folder, task, attempt, record, more)
        for name, path in made.files.items():
            link(path, folder.path / name, described[name]["sha256"])

    task_module.commit = late  # type: ignore[attr-defined]


def _written_in_place() -> None:
    """Write under the final name, in two steps, as a copy does."""

    def copied(path: Path, target: Path, _: str) -> None:
        commit.make_folder(target.parent)
        data = path.read_bytes()
        with target.open("wb") as file:
            file.write(data[: len(data) // 2])
            file.flush()
            faults.between()
            file.write(data[len(data) // 2 :])

    commit._link = copied  # type: ignore[assignment]


def _manifest_first() -> None:
    """Call the job complete before its stages are."""
    stages = run._run_stages

    def early(tool: Any, options: Any, folder: Any, plan: Any, progress: Any) -> bool:
        told = {"format": "mind-tasks", "job": plan.job, "in": INPUTS * 40, "files": {}}
        commit.write_safely(folder.manifest, commit.as_json(told))
        answer = stages(tool, options, folder, plan, progress)
        folder.manifest.unlink()
        return answer

    run._run_stages = early


def _done_again() -> None:
    """Do tasks whether they are done or not."""
    done, asked = TaskFolder.done, [0]

    def forgetful(self: TaskFolder) -> set[int]:
        asked[0] += 1  # before each stage, and after it
        return done(self) if asked[0] % 2 else set()

    TaskFolder.done = forgetful  # type: ignore[method-assign]
    exists = Path.exists
    Path.exists = lambda self, **more: (  # type: ignore[method-assign]
        self.parent.name != "done" and exists(self, **more)
    )


def _half_is_enough() -> None:
    """Complete a job with what there is: tasks that are not done are left out."""
    run._tasks_failed = lambda *_: MindError("some failed")
    run_stages = run._run_stages

    def forgiving(*arguments: Any) -> bool:
        try:
            return run_stages(*arguments)
        except MindError:
            return True

    def partial(folder: TaskFolder, plan: Any, *_: Any) -> dict[str, Any]:
        keep = [t for t in plan.summary_tasks if folder.done_file(t.number).exists()]
        files = {n: told for t in keep for n, told in
                 json.loads(folder.done_file(t.number).read_bytes())["files"].items()}  # fmt: skip
        told = {"format": "mind-tasks", "job": plan.job, "in": 40 * len(keep), "files": files}
        commit.write_safely(folder.manifest, commit.as_json(told))
        commit.write_safely(folder.path / "summary.json", commit.as_json({"in": 0, "kept": 0}))
        return told

    run._run_stages, run.merge = forgiving, partial


NOTHING = lambda *_, **__: None  # noqa: E731 - what wrong code does
POWER = [Fault("done", n, "power cut", after=True) for n in (1, 4, 6)]
MUTANTS: dict[str, tuple[Patch, list[Fault]]] = {
    "files are not synced": (patched(commit, "_sync_file", NOTHING), POWER),
    "names are not synced": (patched(commit, "_sync_names", NOTHING), POWER),
    "done before its files": (
        _done_before_link, [Fault("done", n, "kill driver", after=True) for n in (1, 5)]),
    "written under the final name": (
        _written_in_place, [Fault("between", n, "kill driver") for n in (30, 33)]),
    "complete before it is": (_manifest_first, [Fault("write", 5, "kill driver")]),
    "what is done is forgotten": (_done_again, [Fault("done", 4, "kill driver", after=True)]),
    "complete with what there is": (
        _half_is_enough, [Fault("write", n, "full disk") for n in (8, 9)]),
    "a file that is there is not compared": (patched(commit, "_check_same", NOTHING), []),
    "the first result is replaced": (
        patched(commit, "_link", lambda path, target, _: (
            commit.make_folder(target.parent), path.replace(target))), []),
    "what was read is not checked": (patched(RangeReader, "verify", NOTHING), []),
    "versions are not compared": (patched(task_module, "check_versions", NOTHING), []),
}  # fmt: skip


def second_results(job: Job, out: Path, patch: Patch) -> None:
    """Do a task again with other bytes, with other files, of a changed input, elsewhere.

    Each must be an error, and change nothing.
    """

    def again() -> None:
        job.make(out)()
        patch()
        folder = TaskFolder(out)
        plan = read_plan(folder.plan)
        with folder.attempt(0) as attempt:
            (attempt.path / "other").write_bytes(b"other")
            name = f"output/{plan.summary_tasks[0].name}.jsonl.zst"
            before = (out / name).read_bytes()
            made = commit.TaskResult({name: attempt.path / "other"})
            with pytest.raises(MindError):
                commit.commit(folder, plan.job, plan.tasks[-1], attempt, made)
            assert (out / name).read_bytes() == before
        task = replace(plan.tasks[0], range=replace(plan.tasks[0].range, sha256="0" * 64))
        with pytest.raises(MindError):
            list(task_module.TaskContext(task, out, out, 1).batches())
        elsewhere = replace(plan, versions={**plan.versions, "orjson": "0.1"})
        with pytest.raises(MindError):
            TaskRunner(folder, elsewhere, (0, 0, 0), NOTHING, ("mind-clean",), 1)(0)

    outcome = job.harness.run(again, None, out)
    assert outcome.code == 0, (job.harness.folder / "stderr").read_text()[-2000:]


def test_second_results_are_refused(job: Job, tmp_path: Path) -> None:
    second_results(job, tmp_path / "out", NOTHING)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_harness_catches_wrong_code(job: Job, tmp_path: Path, name: str) -> None:
    patch, struck = MUTANTS[name]
    with pytest.raises((AssertionError, MindError)):
        for number, fault in enumerate(struck):
            job.strike(fault, tmp_path / str(number), patch)
        if not struck:
            second_results(job, tmp_path / "out", patch)
