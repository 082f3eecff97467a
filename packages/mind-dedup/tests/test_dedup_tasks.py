"""Jobs of mind-dedup: what one process keeps, byte for byte, however the work is cut."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from dedup_jobs import clusters, compare, content, outputs, tool, written
from dedup_making import han_text

from mind_core.errors import GateError, MindError, UsageError
from mind_dedup import deduplicator
from mind_dedup.tasks import key_runs, resolve

TEXTS = Path(__file__).parents[4] / "shared/data/text"


@pytest.mark.parametrize("seed", range(4))
def test_a_job_keeps_what_one_process_keeps(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For any files, ranges, partitions and workers; caps are reached, and runs spilled."""
    monkeypatch.chdir(tmp_path)
    chance = random.Random(seed)
    if seed % 2:
        monkeypatch.setattr(deduplicator, "RECORDS_PER_KEY", 4)
        monkeypatch.setattr(deduplicator, "MAX_COMPARED", 2)
        monkeypatch.setattr(key_runs, "KEYS_PER_RUN", 1500)
    names = written(tmp_path, clusters(seed, 80), chance.choice([2, 3, 5]), seed)
    memory = ("--memory", "50k") if seed in (1, 2) else ()
    cut = (
        "--task-size", chance.choice(["5K", "20K", "1G"]), "-j", str(1 + seed % 3),
        "--partitions", str(chance.choice([1, 2, 7, 20])), *memory,
    )  # fmt: skip
    assert compare(names, "job", (), cut) > 50


