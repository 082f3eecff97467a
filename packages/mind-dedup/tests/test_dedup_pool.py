"""The report of a pool of instructions: what sets hold, repeat, and share with benchmarks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dedup_making import han_text

from mind_core.records import encode
from mind_core.testing import run_tool

ITEM = "Natalia sold clips to 48 of her friends in April and then she sold half as many in May."
FAR = "How many clips did the shop around the corner sell altogether before the end of that year?"


def chat(question: str, answer: str) -> dict[str, Any]:
    roles = (("user", question), ("assistant", answer))
    return {"messages": [{"role": role, "content": text} for role, text in roles]}


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with three sets, one named by `source`, and a benchmark."""
    folder = tmp_path_factory.mktemp("pool")
    first = [chat(han_text(n, 60), "好的。") for n in range(4)]
    first.append(chat(han_text(1, 60), "另一个回答。"))  # inside
    second = [
        {"instruction": han_text(2, 60), "output": "又一次"},  # in the first set
        {"instruction": f"{ITEM} {FAR}", "output": "72"},
        {"instruction": han_text(9, 60), "output": "x" * 50},
    ]
    third = [
        {**chat(f"{ITEM} {FAR} Once more?", "72"), "source": "forum"},
        {"source": "forum", "messages": [{"role": "user", "content": "call"}, {
            "role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}]},
    ]  # fmt: skip
    for name, records in (("a", first), ("b", second), ("c", third)):
        (folder / f"{name}.jsonl").write_bytes(b"".join(map(encode, records)))
    (folder / "bench.jsonl").write_bytes(encode({"question": f"{ITEM} {FAR}"}))
    return folder


@pytest.mark.parametrize("more", [(), ("--memory", "1M"), ("-j", "2"), ("--signature", "exact")])
def test_sets_duplicates_and_benchmarks_are_counted(
    more: tuple[str, ...], pool: Path, tmp_path: Path
) -> None:
    files = [pool / f"{name}.jsonl" for name in "abc"]
    arguments = ("--chat", "question", "--report", tmp_path / "r.json", "--allow")
    bench = ("--benchmark", pool / "bench.jsonl")
    result = run_tool("mind-dedup", [*files, *arguments, *bench, *more])
    assert result.code == 0, result.stderr
    report = json.loads((tmp_path / "r.json").read_bytes())
    a, b = (report["sets"][str(path)] for path in files[:2])
    assert report["records"] == 10
    assert a["records"] == 5 and a["duplicates"] == {"inside": 1, "of": {}}
    assert b["duplicates"] == {"inside": 0, "of": {str(files[0]): 1}}
    assert b["languages"] == {"en": 1, "zh": 2}
    assert a["question_characters"]["median"] == 60
    assert b["answer_characters"] == {"min": 2, "median": 3, "p95": 3, "max": 50, "mean": 18.3}
    forum = report["sets"]["forum"]
    assert sum(forum["not_read"].values()) == 1
    assert b["benchmarks"] == forum["benchmarks"] == {str(pool / "bench.jsonl"): 1}
    (held,) = report["benchmarks"].values()
    assert held["records"] == 2 and held["examples"][0]["share"] == 1.0
    assert held["examples"][0]["ngram"].startswith("Natalia sold clips")


def test_tables_name_the_set_that_a_record_repeats_also_one_of_an_index(
    pool: Path, tmp_path: Path
) -> None:
    seen, report = tmp_path / "seen", tmp_path / "pool.txt"
    common = ("--chat", "question", "--allow")
    run_tool("mind-dedup", [pool / "a.jsonl", *common, "--index", seen])
    result = run_tool(
        "mind-dedup", [pool / "b.jsonl", *common, "--against", seen, "--report", report]
    )
    assert result.code == 0, result.stderr
    lines = report.read_text().splitlines()
    assert lines[1].split()[1:] == ["3", "zh", "67%", "en", "33%", "1.0", "60", "3", "0", "1"]
    assert [str(pool / "b.jsonl"), str(seen), "1"] in [line.split() for line in lines]


def test_what_does_not_go_with_a_report_is_refused(pool: Path, tmp_path: Path) -> None:
    bench = ["--benchmark", pool / "bench.jsonl"]
    for arguments, error in (
        (bench, "--report"),
        (["--report", tmp_path / "r", "--scope", "line"], "counts records"),
        (["--report", tmp_path / "r", "--benchmark", tmp_path / "none"], "no benchmark file"),
    ):
        result = run_tool("mind-dedup", [pool / "a.jsonl", *arguments])
        assert result.code == 2 and error in result.stderr
