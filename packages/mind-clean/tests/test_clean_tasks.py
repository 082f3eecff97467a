"""Cleaning as a job of tasks: what one process makes of all inputs, for any cut and shards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mind_clean.funnel import Funnel
from mind_clean.key_counts import KeyCounter, key_files, read_counted
from mind_core.output import write_records
from mind_core.records import Record
from mind_core.stream import read_records
from mind_core.testing import run_tool

STEPS = ("--step", "whitespace", "--step", "site_phrases", "--step", "han_count",
         "--set", "site_phrases.min_pages=3", "--set", "han_count.min=15")  # fmt: skip
"""A menu on three pages of a site goes; what is short after that goes too."""


def pages(number: int) -> list[Record]:
    """Return pages of two sites whose menus are counted over several files."""
    return [
        {
            "id": f"{number}.{n}",
            "url": f"https://site{n % 2}.example/{number}/{n}",
            "text": f"网站导航 首页 新闻 {n % 2}号\n" + f"第{number}.{n}篇，各不相同。" * (n % 4),
        }
        for n in range(5)
    ]


@pytest.fixture
def texts(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "texts" / f"{number}.jsonl" for number in range(3)]
    paths[0].parent.mkdir()
    for number, path in enumerate(paths):
        write_records(path, pages(number), level=0)
    return paths


def clean(*arguments: str | Path, code: int = 0) -> str:
    done = run_tool("mind-clean", arguments)
    assert done.code == code, done.stderr
    return done.stderr


def made(folder: Path, kind: str) -> list[Record]:
    """Return the records of all tasks, in the order of the inputs."""
    return [one for path in sorted((folder / kind).rglob("*.jsonl*"))
            for one in read_records([path])]  # fmt: skip


def summary_of(path: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(path.read_bytes())
    for name in ("seconds", "loops"):  # what a job does not tell
        summary.pop(name, None)
    return summary


def one_process(folder: Path, texts: Sequence[Path], *arguments: str) -> dict[str, Any]:
    out, rejects = folder / "one.jsonl.zst", folder / "rejects.jsonl.zst"
    clean(*texts, *arguments, "-o", out, "--rejects", rejects, "--summary", folder / "one.json")
    return {
        "kept": list(read_records([out])),
        "rejects": list(read_records([rejects])),
        "summary": summary_of(folder / "one.json"),
    }


@pytest.mark.parametrize("size", ["256M", "300"])
def test_a_job_makes_what_one_process_makes(tmp_path: Path, texts: list[Path], size: str) -> None:
    """Phrases of a site are counted over all files, also where they are cut."""
    whole = one_process(tmp_path, texts, *STEPS)
    assert whole["summary"]["details"]["site_phrases.changed"] == 15 and whole["rejects"]
    out = tmp_path / "out"
    clean(tmp_path / "texts", *STEPS, "--into", out, "--task-size", size, "-j", "2")
    assert made(out, "output") == whole["kept"]
    by_id = sorted(whole["rejects"], key=lambda record: str(record["id"]))
    assert sorted(made(out, "rejects"), key=lambda record: str(record["id"])) == by_id
    assert summary_of(out / "summary.json") == whole["summary"]
    assert not (out / "work").exists()
    assert len(list((out / "output").iterdir())) == (3 if size == "256M" else 6)


def test_two_surveys_are_two_stages_each(tmp_path: Path, texts: list[Path]) -> None:
    recipe = tmp_path / "twice.toml"
    recipe.write_text(
        '[[step]]\ntransform = "site_phrases"\nmin_pages = 3\n'
        '[[step]]\nfilter = "han_count"\nmin = 15\n'
        '[[step]]\ntransform = "site_phrases"\nmin_pages = 2\nunit = "phrase"\n'
    )
    whole = one_process(tmp_path, texts, "--recipe", str(recipe))
    out = tmp_path / "out"
    clean(*texts, "--recipe", recipe, "--into", out)
    assert made(out, "output") == whole["kept"]
    assert summary_of(out / "summary.json") == whole["summary"]
    names = [stage["name"] for stage in json.loads((out / "plan.json").read_bytes())["stages"]]
    assert names == ["survey-1", "count-1", "survey-2", "count-2", "clean"]


def test_shards_make_the_bytes_of_one_run(tmp_path: Path, texts: list[Path]) -> None:
    clean(*texts, *STEPS, "--into", tmp_path / "one")
    parts = tmp_path / "parts"
    assert "2 tasks of others are left" in clean(*texts, *STEPS, "--into", parts, "--shard", "0/3")
    for part in (1, 2, 0, 1):
        clean(*texts, *STEPS, "--into", parts, "--shard", f"{part}/3")
    for kind in ("output", "rejects", "summaries"):
        for path in (tmp_path / "one" / kind).iterdir():
            assert (parts / kind / path.name).read_bytes() == path.read_bytes()
    assert (parts / "manifest.json").read_bytes() == (tmp_path / "one/manifest.json").read_bytes()


def test_bad_records_are_counted_over_the_whole_job(tmp_path: Path, texts: list[Path]) -> None:
    for path in texts[:2]:
        path.write_bytes(path.read_bytes() + b"no json\n")
    job = (*texts, *STEPS, "--into")
    told = clean(*job, tmp_path / "a", code=1)
    assert "2 tasks failed, 1 are done" in told and "0.jsonl:6: not a JSON value" in told
    told = clean(*job, tmp_path / "b", "--skip-bad", "1", code=1)
    assert "2 bad records in all tasks together, 1 were allowed" in told
    assert not (tmp_path / "b/manifest.json").exists()
    clean(*job, tmp_path / "c", "--skip-bad", "2")
    assert summary_of(tmp_path / "c/summary.json")["bad"] == {"not_json": 2}


def test_a_plugin_file_is_part_of_the_job(tmp_path: Path, texts: list[Path]) -> None:
    plugin = tmp_path / "mine.py"
    source = (
        "from mind_core.plugins import Plugins\n"
        "import pluggy\nhook = pluggy.HookimplMarker('mind_clean')\n"
        "class Even:\n    def __call__(self, record):\n"
        "        return None if len(record['text']) % 2 else 'odd_length'\n"
        "@hook\ndef register_filters():\n    return {'even': Even}\n"
    )
    plugin.write_text(source)
    job = [*texts, "--plugin", plugin, "--step", "even", "--into", tmp_path / "out"]
    clean(*job)
    whole = one_process(tmp_path, texts, "--plugin", str(plugin), "--step", "even")
    assert made(tmp_path / "out", "output") == whole["kept"]
    plugin.write_text(source.replace("% 2", "% 3"))
    told = clean(*job, code=1)
    assert "holds another job" in told and "components.even was 'mine.py==sha256:" in told


def test_options_of_streams_and_of_jobs_do_not_mix(tmp_path: Path, texts: list[Path]) -> None:
    out = tmp_path / "out"
    for wrong in (["-o", "x"], ["--limit", "3"], ["--report", "x.html"]):
        assert f"{wrong[0]} does not go with --into" in clean(
            *texts, *wrong, "--into", out, code=2)  # fmt: skip
    for wrong in (["--shard", "0/2"], ["--plan-only"], ["--from-list", "x"]):
        assert f"{wrong[0]} is of jobs" in clean(*texts, *wrong, code=2)
    assert "there is no engine 'slurm'" in clean(
        *texts, "--into", out, "--engine", "slurm", code=2)  # fmt: skip
    assert not out.exists()


def test_status_tells_how_far_a_job_is(tmp_path: Path, texts: list[Path]) -> None:
    out = tmp_path / "out"
    clean(*texts, *STEPS, "--into", out, "--shard", "0/3")
    done = run_tool("mind-clean", ["status", out])
    assert done.code == 0
    told = done.stdout.decode()
    assert "1 done, 0 running, 0 failed, 6 left" in told and "stage survey: 1 of 3" in told
    clean(*texts, *STEPS, "--into", out)
    status = json.loads(run_tool("mind-clean", ["status", out, "--json"]).stdout)
    assert status["complete"] and status["stages"]["clean"] == [3, 3]
    assert run_tool("mind-clean", ["status", tmp_path]).code == 1


def test_counts_of_parts_add_up_to_those_of_the_whole(tmp_path: Path) -> None:
    import numpy as np

    random = np.random.default_rng(1)
    parts = [random.integers(0, 500, 4000).astype(np.uint64) for _ in range(3)]
    whole, added = KeyCounter(1 << 14), KeyCounter(1 << 14)
    for number, keys in enumerate(parts):
        part = KeyCounter(1 << 13)  # spills
        for start in range(0, len(keys), 100):
            part.add(keys[start : start + 100])
            whole.add(keys[start : start + 100])
        part.write(tmp_path / str(number))
        counted = read_counted(tmp_path / str(number))
        assert counted.counts.sum() == len(keys)
        added.add_counted(counted.keys, counted.counts)
    one, other = whole.table(3), added.table(3)
    assert np.array_equal(one.keys, other.keys) and np.array_equal(one.counts, other.counts)
    KeyCounter(1 << 14).write(tmp_path / "none")
    assert len(read_counted(tmp_path / "none")) == 0
    assert key_files(tmp_path / "none")[0].read_bytes() == b""


def test_counts_do_not_begin_anew_at_2_to_the_32() -> None:
    import numpy as np

    counter = KeyCounter(1 << 20)
    for _ in range(3):
        counter.add_counted(np.array([7], np.uint64), np.array([2**31], np.uint32))
    assert counter.table(1).counts.tolist() == [2**32 - 1]


def test_which_sources_are_named_does_not_depend_on_how_records_are_parted() -> None:
    """A thousand sources are named, those met first; a part does not know which these are."""
    whole, parts = Funnel(), [Funnel(max_sources=None) for _ in range(3)]
    for number in range(1600):
        record = {"source": f"s{number * 7 % 1300}", "text": "a"}
        whole.add(record, "kept")
        parts[number * 3 // 1600].add(record, "kept")
    joined = Funnel()
    for part in parts:
        joined.add_rows(part.rows_as_met())
    assert joined.rows() == whole.rows()


def test_tables_are_tasks_too(tmp_path: Path, texts: list[Path]) -> None:
    """Rows of Parquet and CSV, with fields of other names, beside lines that are cut."""
    pytest.importorskip("pyarrow")
    folder = tmp_path / "tables"
    folder.mkdir()
    rows = [{"content": f"第{n}行，各不相同的正文。" * 3, "key": str(n)} for n in range(9)]
    for name in ("0.parquet", "1.csv"):
        write_records(folder / name, rows)
    write_records(folder / "2.jsonl", rows, level=0)
    tables = sorted(folder.iterdir())
    options = ("--step", "whitespace", "--field", "text=content,id=key")
    whole = one_process(tmp_path, tables, *options)
    assert len(whole["kept"]) == 27 and whole["kept"][0]["id"] == "0"
    out = tmp_path / "out"
    clean(folder, *options, "--into", out, "--task-size", "200")
    assert made(out, "output") == whole["kept"]
    assert summary_of(out / "summary.json") == whole["summary"]
    names = sorted(path.name for path in (out / "output").iterdir())
    assert names[:3] == ["0.jsonl.zst", "1.jsonl.zst", "2.part-0000.jsonl.zst"]
    told = clean(folder, "--step", "whitespace", "--into", out, code=1)
    assert "holds another job" in told and "fields was" in told
