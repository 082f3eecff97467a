"""Jobs of mind-dedup: what one process keeps, byte for byte, however the work is cut."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from dedup_making import edited, han_text

from mind_core.errors import GateError, MindError, UsageError
from mind_core.records import Record
from mind_core.stream import read_lines, read_records
from mind_core.tasks.plan import read_plan
from mind_dedup import deduplicator
from mind_dedup.cli import app
from mind_dedup.tasks import key_runs, resolve
from mind_dedup.tasks.groups import Forest
from mind_dedup.tasks.key_runs import KeyFiles, KeyWriter, pairs_of_part

TEXTS = Path(__file__).parents[4] / "shared/data/text"


def clusters(seed: int, count: int) -> list[Record]:
    """Return texts with edited copies, chains of edits, and pages that share a template's keys."""
    chance = random.Random(seed)
    records = edited(count)
    chance.shuffle(records)
    text = han_text(seed, 120)
    for number in range(12):  # each resembles the next; the ends have little in common
        text = text[8:] + han_text(seed * 100 + number, 8)
        records.append({"text": text, "source": "chain", "created": f"20{number:02}-01-01"})
    template = han_text(seed + 1, 60)
    for number in range(30):  # alike by keys, and two texts by their shingles
        own = han_text(seed * 1000 + number, chance.choice([20, 30, 40]))
        records.append({"id": f"t{number}", "text": template + own, "source": "template"})
    chance.shuffle(records)
    return records


