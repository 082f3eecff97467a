"""Benchmark folders: what ships is whole and small, authors' layouts are read, data are enough."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mind_core import MindError
from mind_core.testing import run_tool
from mind_eval import benchmark_folder
from mind_eval.benchmarks.benchmark import checked
from mind_eval.benchmarks.layouts.exams import gaokao, mmlu
from mind_eval.benchmarks.layouts.reasoning import piqa
from mind_eval.benchmarks.rows import find, read_rows
from mind_eval.builtins import FOLDER, register_benchmarks

NON_COMMERCIAL = ("nc", "research")
FULL = Path(__file__).parents[4] / "shared" / "data" / "benchmarks"


def test_what_ships_is_whole_small_and_free() -> None:
    data = list(FOLDER.rglob("*.zst"))
    assert sum(path.stat().st_size for path in data) <= 200_000
    for name, factory in register_benchmarks().items():
        assert callable(factory)
        benchmark = factory()
        if "shipped" not in benchmark.rules:
            continue
        assert not any(word in benchmark.rules["licence"].lower() for word in NON_COMMERCIAL)
        assert f"`{name}`" in (FOLDER / "DATA.md").read_text("utf-8"), "its licence is noted"
        splits = benchmark.load(None).splits
        ids = [row["id"] for rows in splits.values() for row in rows]
        assert len(ids) == len(set(ids)), "no item is in two splits"
        assert 100 <= len(splits["test"]) <= 200
        for row in (row for rows in splits.values() for row in rows):
            assert 0 <= row["answer"] < len(row["choices"])
            assert all(isinstance(choice, str) and choice for choice in row["choices"])
        assert set(benchmark.rules["forms"]) == {"letter", "cloze"}


def test_authors_layouts_are_read_as_they_lie(tmp_path: Path) -> None:
    (tmp_path / "valid.jsonl").write_bytes(
        b'{"goal":"g","sol1":"a","sol2":"b"}\r\n{"goal":"h","sol1":"c","sol2":"d"}\r\n'
    )
    (tmp_path / "valid-labels.lst").write_text("1\n0\n")
    assert [row["answer"] for row in piqa(tmp_path)["test"]] == [1, 0]
    (tmp_path / "valid-labels.lst").write_text("1\n")
    with pytest.raises(MindError, match="has 2 rows, valid-labels.lst has 1"):
        piqa(tmp_path)
    for split in ("dev", "test"):
        (tmp_path / split).mkdir()
        (tmp_path / split / f"world_history_{split}.csv").write_text(
            'question,choice0,choice1,choice2,choice3,answer\n"a, b",1,2,3,4,2\n'
        )
    row = mmlu(tmp_path)["test"][0]
    assert (row["subject"], row["question"], row["answer"]) == ("world history", "a, b", 2)
    with pytest.raises(MindError, match="gaokao-biology.jsonl is missing"):
        gaokao(tmp_path)


def test_bad_rows_are_named_by_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "valid.jsonl").write_text('{"goal":"g","sol1":"a","sol2":""}\n')
    (tmp_path / "valid-labels.lst").write_text("0\n")
    with pytest.raises(MindError, match=r"valid.jsonl:1: field 'sol2' is missing or empty"):
        checked(piqa(tmp_path), "here", False)
    data = checked(piqa(tmp_path), "here", True)
    assert data.splits["test"] == [] and len(data.bad) == 1, "set aside once, though in two splits"
    (tmp_path / "valid.jsonl").write_text('{"goal":"g","sol1":"a","sol2":"b"}\n')
    (tmp_path / "valid-labels.lst").write_text("x\n")
    with pytest.raises(MindError, match=r"valid-labels.lst:1: the answer 'x' is none of 0, 1"):
        checked(piqa(tmp_path), "here", False)
    (tmp_path / "rows.jsonl").write_text('{"a":1}\n\n[1]\n')
    with pytest.raises(MindError, match=r"rows.jsonl:3: a row is a JSON object"):
        read_rows(tmp_path / "rows.jsonl")
    (tmp_path / "rows.jsonl").write_text('{"a":1}\n{"a":\n')
    with pytest.raises(MindError, match=r"rows.jsonl:2: not JSON"):
        read_rows(tmp_path / "rows.jsonl")
    (tmp_path / "gbk.csv").write_bytes("问题,答案\n".encode("gbk"))
    with pytest.raises(MindError, match=r"gbk.csv:1: not UTF-8"):
        read_rows(tmp_path / "gbk.csv")
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    with pytest.raises(MindError, match="is Parquet"):
        read_rows(tmp_path / "rows.parquet")


def rules(**changes: Any) -> str:
    values = {"summary": "s", "language": "en", "licence": "MIT", "source": "https://example.org",
              "shots": 0, "form": "cloze", **changes}  # fmt: skip
    lines = [f"{k} = {v!r}".replace("'", '"') for k, v in values.items() if v is not None]
    return "\n".join(lines) + '\n[forms]\ncloze = "cloze.yaml"\n'


def test_rules_that_are_wrong_are_named(tmp_path: Path) -> None:
    path = tmp_path / "benchmark.toml"
    (tmp_path / "cloze.yaml").write_text("task: cloze\n")
    path.write_text(rules(licence=None))
    with pytest.raises(MindError, match="'licence' must be there"):
        benchmark_folder(tmp_path)
    path.write_text(rules(form="letter"))
    with pytest.raises(MindError, match="'letter' is none of"):
        benchmark_folder(tmp_path)
    path.write_text("form = [")
    with pytest.raises(MindError, match="is not TOML"):
        benchmark_folder(tmp_path)
    (tmp_path / "root").mkdir()
    path.write_text(rules() + '[authors]\nfolder = "full"\nreader = "no.module:f"\n')
    with pytest.raises(MindError, match="no data for benchmark") as error:
        benchmark_folder(tmp_path)().load(tmp_path / "root")
    assert "https://example.org" in str(error.value.hint)


def test_a_plugin_is_a_folder_of_data(tmp_path: Path, model_folder: Path) -> None:
    folder = tmp_path / "weekdays"
    folder.mkdir()
    (folder / "benchmark.toml").write_text(rules() + '[shipped]\ntest = "test.jsonl"\n')
    (folder / "test.jsonl").write_text(
        '{"id":"1","question":"After Monday comes","choices":["Tuesday","Friday"],"answer":0}\n'
        '{"id":"2","question":"After Friday comes","choices":["Sunday","Saturday"],"answer":1}\n'
    )
    (folder / "cloze.yaml").write_text(
        "task: weekdays\noutput_type: multiple_choice\ntest_split: test\n"
        "doc_to_text: question\ndoc_to_target: answer\ndoc_to_choice: choices\n"
    )
    plugin = tmp_path / "weekdays_plugin.py"
    plugin.write_text(
        "from pathlib import Path\nfrom mind_eval import benchmark_folder, hookimpl\n\n"
        "@hookimpl\ndef register_benchmarks():\n"
        "    return {'weekdays': benchmark_folder(Path(__file__).parent / 'weekdays')}\n"
    )
    done = run_tool(
        "mind-eval",
        ["run", "--model", model_folder, "--plugin", plugin, "--benchmark", "weekdays", "--shots",
         "1", "--json"],
        environment={"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.code == 0, done.stderr
    assert b'"weekdays": "weekdays_plugin.py==sha256:' in done.stdout
    assert b'"kept": {\n          "1": 2' in done.stdout
    table = run_tool("mind-eval", ["doctor", "--plugin", plugin]).stdout.decode()
    assert re.search(r"^weekdays +whole +shipped +2$", table, re.MULTILINE), "it has no other data"
    text = (folder / "test.jsonl").read_text().replace('"answer":1', '"answer":9')
    (folder / "test.jsonl").write_text(text)
    done = run_tool(
        "mind-eval",
        ["run", "--model", model_folder, "--plugin", plugin, "--benchmark", "weekdays", "--shots",
         "0", "--keep-going"],
    )  # fmt: skip
    assert done.code == 1
    assert b"first item 2: task weekdays, item 2: the answer 9 is none of its 2 choices\n" in (
        done.stdout
    )


def test_find_takes_what_is_compressed_too(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(b"")
    assert find(tmp_path, "a.jsonl").name == "a.jsonl.gz"
    with pytest.raises(MindError, match=r"b.jsonl is missing"):
        find(tmp_path, "b.jsonl")


@pytest.mark.skipif(not FULL.is_dir(), reason="the full benchmarks are not on this machine")
def test_full_sets_hold_the_shipped_samples() -> None:
    for name, factory in register_benchmarks().items():
        assert callable(factory)
        benchmark = factory()
        if name == "gaokao" or "shipped" not in benchmark.rules:
            continue  # gaokao's full set is filtered for the sample
        full = {row["id"]: row for row in benchmark.load(FULL).splits["test"]}
        for row in benchmark.load(None).splits["test"]:
            assert full[row["id"]] == row
