"""Indexes on disk: extended run by run, read only, damaged, foreign, and killed at any moment."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from dedup_making import edited, han_text, run

from mind_core.errors import MindError
from mind_core.output import write_records
from mind_core.stream import read_records


def test_an_index_grows_run_by_run_and_answers_as_one_run_would(tmp_path: Path) -> None:
    records = edited(400)
    whole = run(tmp_path, records)
    index = str(tmp_path / "index")
    found = []
    for begin in range(0, len(records), 250):
        found += run(tmp_path, records[begin : begin + 250], "--index", index)
    assert found == whole
    manifest = json.loads((tmp_path / "index" / "manifest.json").read_text())
    assert manifest["records"] == len(whole)
    assert len(manifest["segments"]) == -(-len(records) // 250)
    assert run(tmp_path, records, "--index", index, "--allow") == []
    again = json.loads((tmp_path / "index" / "manifest.json").read_text())
    assert again == manifest


def test_against_reads_and_never_writes(tmp_path: Path) -> None:
    one, two, three = (han_text(seed, 100) for seed in range(3))
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    run(tmp_path, [{"id": "one", "text": one}], "--index", a)
    run(tmp_path, [{"id": "two", "text": two}], "--index", b)
    before = {p: p.read_bytes() for p in tmp_path.glob("[ab]/*") if p.is_file()}
    new = [
        {"id": 1, "text": two + "又"},
        {"id": 2, "text": three},
        {"id": 3, "text": three},
        {"id": 4, "text": one},
    ]
    rejects = tmp_path / "gone.jsonl"
    arguments = ["--against", a, "--against", b, "--rejects", str(rejects)]
    assert [r["id"] for r in run(tmp_path, new, *arguments)] == [2]
    told = [r["metadata"]["mind"]["rejected"] for r in read_records([rejects])]
    assert [(t["duplicate_of"], t.get("index")) for t in told] == [
        ("two", b),
        (2, None),
        ("one", a),
    ]
    only = run(tmp_path, new, *arguments, "--compare", "index")
    assert [r["id"] for r in only] == [2, 3]
    itself = run(tmp_path, new, "--compare", "self", "--index", str(tmp_path / "c"))
    assert [r["id"] for r in itself] == [1, 2, 4]
    assert {p: p.read_bytes() for p in tmp_path.glob("[ab]/*") if p.is_file()} == before


def test_memory_bound_and_index_together(tmp_path: Path) -> None:
    records = edited(300)
    whole = run(tmp_path, records)
    index = str(tmp_path / "index")
    arguments = ("--index", index, "--memory", "1M")
    assert (
        run(tmp_path, records[:200], *arguments) + run(tmp_path, records[200:], *arguments) == whole
    )


@pytest.mark.parametrize("harm", ["cut", "flip", "magic", "gone", "short-manifest"])
def test_a_damaged_index_is_refused_with_a_hint(harm: str, tmp_path: Path) -> None:
    index = tmp_path / "index"
    run(tmp_path, edited(50), "--index", str(index))
    (segment,) = index.glob("segment-*")
    data = bytearray(segment.read_bytes())
    if harm == "cut":
        segment.write_bytes(data[:-9])
    elif harm == "flip":
        data[len(data) // 2] ^= 1
        segment.write_bytes(data)
    elif harm == "magic":
        data[:4] = b"\0\0\0\0"
        segment.write_bytes(data)
    elif harm == "gone":
        segment.unlink()
    else:
        (index / "manifest.json").write_text("{")
    with pytest.raises(MindError) as error:
        run(tmp_path, edited(5), "--against", str(index))
    assert "hint: " in "\n".join(error.value.lines("mind-dedup"))


def test_a_foreign_index_is_refused(tmp_path: Path) -> None:
    index = tmp_path / "index"
    run(tmp_path, edited(20), "--index", str(index))
    for other in (
        ["--signature", "exact"],
        ["--set", "signature.slots=512"],
        ["--threshold", "0.6"],
    ):
        with pytest.raises(MindError, match="keys of scheme"):
            run(tmp_path, edited(5), "--against", str(index), *other)
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(MindError, match="is no index"):
        run(tmp_path, edited(5), "--index", str(folder))
    (folder / "manifest.json").write_text('{"format": "mind-tokenizer"}')
    with pytest.raises(MindError, match="wanted is 'mind-dedup-index'"):
        run(tmp_path, edited(5), "--against", str(folder))
    assert (folder / "notes.txt").read_text() == "mine"


def test_exact_signatures_have_indexes_too(tmp_path: Path) -> None:
    records = [{"id": i, "text": f"text {i % 5}", "url": f"http://a/{i % 7}"} for i in range(20)]
    for signature, kept in (("exact", 5), ("normalized", 5), ("url", 7)):
        arguments = ("--signature", signature, "--index", str(tmp_path / signature), "--allow")
        assert len(run(tmp_path, records[:10], *arguments)) == kept
        assert len(run(tmp_path, records[10:], *arguments)) == 0


DEADLY = """
import os, signal, sys
at, index = int(sys.argv.pop(1)), sys.argv.pop(1)
changes = 0
def count(event, arguments):
    global changes
    if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"):
        if str(arguments[0]).startswith(index) and not (event == "open" and arguments[1] == "rb"):
            changes += 1
            if changes == at:
                os.kill(os.getpid(), signal.SIGKILL)
from mind_dedup.cli import main
sys.addaudithook(count)
main()
"""


def test_kill_at_any_moment_leaves_the_old_index_usable(tmp_path: Path) -> None:
    """The process dies just before its n-th change below the index, for every n there is."""
    index = tmp_path / "index"
    first = [{"id": i, "text": han_text(i, 80)} for i in range(20)]
    run(tmp_path, first, "--index", str(index))
    old = (index / "manifest.json").read_bytes()
    more = tmp_path / "more.jsonl"
    write_records(more, ({"id": f"m{i}", "text": han_text(i + 500, 300)} for i in range(30)))
    files = [str(more), "-q", "--index", str(index)]
    deaths = 0
    for change in range(1, 100):
        output = tmp_path / f"killed-{change}.zst"
        deadly = [sys.executable, "-c", DEADLY, str(change), str(index)]
        code = subprocess.run([*deadly, *files, "-o", str(output)], check=False).returncode
        if code == 0:
            break
        assert code == -signal.SIGKILL
        deaths += 1
        if (index / "manifest.json").read_bytes() == old:
            assert run(tmp_path, first, "--against", str(index), "--allow") == []
        else:  # all was done but the tidying up
            assert output.exists()
    assert 3 <= deaths < 99
    assert run(tmp_path, list(read_records([more])), "--index", str(index), "--allow") == []


def test_two_writers_do_not_mix(tmp_path: Path) -> None:
    import fcntl

    index = tmp_path / "index"
    run(tmp_path, edited(5), "--index", str(index))
    with (index / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(MindError, match="being extended by another process"):
            run(tmp_path, edited(5), "--index", str(index))
