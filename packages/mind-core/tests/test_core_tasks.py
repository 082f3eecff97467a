"""Tasks over files: plans, cuts, commits, retries, shards, what is refused."""

from __future__ import annotations

import gzip
import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard

from mind_core.errors import BadRecord, MindError, UsageError
from mind_core.files import as_json
from mind_core.output import write_records
from mind_core.records import BOM
from mind_core.stream import read_records
from mind_core.summary import Summary
from mind_core.tasks import versions
from mind_core.tasks.commit import NotDeterministic, TaskResult, commit
from mind_core.tasks.folder import TaskFolder
from mind_core.tasks.inputs import find_files
from mind_core.tasks.merge import comparable_summary, counts_of
from mind_core.tasks.options import TaskOptions, parse_shard, parse_size
from mind_core.tasks.plan import PlannedStage, read_plan
from mind_core.tasks.ranges import ByteRange, InputChanged, batches_of_range, cut_file, open_range
from mind_core.tasks.run import TaskTool, run_job
from mind_core.tasks.status import status_of
from mind_core.tasks.task import TaskContext

TOOL = "mind-core"


def upper(context: TaskContext) -> TaskResult:
    """Write the range's records with their lines' numbers; drop what has no text."""
    output, rejects = context.scratch / "output", context.scratch / "rejects"
    summary = Summary(TOOL)
    kept, dropped = [], []
    for batch in context.batches():
        for number, line in batch.lines():
            record = json.loads(line)
            summary.records_in += 1
            if record["text"]:
                kept.append({"text": record["text"].upper(), "line": number})
            else:
                dropped.append(record)
    summary.kept, summary.rejected["empty"] = len(kept), len(dropped)
    write_records(output, kept)
    write_records(rejects, dropped)
    told = comparable_summary(summary)
    (context.scratch / "summary.json").write_bytes(as_json(told))
    name = context.task.name
    return TaskResult(
        {f"output/{name}.jsonl.zst": output, f"rejects/{name}.jsonl.zst": rejects,
         f"summaries/{name}.json": context.scratch / "summary.json"},
        counts_of(told),
    )  # fmt: skip


def failing(name: str, how: Callable[[], None]) -> Callable[[TaskContext], TaskResult]:
    """Return the work, failing for one task."""

    def work(context: TaskContext) -> TaskResult:
        if context.task.name == name:
            how()
        return upper(context)

    return work


def a_tool(work: Callable[[TaskContext], TaskResult] = upper, **settings: Any) -> TaskTool:
    return TaskTool(TOOL, settings, (PlannedStage("shout"),), work, lambda details: {})


def lines_of(folder: Path) -> Iterator[Any]:
    for one in read_plan(folder / "plan.json").summary_tasks:
        yield from read_records([folder / "output" / f"{one.name}.jsonl.zst"])


