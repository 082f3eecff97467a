"""The answer log: a kill loses a batch at most, no other model's answer is taken, ranks agree."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mind_core import MindError
from mind_core.testing import run_tool, signalling
from mind_eval.response_cache import (
    ResponseCache,
    WrittenText,
    answer_key,
    base_key,
    read_answers,
)
from mind_eval.results import read_items, read_scores

ONE = {"OMP_NUM_THREADS": "1"}
ASKED = ["--benchmark", "mmlu", "--form", "cloze", "--shots", "2", "--limit", "60",
         "--batch-tokens", "300"]  # fmt: skip


def command(model: Path, output: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "mind_eval", "run", "--model", str(model), *ASKED,
            "-o", str(output), "-q", *more]  # fmt: skip


def results(folder: Path) -> tuple[dict[str, Any], list[Any]]:
    return read_scores(folder)["results"], read_items(folder)


@pytest.fixture(scope="module")
def whole(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "scores"
    subprocess.run(command(model_folder, folder), check=True, env={**os.environ, **ONE})
    return folder


def test_a_killed_run_goes_on_from_its_log(whole: Path, model_folder: Path, tmp_path: Path) -> None:
    output, log = tmp_path / "scores", tmp_path / "scores.answers" / "rank-0.jsonl"
    killed = signalling(
        "mind-eval", "mind_eval.response_cache:ResponseCache.add", 3, signal.SIGKILL
    )
    done = subprocess.run(
        [*killed, *command(model_folder, output)[3:]], env={**os.environ, **ONE}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    kept = log.read_bytes()
    assert not output.exists(), "a killed run leaves no scores"
    with log.open("ab") as file:
        file.write(b'{"key": "cut sho')  # as a kill amid a write leaves it
    subprocess.run(command(model_folder, output), check=True, env={**os.environ, **ONE})
    assert log.read_bytes().startswith(kept), "the log is only ever added to"
    lines = [line for line in log.read_bytes().split(b"\n") if line and b"cut sho" not in line]
    keys = [json.loads(line)["key"] for line in lines]
    again = len(keys) - len(set(keys))
    assert again <= 4 * 8, "one batch at most is read twice"
    assert results(output) == results(whole), "to the last bit"


def test_score_measures_again_without_the_model(whole: Path, tmp_path: Path) -> None:
    done = run_tool(
        "mind-eval",
        ["score", whole.with_name("scores.answers"), "-o", tmp_path / "again", "--json"],
        environment=ONE,
    )
    assert done.code == 0, done.stderr
    assert results(tmp_path / "again") == results(whole)
    first, second = (read_scores(f)["benchmarks"]["mmlu"] for f in (whole, tmp_path / "again"))
    assert first == second, "shots that were kept, too"
    done = run_tool("mind-eval", ["score", tmp_path], environment=ONE)
    assert done.code == 1 and "is no answer log" in done.stderr


def test_two_ranks_give_the_same_bytes_as_one(
    whole: Path, model_folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "scores"
    subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone",
         *command(model_folder, output)[1:]],
        check=True, env={**os.environ, **ONE}, timeout=240,
    )  # fmt: skip
    assert (output / "items.jsonl.zst").read_bytes() == (whole / "items.jsonl.zst").read_bytes()
    assert read_scores(output)["results"] == read_scores(whole)["results"]
    logs = sorted((tmp_path / "scores.answers").glob("rank-*.jsonl"))
    assert len(logs) == 2 and all(path.stat().st_size for path in logs), "both have worked"


def test_a_key_holds_all_that_an_answer_depends_on(tmp_path: Path) -> None:
    base = base_key(("weights", "tokenizer", "float32"))
    key = answer_key(base, (1, 2, 3), 1)
    others = [
        answer_key(base_key(("other", "tokenizer", "float32")), (1, 2, 3), 1),
        answer_key(base_key(("weights", "other", "float32")), (1, 2, 3), 1),
        answer_key(base_key(("weights", "tokenizer", "bfloat16")), (1, 2, 3), 1),
        answer_key(base, (1, 23), 1),
        answer_key(base, (1, 2, 3), 2),
        answer_key(base, (12, 3), 1),
    ]
    assert len({key, *others}) == 7
    log = ResponseCache(tmp_path / "log")
    log.add({key: (-1.5, True), "text": WrittenText("你好\n")})
    log.close()
    again = ResponseCache(tmp_path / "log", rank=1)
    assert again.get(key) == (-1.5, True) and again.get("text") == "你好\n"
    assert again.get(others[0]) is None
    again.close()
    assert read_answers(tmp_path / "log").keys() == {key, "text"}
    (tmp_path / "file").write_text("")
    with pytest.raises(MindError, match="cannot be written"):
        ResponseCache(tmp_path / "file")
