"""Indexes on disk: extended run by run, read only, damaged, foreign, and killed at any moment."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
import xxhash
from dedup_making import edited, han_text, run

from mind_core.errors import MindError
from mind_core.output import write_records
from mind_core.stream import read_records
from mind_dedup.index_files import index_lock


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
    assert [t.get("index_record") for t in told] == [1, None, 1]
    assert told[1]["duplicate_at"].endswith(":2") and "duplicate_at" not in told[0]
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


def test_two_runs_do_not_extend_one_index_at_once(tmp_path: Path) -> None:
    """While one run holds the index another is refused, and the first adds all of its own."""
    index = tmp_path / "index"
    run(tmp_path, edited(5), "--index", str(index))
    more = tmp_path / "more.jsonl"
    write_records(more, ({"id": f"m{i}", "text": han_text(i + 500, 90)} for i in range(9)))
    other = [sys.executable, "-m", "mind_dedup", str(more), "-q", "--index", str(index)]
    before = (index / "manifest.json").read_bytes()
    with index_lock(index):
        done = subprocess.run(other, capture_output=True, text=True, check=False)
        assert done.returncode == 1 and "being extended by another process" in done.stderr
    assert (index / "manifest.json").read_bytes() == before
    # Let go, it can be had; reading needs no lock at any time.
    with index_lock(tmp_path / "another"):
        assert subprocess.run(other, capture_output=True, check=False).returncode == 0
    with index_lock(index):
        assert run(tmp_path, list(read_records([more])), "--against", str(index), "--allow") == []


def test_a_lock_is_let_go_when_a_run_is_killed(tmp_path: Path) -> None:
    index = tmp_path / "index"
    code = (
        "import os, sys, pathlib\n"
        "from mind_dedup.index_files import index_lock\n"
        "with index_lock(pathlib.Path(sys.argv[1])):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(index)], check=False)
    assert killed.returncode == -signal.SIGKILL and (index / ".lock").exists()
    assert len(run(tmp_path, edited(5), "--index", str(index))) > 4


class Watch(Protocol):
    """What the fixture `disk` gives."""

    def lost(self, path: Path) -> list[str]: ...


def test_a_power_cut_takes_nothing_that_the_manifest_names(tmp_path: Path, disk: Watch) -> None:
    index = tmp_path / "index"
    for begin in (0, 30):
        run(tmp_path, edited(60)[begin : begin + 30], "--index", str(index))
        for segment in index.glob("segment-*"):
            assert disk.lost(segment) == []
        assert disk.lost(index / "manifest.json") == []


def test_the_manifest_names_a_segment_only_when_it_is_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was renamed last is the manifest, and the index is extended after the output."""
    index, names = tmp_path / "index", []
    replace = os.replace

    def noting(source: str, target: str) -> None:
        names.append(Path(target).name)
        replace(source, target)

    monkeypatch.setattr(os, "replace", noting)
    run(tmp_path, edited(20), "--index", str(index))
    assert names[-3:] == ["out.jsonl", "segment-000001.mdx", "manifest.json"]


def _rewritten(segment: Path, manifest: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the directory of a segment, and write the checksums that belong to it."""
    data = segment.read_bytes()
    begin, _, end = struct.unpack("<QQ8s", data[-24:])
    directory = json.loads(data[begin:-24])
    change(directory)
    body = data[:begin] + json.dumps(directory).encode()
    checksum = xxhash.xxh3_64_intdigest(body)
    segment.write_bytes(body + struct.pack("<QQ8s", begin, checksum, end))
    told = json.loads(manifest.read_text())
    told["segments"][0] |= {"checksum": f"{checksum:016x}", "bytes": segment.stat().st_size}
    manifest.write_text(json.dumps(told))


def _set(column: int, place: int, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(directory: dict[str, Any]) -> None:
        directory["blocks"][0][column][place] = value

    return change


HARMS: dict[str, Callable[[dict[str, Any]], None]] = {
    "objects": _set(0, 2, "|O"),
    "another type": _set(1, 2, "<u8"),
    "no type": _set(2, 2, None),
    "before the file": _set(0, 0, -8),
    "behind the file": _set(0, 0, 1 << 40),
    "too long": _set(0, 1, 1 << 40),
    "too short": _set(0, 1, 1),
    "no number": _set(3, 1, "9"),
    "fewer rows": _set(5, 1, 1),
    "a column less": lambda directory: directory["blocks"][0].pop(),
    "ends of other rows": lambda directory: directory["blocks"][0][1].__setitem__(
        0, directory["blocks"][0][4][0]
    ),
    "no blocks": lambda directory: directory.pop("blocks"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_directory_that_lies_is_refused_even_with_a_valid_checksum(
    harm: str, tmp_path: Path
) -> None:
    """What a file says of its types and places decides what its bytes are taken for."""
    index = tmp_path / "index"
    run(tmp_path, edited(20), "--index", str(index))
    (segment,) = index.glob("segment-*")
    _rewritten(segment, index / "manifest.json", lambda directory: None)
    assert run(tmp_path, edited(20), "--against", str(index), "--allow") == []
    _rewritten(segment, index / "manifest.json", HARMS[harm])
    with pytest.raises(MindError, match="is damaged"):
        run(tmp_path, edited(5), "--against", str(index))