def tree(folder: Path) -> dict[str, bytes]:
    """Return the files of a job by name, but for what tells of times and hosts."""
    found = {str(path.relative_to(folder)): path.read_bytes()
             for path in sorted(folder.rglob("*")) if path.is_file()}  # fmt: skip
    return {name: data for name, data in found.items() if not name.startswith(("done/", "plan"))}


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Four files of eight records; every fifth has no text."""
    folder = tmp_path / "texts"
    for number in range(4):
        records = [{"text": f"{number}.{n} 字" if n % 5 else ""} for n in range(8)]
        path = folder / ("deep" if number == 3 else ".") / f"{number}.jsonl.zst"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_records(path, records)
    return folder


@pytest.fixture
def options(tmp_path: Path, texts: Path) -> TaskOptions:
    return TaskOptions(tmp_path / "out", (str(texts),), quiet=True, progress=False)


def test_each_input_has_an_output_of_its_name(options: TaskOptions) -> None:
    summary = run_job(a_tool(), options)
    assert summary is not None
    assert (summary["in"], summary["kept"], summary["rejected"]) == (32, 24, {"empty": 8})
    made = sorted(p.relative_to(options.into / "output").as_posix()
                  for p in (options.into / "output").rglob("*.zst"))  # fmt: skip
    assert made == ["0.jsonl.zst", "1.jsonl.zst", "2.jsonl.zst", "deep/3.jsonl.zst"]
    assert [r["text"] for r in lines_of(options.into)][:2] == ["0.1 字", "0.2 字"]
    assert json.loads((options.into / "manifest.json").read_bytes())["in"] == 32
    assert not (options.into / "attempts").exists()


def test_any_number_of_workers_and_shards_makes_the_same_bytes(options: TaskOptions) -> None:
    run_job(a_tool(), options)
    two = replace(options, into=options.into.with_name("two"), jobs=2)
    run_job(a_tool(), two)
    assert tree(two.into) == tree(options.into)
    parts = replace(options, into=options.into.with_name("parts"))
    for part in range(3):
        done = run_job(a_tool(), replace(parts, shard=(part, 3)))
        assert (done is None) == (part < 2)
    assert tree(parts.into) == tree(options.into)


def test_what_is_done_is_not_done_again(options: TaskOptions) -> None:
    with pytest.raises(MindError, match="1 task failed, 3 are done"):
        run_job(a_tool(failing("1", fail)), replace(options, retries=0))
    assert not (options.into / "manifest.json").exists()
    again = a_tool(failing("0", fail))
    run_job(again, options)
    assert (options.into / "manifest.json").exists()
    assert run_job(again, options) is not None


def fail() -> None:
    raise MindError("nothing works today")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_task_that_kills_its_worker_is_named_and_the_others_are_done(
    options: TaskOptions,
) -> None:
    with pytest.raises(MindError) as caught:
        run_job(a_tool(failing("2", die)), replace(options, retries=2, jobs=2))
    assert "SIGKILL" in str(caught.value.cause) and "2: " in str(caught.value.cause)
    status = status_of(TaskFolder(options.into))
    assert (status.done, status.left, status.failed[0]["attempts"]) == (3, 0, 3)
    assert "shout 2, 3 tries" in "\n".join(status.lines())
    assert "failed" not in "\n".join(status.lines()[1:3])
    run_job(a_tool(), options)
    told = json.loads((options.into / "done" / "000002.json").read_bytes())
    assert told["attempts"] == 4
    assert status_of(TaskFolder(options.into)).complete


def test_what_cannot_help_is_not_tried_again(options: TaskOptions) -> None:
    def bad() -> None:
        raise BadRecord("not_json", "1.jsonl.zst:3", b"oh")

    with pytest.raises(MindError, match="1 task failed"):
        run_job(a_tool(failing("1", bad)), options)
    assert status_of(TaskFolder(options.into)).failed[0]["attempts"] == 1


def test_another_job_in_the_folder_is_refused(
    options: TaskOptions, texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_job(a_tool(recipe={"min": 1}), options)

    def refused(tool: TaskTool, options: TaskOptions) -> str:
        with pytest.raises(MindError, match="holds another job") as caught:
            run_job(tool, options)
        return str(caught.value.cause)

    assert refused(a_tool(recipe={"min": 2}), options) == "recipe.min was 1 and is 2"
    assert "--task-size" in refused(a_tool(recipe={"min": 1}), replace(options, task_bytes=7))
    (texts / "0.jsonl.zst").rename(texts / "9.jsonl.zst")
    assert refused(a_tool(recipe={"min": 1}), options) == (
        "9.jsonl.zst is new; 0.jsonl.zst is missing"
    )
    (texts / "9.jsonl.zst").rename(texts / "0.jsonl.zst")
    kept = (texts / "1.jsonl.zst").read_bytes()
    write_records(texts / "1.jsonl.zst", [{"text": "other"}])
    assert refused(a_tool(recipe={"min": 1}), options) == "1.jsonl.zst has changed"
    (texts / "1.jsonl.zst").write_bytes(kept)  # another time, the same bytes: the same job
    assert run_job(a_tool(recipe={"min": 1}), options) is not None
    other = {**versions.versions_of([TOOL]), "orjson": "0.1"}
    monkeypatch.setattr("mind_core.tasks.run.versions_of", lambda roots: other)
    assert "orjson was" in refused(a_tool(recipe={"min": 1}), options)


def test_a_machine_with_other_versions_does_nothing(
    options: TaskOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mind_core.tasks.task.check_versions", lambda planned, roots:
                        versions.check_versions({**planned, "orjson": "0.1"}, roots))  # fmt: skip
    with pytest.raises(versions.OtherVersions, match="planned with other versions"):
        run_job(a_tool(), options)
    assert not TaskFolder(options.into).done()


def test_an_input_that_changes_meanwhile_is_named(options: TaskOptions, texts: Path) -> None:
    def change() -> None:
        with (texts / "1.jsonl.zst").open("ab") as file:
            file.write(zstandard.compress(b'{"text": "more"}\n'))

    with pytest.raises(MindError) as caught:
        run_job(a_tool(failing("1", change)), options)
    assert "1.jsonl.zst has changed since the job was planned" in str(caught.value.cause)
    assert TaskFolder(options.into).done() == {0, 2, 3}


def test_a_second_result_must_be_the_first_one(options: TaskOptions, tmp_path: Path) -> None:
    run_job(a_tool(), options)
    folder = TaskFolder(options.into)
    plan = read_plan(folder.plan)
    before = folder.done_file(0).read_bytes()

    def again(**change: Any) -> None:
        with folder.attempt(0) as attempt:
            context = TaskContext(plan.tasks[0], folder.path, attempt.path, 1)
            commit(folder, plan.job, plan.tasks[0], attempt, replace(upper(context), **change))

    again()
    assert folder.done_file(0).read_bytes() == before
    (tmp_path / "other").write_bytes(b"other")
    with pytest.raises(NotDeterministic, match="is there with other bytes"):
        again(files={"output/0.jsonl.zst": tmp_path / "other"})
    with pytest.raises(NotDeterministic, match="done before with another result"):
        again(counts={"in": 1})
    assert folder.done_file(0).read_bytes() == before


def test_a_task_whose_file_is_gone_is_done_again(options: TaskOptions) -> None:
    run_job(a_tool(), options)
    whole = tree(options.into)
    (options.into / "output" / "1.jsonl.zst").unlink()
    with pytest.raises(MindError, match=r"1.jsonl.zst is missing"):
        run_job(a_tool(), options)
    (options.into / "manifest.json").unlink()
    run_job(a_tool(), options)
    assert tree(options.into) == whole


def test_records_that_are_lost_leave_no_manifest(options: TaskOptions) -> None:
    def losing(context: TaskContext) -> TaskResult:
        made = upper(context)
        return replace(made, counts={**made.counts, "kept": made.counts["kept"] - 1})

    with pytest.raises(MindError, match="32 records went in, but 28"):
        run_job(a_tool(losing), options)
    assert not (options.into / "manifest.json").exists()


@pytest.mark.parametrize("kind", ["plain", "frames"])
def test_large_files_are_cut_between_lines(tmp_path: Path, options: TaskOptions, kind: str) -> None:
    lines = [json.dumps({"text": f"{n} " + "x" * (n * 37 % 90)}).encode() for n in range(300)]
    lines[40:40] = [b"", b"  "]
    data = BOM + b"\n".join(lines)
    path = tmp_path / ("big.jsonl" if kind == "plain" else "big.jsonl.zst")
    if kind == "plain":
        path.write_bytes(data)
    else:  # a frame may end within a line
        parts = [data[start : start + 700] for start in range(0, len(data), 700)]
        parts = [b"".join(parts[:9]), *(line + b"\n" for line in data[6300:].split(b"\n"))]
        path.write_bytes(b"".join(map(zstandard.compress, parts[:-1]))
                         + zstandard.compress(parts[-1][:-1]))  # fmt: skip
    whole = replace(options, inputs=(str(path),), into=tmp_path / "whole")
    cut = replace(whole, into=tmp_path / "cut", task_bytes=1500)
    run_job(a_tool(), whole)
    run_job(a_tool(), cut)
    plan = read_plan(cut.into / "plan.json")
    assert len(plan.tasks) > 4 and len(read_plan(whole.into / "plan.json").tasks) == 1
    assert plan.tasks[1].name == "big.part-0001"
    assert list(lines_of(cut.into)) == list(lines_of(whole.into))
    ranges = [one for _, one in plan.ranges]
    assert [one.start for one in ranges[1:]] == [one.stop for one in ranges[:-1]]


def test_what_has_no_place_to_begin_in_is_one_task(tmp_path: Path) -> None:
    data = b'{"text": "a"}\n' * 1000
    for name, content in (
        ("gz", gzip.compress(data)), ("frame", zstandard.compress(data)),
        ("array", b"[" + data.replace(b"\n", b",\n") + b"{}]"),
        ("tar", b"\0" * 257 + b"ustar" * 99),
    ):  # fmt: skip
        path = tmp_path / name
        path.write_bytes(content)
        _, ranges = cut_file(str(path), len(content), 10, lines=True, on_read=lambda _: None)
        assert [(one.start, one.stop) for one in ranges] == [(0, len(content))], name


def test_a_range_says_if_it_is_not_what_was_planned(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n{"b": 2}\n')
    _, ranges = cut_file(str(path), 18, 9, lines=True, on_read=lambda _: None)
    assert [(one.start, one.first_line) for one in ranges] == [(0, 1), (9, 2)]

    def read(range_: ByteRange) -> list[str]:
        with open_range(str(path), "a", range_, 18) as source:
            return [b.position(n) for b in batches_of_range(source, "a", range_)
                    for n, _ in b.lines()]  # fmt: skip

    assert read(ranges[1]) == ["a:2"]
    path.write_bytes(b'{"a": 1}\n{"b": 3}\n')
    assert read(ranges[0]) == ["a:1"]
    with pytest.raises(InputChanged):
        read(ranges[1])


def test_inputs_may_be_files_folders_globs_and_lists(
    texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (texts / "README.md").write_text("not a record")
    (texts / ".hidden.jsonl").write_text("")
    (tmp_path / "list").write_text(f"{texts}/2.jsonl.zst\n\n{texts}/0.jsonl.zst\n")

    def names(*items: str, from_list: Path | None = None) -> list[str]:
        return [one.name for one in find_files(items, from_list, TOOL)]

    assert names(str(texts)) == ["0.jsonl.zst", "1.jsonl.zst", "2.jsonl.zst", "deep/3.jsonl.zst"]
    assert "passed over 1 files" in capsys.readouterr().err
    assert names(f"{texts}/[12].*") == ["1.jsonl.zst", "2.jsonl.zst"]
    assert names(from_list=tmp_path / "list") == ["2.jsonl.zst", "0.jsonl.zst"]
    assert names(f"{texts}/deep/3.jsonl.zst") == ["3.jsonl.zst"]
    (tmp_path / "empty").mkdir()
    for wrong in (f"{texts}/no*", f"{texts}/none", str(tmp_path / "empty"), "-"):
        with pytest.raises(MindError):
            names(wrong)
    with pytest.raises(UsageError, match="named twice"):
        names(str(texts), f"{texts}/0.jsonl.zst")


def test_the_outputs_of_a_job_are_the_inputs_of_the_next(options: TaskOptions) -> None:
    run_job(a_tool(), options)
    found = find_files([str(options.into)], None, TOOL)
    assert [one.name for one in found] == [
        "0.jsonl.zst", "1.jsonl.zst", "2.jsonl.zst", "deep/3.jsonl.zst",
    ]  # fmt: skip
    (options.into / "manifest.json").unlink()
    with pytest.raises(MindError, match="job that is not complete"):
        find_files([str(options.into)], None, TOOL)


def test_a_plan_is_what_its_name_says(options: TaskOptions) -> None:
    run_job(a_tool(), replace(options, plan_only=True))
    assert not TaskFolder(options.into).done()
    path = options.into / "plan.json"
    path.write_bytes(path.read_bytes().replace(b'"name": "shout"', b'"name": "whisper"'))
    with pytest.raises(MindError, match="was changed after it was written"):
        read_plan(path)


def test_a_task_of_a_folder_that_became_another_job_keeps_nothing(options: TaskOptions) -> None:
    def replaced() -> None:
        path = options.into / "plan.json"
        path.write_bytes(path.read_bytes() + b" ")

    with pytest.raises(MindError) as caught:
        run_job(a_tool(failing("0", replaced)), replace(options, retries=0))
    assert "became another job" in str(caught.value.cause)
    assert not TaskFolder(options.into).done()


def test_a_job_may_have_stages(options: TaskOptions) -> None:
    """The second stage sees what every task of the first one left."""

    def work(context: TaskContext) -> TaskResult:
        if context.task.stage == "shout":
            made = upper(context)
            count = made.counts["in"]
            path = context.scratch / "count"
            path.write_text(str(count))
            return TaskResult({f"work/{context.task.name}": path})
        if context.task.stage == "sum":
            total = sum(int(p.read_text()) for p in (context.job_folder / "work").rglob("*")
                        if p.is_file())  # fmt: skip
            (context.scratch / "sum").write_text(str(total))
            return TaskResult({"work/sum": context.scratch / "sum"})
        assert (context.job_folder / "work" / "sum").read_text() == "32"
        return upper(context)

    stages = (PlannedStage("shout"), PlannedStage("sum", 1), PlannedStage("say"))
    tool = replace(a_tool(work), stages=stages)
    parts = replace(options, shard=(0, 2))
    assert run_job(tool, parts) is None
    assert run_job(tool, replace(options, shard=(1, 2))) is None  # its own of two stages
    summary = run_job(tool, parts)
    assert summary is not None and summary["in"] == 32
    assert not (options.into / "work").exists()


def test_sizes_and_shards_are_read() -> None:
    assert [parse_size(text) for text in ("7", "1.5K", "256M", "2 GiB")] == [
        7, 1536, 1 << 28, 2 << 30,
    ]  # fmt: skip
    assert parse_shard("3/8") == (3, 8)
    for wrong in ("8/8", "3", "a/b", "-1/2"):
        with pytest.raises(UsageError):
            parse_shard(wrong)
    for wrong in ("", "0", "x", "1X"):
        with pytest.raises(UsageError):
            parse_size(wrong)


def test_a_rerun_reads_no_input_again(
    options: TaskOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MindError):
        run_job(a_tool(failing("1", fail)), replace(options, retries=0))
    monkeypatch.delattr("mind_core.tasks.plan.cut_file")
    assert run_job(a_tool(), options) is not None
