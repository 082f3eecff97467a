"""Records, files and runs for the tests of jobs: the tool as a stream and as a job must be one."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Sequence
from pathlib import Path

import zstandard
from dedup_making import edited, han_text

from mind_core.records import Record
from mind_core.stream import read_lines, read_records
from mind_core.tasks.plan import read_plan
from mind_dedup.cli import app

UNITS = ("units", "units_removed", "units_marked")
"""Details that a summary has where parts of texts are compared."""


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
    for name in ("sources", "documents_with_duplicates", "scheme", "compared_with", *UNITS):
        assert found["details"].get(name) == one["details"].get(name), name
    total = found["kept"] + sum(found["rejected"].values()) + sum(found["bad"].values())
    assert found["in"] == total
    units: int = found["details"].get("units_removed", 0)
    return units + sum(found["rejected"].values()) + sum(found["marked"].values())
