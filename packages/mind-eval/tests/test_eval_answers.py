"""The answer log: a kill loses a batch at most, no other model's answer is taken, ranks agree."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from forked import at_ranks, in_fork, signal_at_call

from mind_core import MindError, cli
from mind_core.testing import run_tool
from mind_eval.cli import app
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


def command(model: Path, output: Path) -> list[str]:
    return ["run", "--model", str(model), *ASKED, "-o", str(output), "-q"]


def results(folder: Path) -> tuple[dict[str, Any], list[Any]]:
    return read_scores(folder)["results"], read_items(folder)


@pytest.fixture(scope="module")
def whole(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "scores"
    done = run_tool("mind-eval", command(model_folder, folder), environment=ONE)
    assert done.code == 0, done.stderr
    return folder


def test_a_killed_run_goes_on_from_its_log(whole: Path, model_folder: Path, tmp_path: Path) -> None:
    output, log = tmp_path / "scores", tmp_path / "scores.answers" / "rank-0.jsonl"

    def killed() -> None:
        signal_at_call(ResponseCache, "add", 3, signal.SIGKILL)
        cli.run(app, "mind-eval", command(model_folder, output))

    code, said = in_fork(tmp_path / "said.txt", killed)
    assert code == -signal.SIGKILL, said
    kept = log.read_bytes()
    assert not output.exists(), "a killed run leaves no scores"
    with log.open("ab") as file:
        file.write(b'{"key": "cut sho')  # as a kill amid a write leaves it
    done = run_tool("mind-eval", command(model_folder, output), environment=ONE)
    assert done.code == 0, done.stderr
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
    found = at_ranks(2, tmp_path, lambda: cli.run(app, "mind-eval", command(model_folder, output)))
    assert [code for code, _ in found] == [0, 0], found
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
