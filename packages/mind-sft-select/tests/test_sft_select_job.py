"""Scoring as a job of tasks: the bytes of one process, for any cut and after any stop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mind_core import MindError, Record
from mind_core.chats import ChatFormat
from mind_core.output import write_records
from mind_core.runner import StreamOptions
from mind_core.stream import read_records
from mind_core.tasks.options import TaskOptions
from mind_core.tasks.plan import read_plan
from mind_core.testing import run_tool
from mind_sft_select import job as job_module
from mind_sft_select.job import run_score_job
from mind_sft_select.score_stream import ScoreStep
from mind_sft_select.scoring.run import ScoreOptions, run_scores

SHARD = 5


@pytest.fixture(autouse=True)
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIND_START_METHOD", "fork")  # a new process would load torch again


@pytest.fixture
def data(tmp_path: Path, made_instructions: list[Record]) -> Path:
    """Lines that may be cut, blank ones among them; an array that may not; what is too long."""
    folder = tmp_path / "data"
    folder.mkdir()
    lines = [json.dumps(one, ensure_ascii=False) for one in made_instructions[:17]]
    long = {"instruction": "水", "output": "水是很常见的。" * 60}
    lines[3:3] = ["", "  ", json.dumps(long, ensure_ascii=False), "no record"]
    (folder / "a.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "b.json").write_text(json.dumps(made_instructions[17:], ensure_ascii=False, indent=1))
    return folder


def score(model: Path, data: Path, into: Path, **more: Any) -> dict[str, Any] | None:
    options = TaskOptions(into, (str(data),), task_bytes=700, quiet=True, progress=False, **more)
    return run_score_job(
        ScoreOptions(str(model)), ChatFormat(), options, level=0, skip_bad=1, shard=SHARD
    )


def test_a_job_scores_what_one_process_scores(
    model_folder: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, into = tmp_path / "one.jsonl", tmp_path / "into"
    rejects, summary = tmp_path / "rejects.jsonl", tmp_path / "summary.json"
    stream = StreamOptions(
        tuple(str(path) for path in sorted(data.iterdir())), one, rejects, summary, level=0,
        skip_bad=1, quiet=True, progress=False,
    )  # fmt: skip
    run_scores(ScoreOptions(str(model_folder)), ChatFormat(), stream, SHARD)
    right: Any = ScoreStep._score

    def failing(self: ScoreStep, given: Any, keys: Any) -> Any:
        if given and given[0].position.endswith(":13"):
            raise MindError("out of memory")
        return right(self, given, keys)

    monkeypatch.setattr(ScoreStep, "_score", failing)
    with pytest.raises(MindError, match="1 task failed, 4 are done"):
        score(model_folder, data, into, retries=0)
    assert not (into / "manifest.json").exists()
    monkeypatch.setattr(ScoreStep, "_score", right)
    assert score(model_folder, data, into, shard=(1, 2)) is None  # of others
    told = score(model_folder, data, into, shard=(0, 2))
    parts = [task.name for task in read_plan(into / "plan.json").tasks]
    assert len(parts) == 5 and parts[-1] == "b"
    assert b"".join((into / f"output/{n}.jsonl").read_bytes() for n in parts) == one.read_bytes()
    gone = [list(read_records([into / f"rejects/{name}.jsonl.zst"])) for name in parts]
    strip = [dict(r, metadata=None) if "id" not in r else r for rows in gone for r in rows]
    assert strip == [
        dict(r, metadata=None) if "id" not in r else r for r in read_records([rejects])
    ]
    expected = json.loads(summary.read_bytes())
    assert expected["rejected"] == {"score.too_long": 1} and expected["bad"]
    for name in ("seconds", "loops"):
        expected.pop(name, None)
    assert told == expected
    assert "complete" in run_tool("mind-sft-select", ["status", into]).stdout.decode()


def test_a_job_is_of_one_model_and_one_kind_of_device(
    model_folder: Path, made_instructions: list[Record], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    data = tmp_path / "data"
    data.mkdir()
    write_records(data / "a.jsonl", made_instructions[:3])
    into = tmp_path / "into"
    arguments = ["score", "--model", model_folder, data, "--into", into]
    refused = run_tool("mind-sft-select", [*arguments, "--scores", tmp_path / "scores"])
    assert refused.code == 2 and "--scores does not go with --into" in refused.stderr
    monkeypatch.setattr(job_module, "_device_kind", lambda _: "cuda")
    options = TaskOptions(into, (str(data),), plan_only=True, quiet=True, progress=False)
    plain = ScoreOptions(str(model_folder))
    run_score_job(plain, ChatFormat(), options, level=None, skip_bad=0)
    monkeypatch.undo()
    with pytest.raises(MindError, match="holds another job") as error:
        score(model_folder, data, into)
    assert "device was 'cuda' and is 'cpu'" in str(error.value.cause)