def written(folder: Path, records: Sequence[Record], cuts: int, seed: int) -> list[str]:
    """Write records to files of several kinds, with blank lines between; return their names."""
    chance = random.Random(seed)
    edges = sorted(chance.sample(range(1, len(records)), cuts - 1))
    names = []
    for number, (begin, end) in enumerate(zip([0, *edges], [*edges, len(records)], strict=True)):
        lines = [
            json.dumps(record, ensure_ascii=chance.random() < 0.2).encode()
            + chance.choice([b"\n", b"\n", b"\n", b"\r\n", b" \n", b"\n\n"])
            for record in records[begin:end]
        ]
        kind = chance.choice(["jsonl", "jsonl.zst", "jsonl.gz", "plain"])
        data = b"".join(lines)
        if kind == "jsonl.zst":
            third = max(1, len(lines) // 3)
            frames = [b"".join(lines[at : at + third]) for at in range(0, len(lines), third)]
            data = b"".join(map(zstandard.compress, frames))
        elif kind == "jsonl.gz":
            data = gzip.compress(data)
        elif kind == "plain":
            data = data.rstrip()  # no line feed at the end
        names.append(f"{number}.{'jsonl' if kind == 'plain' else kind}")
        (folder / names[-1]).write_bytes(data)
    return names


def tool(*arguments: str) -> None:
    app([*arguments, "-q"], standalone_mode=False)


def content(paths: Sequence[Path]) -> bytes:
    return b"".join(batch.data for path in paths for batch in read_lines(path))


def outputs(job: Path, kind: str = "output") -> list[Path]:
    """Return the files of a kind in the order of the plan."""
    return [job / kind / f"{t.name}.jsonl.zst" for t in read_plan(job / "plan.json").summary_tasks]


def compare(names: Sequence[str], job: str, options: Sequence[str], cut: Sequence[str]) -> int:
    """Run the tool as a stream and as a job; assert that they are one; return what went."""
    given = ("--allow", *options)
    tool(*names, *given, "-o", "one.jsonl", "--rejects", "gone.jsonl", "--summary", "one.json")
    tool(*names, *given, "--into", job, *cut)
    assert content(outputs(Path(job))) == content([Path("one.jsonl")])
    gone, wanted = (
        list(read_records(outputs(Path(job), "rejects"))),
        list(read_records(["gone.jsonl"])),
    )
    for record in (*gone, *wanted):  # a stream that decides as it goes does not know it
        record["metadata"]["mind"]["rejected"].pop("cluster_size", None)
    assert sorted(map(json.dumps, gone)) == sorted(map(json.dumps, wanted))
    found, one = (json.loads(Path(p).read_bytes()) for p in (f"{job}/summary.json", "one.json"))
    for name in ("in", "kept", "rejected", "marked", "bad", "bytes_in", "bytes_out", "components"):
        assert found[name] == one[name], name
    for name in ("sources", "documents_with_duplicates", "scheme", "compared_with"):
        assert found["details"].get(name) == one["details"].get(name), name
    total = found["kept"] + sum(found["rejected"].values()) + sum(found["bad"].values())
    assert found["in"] == total
    return sum(found["rejected"].values()) + sum(found["marked"].values())


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
        ("--clusters", "x"), ("--report", "x"), ("--restore", "x"),
        ("--compare", "self"), ("--scope", "paragraph"), ("--scope", "passage"), ("--plan", "5"),
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


def test_record_numbers_have_64_bits(tmp_path: Path) -> None:
    base = 3 * 10**9
    made = []
    for number, rows in enumerate(([7, 9], [9, 5])):
        files = KeyFiles.at(tmp_path / str(number))
        writer = KeyWriter(files, 1)
        writer.add(np.array(rows, np.uint64), np.arange(1, 3))
        writer.close()
        made.append((files, base + number * 10**9))
    pairs = np.concatenate(list(pairs_of_part(iter(made), 1, 0, 1 << 20)))
    assert pairs.tolist() == [[base + 1, base + 10**9]]
    forest = Forest(tmp_path / "forest", 10**9)  # of which the file holds nearly nothing
    forest.unite(np.array([[10**9 - 1, 5], [10**9 - 2, 10**9 - 1]]))
    assert forest.roots(np.array([10**9 - 2, 6, 10**9 - 1])).tolist() == [5, 6, 5]
    assert (tmp_path / "forest").stat().st_blocks < 1000


@pytest.mark.parametrize(("parts", "memory"), [(1, 1 << 30), (1, 2000), (5, 500)])
def test_pairs_connect_what_shares_a_key(
    parts: int, memory: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over ranges, runs of a range, and steps that fit into memory."""
    monkeypatch.setattr(key_runs, "KEYS_PER_RUN", 60)
    chance = np.random.default_rng(parts)
    made, wanted, base = [], set(), 10**11
    first: dict[int, int] = {}
    for number in range(3):
        files = KeyFiles.at(tmp_path / str(number))
        writer = KeyWriter(files, parts)
        for _ in range(4):
            counts = chance.integers(0, 4, 20)
            keys = chance.integers(0, 300, counts.sum()).astype(np.uint64)
            for row, key in zip(np.repeat(np.arange(20), counts), keys.tolist(), strict=True):
                record = base + writer.rows + int(row)
                if first.setdefault(key, record) != record:
                    wanted.add((first[key], record))
            writer.add(keys, np.cumsum(counts))
        writer.close()
        made.append((files, base))
        base += writer.rows
    found = [
        pair
        for part in range(parts)
        for pairs in pairs_of_part(iter(made), parts, part, memory)
        for pair in pairs.tolist()
    ]
    assert set(map(tuple, found)) == wanted


@pytest.mark.parametrize("seed", range(3))
def test_groups_are_the_connected_components(seed: int, tmp_path: Path) -> None:
    chance = np.random.default_rng(seed)
    pairs = chance.integers(0, 3000, (1500, 2)).astype(np.int64)
    if not seed:  # a long chain
        pairs = np.stack([np.arange(2999), np.arange(1, 3000)], 1)[chance.permutation(2999)]
    forest = Forest(tmp_path / "forest", 3000)
    for part in np.array_split(pairs, 7):
        forest.unite(part)
    found = {int(r): int(root) for both in forest.groups() for r, root in zip(*both, strict=True)}
    root = list(range(3000))
    members = [[record] for record in root]
    for one, other in pairs.tolist():
        low, high = sorted((root[one], root[other]))
        if low != high:
            for record in members[high]:
                root[record] = low
            members[low] += members[high]
    sizes = Counter(root)
    assert found == {r: root[r] for r in range(3000) if sizes[root[r]] > 1}


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
