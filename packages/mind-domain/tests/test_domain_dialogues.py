"""Replies from a real checkpoint, local and behind a server: faults, kills, keys, budgets."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from domain_chats import RECORDS, TEXTS, questions

from mind_core import MindError
from mind_core.output import write_records
from mind_core.stream import read_records
from mind_core.testing import run_tool


def test_local_and_served_replies_are_the_same(
    models: dict[str, Path], server: Any, tmp_path: Path
) -> None:
    write_records(tmp_path / "q.zst", questions())
    server.faults = ["429", "cut", "500"]
    done = run_tool(
        "mind-domain",
        ["answer", "--model", f"here={models['good']}", "--model", f"there={server.address}#tiny",
         "--max-tokens", "40", "--concurrency", "2", "--log", "log.jsonl", "q.zst", "-o", "r.zst"],
        folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.stderr
    replies = list(read_records([tmp_path / "r.zst"]))
    assert [one["question_id"] for one in replies] == [record["id"] for record in RECORDS]
    for one, record in zip(replies, RECORDS, strict=True):
        label = record["metadata"]["mind"]["domain"]["label"]
        assert one["replies"]["here"] == one["replies"]["there"]
        assert one["replies"]["here"] == f"{TEXTS[label][1]}\nAnswer: {label}" == one["reference"]
        assert one["decoding"] == {"max_tokens": 40, "temperature": 0.0, "top_p": 1.0, "seed": 0}
    assert sum(server.asked.values()) == len(RECORDS) + 3  # three tries more for three faults
    assert max(server.answered.values()) == 1
    again = run_tool(
        "mind-domain",
        ["answer", "--model", f"there={server.address}#tiny", "--max-tokens", "40", "--log",
         "log.jsonl", "q.zst", "-o", "again.zst"],
        folder=tmp_path,
    )  # fmt: skip
    assert again.code == 0, again.stderr
    assert "9 were in the log" in again.stderr
    assert sum(server.asked.values()) == len(RECORDS) + 3


def test_a_killed_run_goes_on_without_a_doubled_request(server: Any, tmp_path: Path) -> None:
    write_records(tmp_path / "q.zst", questions())
    server.delay = 0.05
    command = [
        sys.executable, "-m", "mind_domain", "answer", "--model", f"m={server.address}#tiny",
        "--max-tokens", "40", "--concurrency", "1", "--log", "log.jsonl", "q.zst", "-o", "r.zst",
    ]  # fmt: skip
    log = tmp_path / "log.jsonl"
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    while not (log.exists() and log.read_bytes().count(b"\n") >= 3):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "r.zst").exists()
    kept = {json.loads(line)["messages"][-1]["content"] for line in log.read_text().splitlines(True)
            if line.endswith("\n")}  # fmt: skip
    with log.open("ab") as file:
        file.write(b'{"key": "torn')
    before = dict(server.asked)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(list(read_records([tmp_path / "r.zst"]))) == len(RECORDS)
    assert all(server.asked[content] == before[content] for content in kept)
    assert sum(server.asked.values()) <= len(RECORDS) + 1  # the one that was under way


def test_the_key_is_nowhere(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_records(tmp_path / "q.zst", questions()[:2])
    arguments = [
        "answer", "--model", f"m={server.address}#tiny", "--max-tokens", "9", "--log", "log.jsonl",
        "q.zst", "-o", "r.jsonl", "-z", "0",
    ]  # fmt: skip
    said = ""
    for key, code in (("sk-a-wrong-key", 1), (server.key, 0)):
        monkeypatch.setenv("MIND_API_KEY", key)
        done = run_tool("mind-domain", arguments, folder=tmp_path)
        assert done.code == code, done.stderr
        said += done.stderr + done.stdout.decode()
        assert key not in said
        for path in tmp_path.iterdir():
            assert key.encode() not in path.read_bytes()
    assert "401" in said and "***" in said and "set MIND_API_KEY" in said


def test_budgets_stop_and_go_on(server: Any, tmp_path: Path) -> None:
    write_records(tmp_path / "q.zst", questions())
    arguments = [
        "answer", "--model", f"m={server.address}#tiny", "--max-tokens", "40", "--log", "log.jsonl",
        "--concurrency", "1", "q.zst", "-o", "r.zst",
    ]  # fmt: skip
    done = run_tool("mind-domain", [*arguments, "--max-requests", "4"], folder=tmp_path)
    assert (done.code, "the budget of 4 requests is used up" in done.stderr) == (1, True)
    assert not (tmp_path / "r.zst").exists()
    done = run_tool("mind-domain", [*arguments, "--max-total-tokens", "15"], folder=tmp_path)
    assert (done.code, "the budget of 15 tokens is used up" in done.stderr) == (1, True)
    done = run_tool("mind-domain", arguments, folder=tmp_path)
    assert done.code == 0, done.stderr
    assert max(server.asked.values()) == 1


def test_what_a_server_held_back_is_no_reply(server: Any, tmp_path: Path) -> None:
    write_records(tmp_path / "q.zst", questions())
    server.faults = ["filter"]
    done = run_tool(
        "mind-domain",
        ["answer", "--model", f"m={server.address}#tiny", "--max-tokens", "40", "--log", "l.jsonl",
         "--concurrency", "1", "q.zst", "-o", "r.zst"],
        folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.stderr
    assert "9 questions, 8 answered by all" in done.stderr and "1 filtered" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["answer", "--model", "m=http://127.0.0.1:9/v1#x", "q.zst", "-o", "r"], "--log FILE"),
        (["answer", "--model", "m=http://127.0.0.1:9/v1", "--log", "l", "q.zst", "-o", "r"],
         "which model"),
        (["answer", "--model", "m=http://a:key@h/v1#x", "--log", "l", "q.zst", "-o", "r"],
         "holds a name, a password or a key"),
        (["answer", "--model", "m", "q.zst", "-o", "r"], "NAME=FOLDER"),
        (["judge", "--judge", "exact", "q.zst"], "ranks no replies"),
        (["judge", "--judge", "endpoint", "q.zst"], "needs a model"),
        (["judge", "--judge", "tsv", "q.zst"], "tsv.file"),
        (["label", "--domain", "law", "q.zst"], "one of dialogues"),
        (["score", "--model", "m", "--judge", "nll", "q.zst"], "which models"),
    ],
)  # fmt: skip
def test_calls_without_meaning(arguments: list[str], message: str, tmp_path: Path) -> None:
    write_records(tmp_path / "q.zst", questions())
    done = run_tool("mind-domain", arguments, folder=tmp_path)
    assert (done.code, message in done.stderr) == (2, True), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["q.zst"]


def test_a_log_in_use_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    from mind_domain.requests import open_log

    path = tmp_path / "log.jsonl"
    with open_log(path), pytest.raises(MindError, match="in use"), open_log(path):
        pass
    path.write_text('{"some": "thing"}\n')
    with pytest.raises(MindError, match="no line of a log"), open_log(path):
        pass
    assert os.path.getsize(path) == 18  # noqa: PTH202 - nothing was cut
