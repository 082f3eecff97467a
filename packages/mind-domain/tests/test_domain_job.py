"""Replies and reasons as jobs: the bytes of one process, and no answer is paid for twice."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from mind_core import MindError, Record
from mind_core.errors import UsageError
from mind_core.output import write_records
from mind_core.runner import StreamOptions
from mind_core.stream import read_records
from mind_core.tasks.options import TaskOptions
from mind_domain.answering import run_answer
from mind_domain.distilling import DistilRule, run_distil
from mind_domain.domains.finance.finance import Finance
from mind_domain.job import asking_tasks, run_answer_job, run_distil_job
from mind_domain.options import load_plugins
from mind_domain.requests import Limits, RequestLog
from mind_domain.teachers import Decoding
from mind_tok.sentencepiece import Bpe
from mind_train.checkpoint import save_checkpoint
from mind_train.models.mindllm import MindLLMConfig

HERE = Path(__file__).parent
DECODING = Decoding(max_tokens=6)


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIND_START_METHOD", "fork")  # a new process would load torch again


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that learned nothing: what it says is the same each time."""
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(1)
    tokenizer = Bpe().train(["the dividend grows", "Answer: rise", "yes and no"] * 20, 300)
    tokenizer.save(folder / "tokenizer")
    config = MindLLMConfig(
        vocab=tokenizer.vocab_size, dim=16, layers=1, heads=1, ffn_dim=32, context=96
    )
    state = {"x": torch.zeros(1)}
    save_checkpoint(folder / "run", 1, "mindllm", config.build(), state, {}, folder / "tokenizer")
    return folder / "run"


@pytest.fixture(scope="module")
def server(checkpoint: Path) -> Iterator[Any]:
    with load("loopback").serving(checkpoint) as running:
        yield running


def question(number: int) -> Record:
    return {"id": f"q{number}", "messages": [{"role": "user", "content": f"which of {number}?"},
                                             {"role": "assistant", "content": "none"}]}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    questions = tmp_path / "questions"
    questions.mkdir()
    for part in range(2):
        rows = [question(part * 4 + n) for n in range(4)]
        write_records(questions / f"{part}.jsonl", rows, level=0)
    with (questions / "1.jsonl").open("a") as file:
        file.write("no record\n")
    return tmp_path


def test_a_job_that_stops_goes_on_and_pays_for_nothing_twice(
    folder: Path, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.asked.clear(), server.answered.clear()
    models, limits = [("tiny", f"{server.address}#tiny")], Limits(concurrency=1)
    one = StreamOptions(
        tuple(map(str, sorted((folder / "questions").iterdir()))), folder / "one.jsonl", level=0,
        skip_bad=1, quiet=True, progress=False,
    )  # fmt: skip
    run_answer(models, DECODING, limits, None, one)
    assert sum(server.answered.values()) == 8
    asking = asking_tasks(models, limits, one)
    job = TaskOptions(
        folder / "into", (str(folder / "questions"),), task_bytes=200, retries=1, quiet=True,
        progress=False,
    )  # fmt: skip
    add = RequestLog.add

    def dying(self: RequestLog, *given: Any) -> None:
        add(self, *given)
        if given[0].messages[0]["content"] == "which of 5?":
            os.kill(os.getpid(), 9)

    monkeypatch.setattr(RequestLog, "add", dying)
    with pytest.raises(MindError) as died:  # once by itself, and again what is in the log helps
        run_answer_job(asking, DECODING, job)
        raise MindError("done")
    assert died.value.message == "done"
    assert sum(server.answered.values()) == 16
    outputs = sorted((folder / "into/output").iterdir())
    assert len(outputs) > 2
    assert b"".join(map(Path.read_bytes, outputs)) == (folder / "one.jsonl").read_bytes()
    summary = json.loads((folder / "into/summary.json").read_bytes())
    assert (summary["in"], summary["kept"], summary["bad"]) == (9, 8, {"not_json": 1})
    (bad,) = [
        r for path in sorted((folder / "into/rejects").iterdir()) for r in read_records([path])
    ]
    assert bad["metadata"]["mind"]["rejected"]["line"] == "no record"
    logs = [
        line for p in (folder / "into/answers").iterdir() for line in p.read_bytes().splitlines()
    ]
    assert len(logs) == 8


def test_an_id_that_comes_twice_is_refused_before_anything_is_asked(
    folder: Path, server: Any
) -> None:
    server.asked.clear()
    write_records(folder / "questions/2.jsonl", [question(0)], level=0)
    models = [("tiny", f"{server.address}#tiny")]
    asking = asking_tasks(models, Limits(), StreamOptions(skip_bad=1))
    job = TaskOptions(folder / "into", (str(folder / "questions"),), quiet=True, progress=False)
    with pytest.raises(MindError, match="1 task failed") as error:
        run_answer_job(asking, DECODING, job)
    assert "1 ids come twice, as 'q0'" in str(error.value.cause)
    assert not server.asked


def test_reasons_as_a_job(checkpoint: Path, tmp_path: Path) -> None:
    """A model that learned nothing gives none: all records are rejected, with the reasons."""
    noted = {"label": "rise", "labels": ["rise", "flat", "fall"], "cluster": "KO",
             "ticker": "KO", "horizon": 1, "published": "2015-07-02T10:00:00-04:00",
             "change": 0.0123}  # fmt: skip
    rows = [{"id": f"r{n}", "text": "the dividend grows", "metadata": {"mind": {"domain": noted}}}
            for n in range(3)]  # fmt: skip
    write_records(tmp_path / "train.jsonl", rows, level=0)
    with (tmp_path / "train.jsonl").open("a") as file:
        file.write("no record\n")
    rule = DistilRule(str(checkpoint), DECODING, "en")
    one = StreamOptions(
        (str(tmp_path / "train.jsonl"),), tmp_path / "kept.jsonl", tmp_path / "no.jsonl",
        tmp_path / "s.json", skip_bad=1, quiet=True, progress=False,
    )  # fmt: skip
    run_distil(Finance(), rule, Limits(), None, one)
    asking = asking_tasks([("teacher", rule.teacher)], Limits(), one)
    job = TaskOptions(tmp_path / "into", one.inputs, quiet=True, progress=False)
    told = run_distil_job(asking, Finance(), {}, rule, load_plugins(()), job)
    gone = list(read_records([tmp_path / "no.jsonl"]))
    assert len(gone) == 4  # the line that is no record too
    rejects = list(read_records([tmp_path / "into/rejects/train.jsonl.zst"]))
    assert [one["metadata"]["mind"]["rejected"]["reason"] for one in gone] == [
        one["metadata"]["mind"]["rejected"]["reason"] for one in rejects
    ]
    expected = json.loads((tmp_path / "s.json").read_bytes())
    del expected["details"]["asked"], expected["details"]["in_log"], expected["seconds"]
    expected.pop("loops", None)
    assert told == expected
    with pytest.raises(UsageError, match="--max-requests does not go with --into"):
        asking_tasks([("teacher", rule.teacher)], Limits(requests=2), one)
