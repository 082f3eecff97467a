"""Minimal pairs: a good sentence and one that breaks a rule of grammar, by paradigm."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import orjson

from mind_core import MindError
from mind_eval.benchmarks.rows import AT, FETCH, Row, bad, has, listed, missing, read_rows, unpacked

LARGEST = 64 << 20
"""Bytes of one file in an archive: what claims to be larger is refused."""


def blimp(folder: Path) -> dict[str, list[Row]]:
    """Read `blimp.jsonl`, or `data/*.jsonl` with a file for each of the 67 paradigms."""
    root = unpacked(folder)
    if has(root, "blimp.jsonl"):
        rows = read_rows(next(path for name, path in listed(root, ".jsonl") if name == "blimp"))
    else:
        root = root / "data" if (root / "data").is_dir() else root
        rows = [row for _, path in listed(root, ".jsonl") for row in read_rows(path)]
    return {"test": [_pair(row, "linguistics_term") for row in rows]}


def zhoblimp(folder: Path) -> dict[str, list[Row]]:
    """Read `ZhoBLiMP.tar.gz` as it lies, or its 118 files unpacked."""
    archives = sorted(folder.glob("ZhoBLiMP*.tar.gz"))
    if archives:
        rows = list(_archived(archives[0]))
    else:
        inner = folder / "ZhoBLiMP"
        root = inner if inner.is_dir() else folder
        rows = [row for _, path in listed(root, ".jsonl") for row in read_rows(path)]
    return {"test": [_pair(row, "phenomenon") for row in rows]}


def _archived(path: Path) -> Iterator[Row]:
    try:
        with tarfile.open(path) as archive:
            members = [m for m in archive.getmembers() if m.name.endswith(".jsonl")]
            for member in sorted(members, key=lambda m: m.name):
                if not member.isfile() or "/._" in f"/{member.name}":
                    continue
                if member.size > LARGEST:
                    raise MindError(f"{path}: {member.name} says that it has {member.size:,} bytes")
                file = archive.extractfile(member)
                lines = file.read().split(b"\n") if file else []
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        yield {**orjson.loads(line), AT: f"{path}, {member.name}:{number}"}
    except (OSError, EOFError, tarfile.TarError, orjson.JSONDecodeError) as error:
        raise MindError(f"{path} cannot be read", cause=error, hint=FETCH) from error


def _pair(row: Row, group: str) -> Row:
    reason = missing(row, "sentence_good", "sentence_bad", "UID", "pairID")
    if reason and row.get("pairID") != 0:
        return bad(row[AT], reason)
    choices = [str(row["sentence_good"]), str(row["sentence_bad"])]
    return {"id": f"{row['UID']}-{row['pairID']}", "subject": row["UID"], "group": row.get(group),
            "choices": choices, "answer": 0, AT: row[AT]}  # fmt: skip