@pytest.mark.parametrize(
    "options",
    [
        ("--keep", "longest"),
        ("--keep", "newest"),
        ("--keep", "source:s2,template"),
        ("--signature", "exact"),
        ("--signature", "normalized", "--keep", "best"),
        ("--measure", "containment", "--threshold", "0.7"),
        ("--unverified",),
        ("--mark", "--weights", "fineweb2"),
        ("--text-field", "source"),
    ],
    ids=" ".join,
)
def test_other_rules(
    options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = written(tmp_path, clusters(7, 60), 2, 7)
    assert compare(names, "job", options, ("--task-size", "20K", "--partitions", "2")) > 0


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--compare", "index", "--keep", "longest"),
        ("--mark", "--memory", "50k"),
        ("--signature", "normalized"),
        ("--set", "index.sets=sketched"),
    ],
    ids=" ".join,
)
def test_saved_indexes_take_part(
    options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of them, one in segments; keys that were a template's when they were made lack there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(deduplicator, "RECORDS_PER_KEY", 4)
    records = clusters(3, 60)
    making = tuple(
        o for o in options if "signature" in o or "=" in o or o in ("--set", "normalized")
    )
    for number, (name, part) in enumerate((("a", records[::4]), ("b", records[1::4]),
                                           ("b", records[1::7]))):  # fmt: skip
        lines = "".join(json.dumps(record) + "\n" for record in part)
        (tmp_path / f"{name}{number}.made").write_text(lines)
        tool(f"{name}{number}.made", "--allow", "--index", name, *making, "-o", "made.jsonl")
    names = written(tmp_path, records, 3, 3)
    given = ("--against", "a", "--against", "b", *options)
    assert compare(names, "job", given, ("--task-size", "20K", "--partitions", "3")) > 60
    summary = json.loads(Path("job/summary.json").read_bytes())
    assert list(summary["details"]["compared_with"]) == ["a", "b"]
    tool("a0.made", "--allow", "--index", "b", *making, "-o", "more.jsonl")
    Path("job/manifest.json").unlink()
    with pytest.raises(MindError, match="holds another job") as error:
        tool(*names, "--allow", *given, "--into", "job", "--task-size", "20K", "--partitions", "3")
    assert "against" in str(error.value.cause)


def test_conversations_in_lines_and_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [
        {"id": number, "messages": [{"role": "user", "content": f"question {number}"},
                                    {"role": "assistant", "content": record["text"]}]}
        for number, record in enumerate(clusters(5, 30))
    ]  # fmt: skip
    Path("a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:40]))
    Path("b.json").write_text(json.dumps(rows[20:], indent=1))
    options = ("--chat", "answer")
    assert compare(["a.jsonl", "b.json"], "job", options, ("--task-size", "1K")) > 30


@pytest.mark.skipif(not TEXTS.is_dir(), reason="no texts here")
def test_real_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = sorted(map(str, (TEXTS / "dialogue").glob("*.zst")))
    tool(*names, "--allow", "-o", "one.jsonl")
    tool(*names, "--allow", "--into", "job", "-j", "2", "--task-size", "64K", "--partitions", "5")
    assert content(outputs(Path("job"))) == content([Path("one.jsonl")])


def test_shards_and_gone_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards are the same tasks; what a stage left and is gone is made again."""
    monkeypatch.chdir(tmp_path)
    names = written(tmp_path, clusters(3, 40), 3, 3)
    tool(*names, "--into", "job", "--partitions", "3", "--allow")
    shares = [("--into", "sharded", "--partitions", "3", "--allow", "--shard", f"{i}/3")
              for i in (2, 0, 1)]  # fmt: skip
    for stage in range(5):
        for share in shares:
            tool(*names, *share)
        if stage == 1:
            next(Path("sharded", "work", "fingerprint").glob("*.keys")).unlink()
    tool(*names, "--into", "sharded", "--partitions", "3", "--allow")
    ours, theirs = (json.loads(Path(f, "manifest.json").read_bytes()) for f in ("job", "sharded"))
    assert ours == theirs


def test_bad_records_are_counted_over_all_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = written(tmp_path, clusters(4, 60), 3, 4)
    for number in (1, 2):
        lines = b'{"text": "a"}\n\nnone\n{"text": 1}\n' + b'{"id": 1, "text": "' + b"\xff" + b'"}\n'
        (tmp_path / f"bad{number}.jsonl").write_bytes(lines + b'{"text": "a"}')
        names.append(f"bad{number}.jsonl")
    with pytest.raises(MindError, match="2 tasks failed") as raised:
        tool(*names, "--into", "none")
    assert "bad1.jsonl:3" in str(raised.value.cause)
    with pytest.raises(MindError, match="6 bad records in all tasks together, 3 were allowed"):
        tool(*names, "--into", "few", "--skip-bad", "3", "--allow")
    assert compare(names, "job", ("--skip-bad", "6"), ("--partitions", "2")) > 20


def test_the_guard_sees_the_whole_job_and_may_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = han_text(1, 90)
    for name in ("a", "b"):  # each below the least number of documents of a source
        lines = [json.dumps({"id": f"{name}{n}", "text": text, "source": "s"}) for n in range(80)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    given = ("a.jsonl", "b.jsonl", "--into", "job", "--partitions", "2")
    with pytest.raises(GateError, match="1 source would lose more than 60%") as raised:
        tool(*given)
    assert raised.value.cause == "s loses 159 of 160 (99%)"
    with pytest.raises(GateError, match="1 cluster would have more than 50") as raised:
        tool(*given, "--max-removed", "1", "--max-cluster", "50")
    assert raised.value.cause == "160 copies of a0"
    tool(*given, "--allow")
    assert content(outputs(Path("job"))).count(b"\n") == 1


@pytest.mark.parametrize(
    "options",
    [
        ("-o", "x"), ("--rejects", "x"), ("--summary", "x"), ("--limit", "3"), ("--index", "x"),
        ("--report", "x"), ("--restore", "x"), ("--compare", "self"), ("--plan", "5"),
        ("--scope", "passage"), ("--scope", "line", "--clusters", "x"),
        ("--backend", "redis://localhost"), ("--partitions", "70000"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_a_job_cannot_do_is_refused_before_it_starts(
    options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')
    with pytest.raises(UsageError, match="does not go with --into|--partitions is 1 to"):
        tool("a.jsonl", "--into", "job", *options)
    assert not Path("job").exists()


@pytest.mark.parametrize("option", [("--partitions", "3"), ("--shard", "0/2"), ("--plan-only",)])
def test_options_of_jobs_want_a_job(option: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="is of jobs"):
        tool("a.jsonl", *option)


def test_a_part_that_is_larger_than_memory_is_decided_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = written(tmp_path, clusters(5, 300), 2, 5)
    chunked = resolve.ChunkedDeduplicator

    def noted(*arguments: Any) -> Any:
        (tmp_path / "bounded").touch()  # in the process of a task
        return chunked(*arguments)

    monkeypatch.setattr(resolve, "ChunkedDeduplicator", noted)
    assert compare(names, "job", (), ("--memory", "200k", "--partitions", "1")) > 50
    assert (tmp_path / "bounded").exists()
