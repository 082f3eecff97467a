"""Jobs of mind-dedup under faults: six stages are stopped anywhere and go on to the same bytes.

`MIND_FAULTS=500` tries so many; `nox -s faults` does.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from faults import Fault, Run

from mind_core.files import sha256_file
from mind_core.output import write_records
from mind_core.recipe import load_recipe
from mind_core.runner import StreamOptions
from mind_core.stream import read_lines
from mind_core.tasks.folder import TaskFolder
from mind_core.tasks.options import TaskOptions
from mind_core.tasks.plan import read_plan
from mind_dedup.config import make_plugins, plan
from mind_dedup.pipeline import Job as Stream
from mind_dedup.pipeline import deduplicate
from mind_dedup.tasks.job import dedup_settings, run_dedup_job

FAULTS = int(os.environ.get("MIND_FAULTS", "5"))
INPUTS, PARTITIONS, WORKERS = 2, 2, 2
TASKS = 3 * INPUTS + 2 * PARTITIONS + 1
POINTS = {
    "keys": "mind_dedup.tasks.key_runs:KeyWriter._write_run",
    "pairs": "mind_dedup.tasks.pairs:pairs_of_part",
    "unite": "mind_dedup.tasks.groups:Forest.unite",
    "candidates": "mind_dedup.tasks.sections:SectionWriter.add",
    "decide": "mind_dedup.deduplicator:Deduplicator.decide",
    "plan": "mind_core.tasks.run:make_plan",
    "read": "mind_core.tasks.ranges:RangeReader.readinto",
    "write": "mind_core.output:Output._pass_on",
    "sync": "mind_core.tasks.commit:_sync_file",
    "link": "mind_core.tasks.commit:_link",
    "done": "mind_core.tasks.commit:_say_done",
    "merge": "mind_core.tasks.merge:added_up",
    "manifest": "mind_core.tasks.merge:write_safely",
    "tidy": "mind_core.tasks.folder:TaskFolder.tidy",
}
"""The first five are of this tool's stages; a short run comes to these alone."""

IN_TASKS = ("read", "keys", "pairs", "unite", "candidates", "decide", "write", "sync", "done")
"""Points that only a task at work comes to: there a fault must hit one."""


class Job:
    """A small job with duplicates within and between inputs, its right result, and the harness."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        texts = folder / "texts"
        texts.mkdir()
        chance = random.Random(3)
        base = [
            "".join(chance.choices("甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未", k=90)) for _ in range(20)
        ]
        for number in range(INPUTS):
            write_records(
                texts / f"{number}.jsonl.zst",
                [{"id": f"{number}.{n}", "text": chance.choice(base) + "龘" * chance.randrange(3)}
                 for n in range(40)],
            )  # fmt: skip
        self.inputs = tuple(map(str, sorted(texts.iterdir())))
        recipe = load_recipe("default", "mind_dedup")
        self.plan = plan(recipe, make_plugins(), allow=True)
        self.settings = dedup_settings(self.plan, PARTITIONS, mark=False, level=None, skip_bad=0)
        self.harness = Run(folder / "harness", POINTS)
        self.make(folder / "right")()
        self.right = result(folder / "right")
        one = StreamOptions(self.inputs, folder / "one.jsonl.zst", quiet=True, progress=False)
        deduplicate(self.plan, one, Stream())

    def make(self, out: Path) -> Callable[[], object]:
        options = TaskOptions(out, self.inputs, jobs=WORKERS, quiet=True, progress=False)
        return lambda: run_dedup_job(self.settings, options)

    def strike(self, fault: Fault, out: Path) -> None:
        """Run with a fault, check what is promised, run again without, check the result."""
        self.harness.remember(out)
        first = self.harness.run(self.make(out), fault, out)
        assert first.struck, f"{fault} never happened"
        assert first.at_work or fault.point not in IN_TASKS, f"{fault} hit no task"
        assert first.code in (0, 1, -signal.SIGKILL)
        check_promises(out, self.right)
        if first.code:  # else it went on by itself
            again = self.harness.run(self.make(out), None, out)
            assert again.code == 0, (self.folder / "harness/stderr").read_text()[-3000:]
        assert result(out) == self.right
        check_promises(out, self.right)


def result(out: Path) -> dict[str, str]:
    """Return the hashes of what a complete job is."""
    assert not [name for name in ("work", "attempts", "failed") if (out / name).exists()]
    return {
        str(path.relative_to(out)): sha256_file(path)
        for path in sorted(out.rglob("*"))
        if path.is_file() and not path.is_relative_to(out / "done") and path.name != "plan.json"
    }


def check_promises(out: Path, right: dict[str, str]) -> None:
    """Assert that what has its final name is whole, and what is done is there."""
    folder = TaskFolder(out)
    complete = folder.manifest.exists()
    for name, sha256 in right.items():
        if (out / name).exists():
            assert sha256_file(out / name) == sha256, f"{name} has its name, and is not whole"
    for number in folder.done():
        for name, told in json.loads(folder.done_file(number).read_bytes())["files"].items():
            if not (complete and name.startswith("work/")):
                assert sha256_file(out / name) == told["sha256"], f"{name} is not what was done"
    if complete:
        manifest = json.loads(folder.manifest.read_bytes())
        assert manifest["in"] == INPUTS * 40 and len(folder.done()) == TASKS


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    return Job(tmp_path_factory.mktemp("faults"))


def test_the_job_keeps_what_one_process_keeps(job: Job) -> None:
    plan = read_plan(job.folder / "right/plan.json")
    found = [job.folder / f"right/output/{task.name}.jsonl.zst" for task in plan.summary_tasks]
    kept = b"".join(batch.data for path in found for batch in read_lines(path))
    one = b"".join(batch.data for batch in read_lines(job.folder / "one.jsonl.zst"))
    assert kept == one and 20 <= kept.count(b"\n") < INPUTS * 40 - 20


def test_a_job_that_is_stopped_anywhere_goes_on_to_the_same_bytes(job: Job, tmp_path: Path) -> None:
    calls = job.harness.calls(job.make(job.folder / "counted"), job.folder / "counted")
    assert min(calls.values()) > 0, calls
    chance = random.Random(FAULTS)
    hit: Counter[str] = Counter()
    for number in range(FAULTS):
        point = list(POINTS)[number % len(POINTS)]
        kind = chance.choice(("kill", "kill driver", "power cut", "full disk"))
        fault = Fault(point, chance.randint(1, calls[point]), kind, after=chance.random() < 0.5)
        job.strike(fault, tmp_path / str(number))
        hit[point] += 1
        shutil.rmtree(tmp_path / str(number))
    assert len(hit) == min(FAULTS, len(POINTS)) and min(hit.values()) >= FAULTS // len(POINTS)
