"""Files on their way to the disk: hashed, whole and synced; lines cut at the trainer's limit."""

from __future__ import annotations

import hashlib
import io
import os
from collections import Counter
from pathlib import Path

import pytest

from mind_tok.counting import UnitCounts
from mind_tok.sentencepiece_training import (
    _RESERVED,
    LONGEST_LINE,
    _write_counts,
    _write_lines,
)
from mind_tok.shard_file import HashedFile


def test_a_hashed_file_is_whole_on_the_disk_when_it_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, int]] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        real(handle)
        found = os.fstat(handle)
        synced.append((found.st_ino, found.st_size))

    monkeypatch.setattr(os, "fsync", fsync)
    path = tmp_path / "part.bin"
    file = HashedFile(path)
    parts = [b"a" * 5, b"", b"b" * 7]
    for part in parts:
        file.write(part)
    told = file.finish()
    data = b"".join(parts)
    assert told == {"size": 12, "sha256": hashlib.sha256(data).hexdigest()}
    assert path.read_bytes() == data and synced == [(path.stat().st_ino, 12)]


def test_counts_spill_at_their_bound_sorted_and_whole() -> None:
    """A unit takes 150 bytes and two for each of its characters."""
    for memory, spills in ((309, True), (310, False)):
        counts = UnitCounts(memory)
        assert (counts.units, counts._bytes) == (0, 0)
        counts.add(Counter({"bb": 2, "茶叶茶": 1}))
        assert (len(counts._runs), counts._bytes) == ((1, 0) if spills else (0, 310))
        if spills:
            # Another opening of the file, so that what waits in a buffer is not seen.
            run = Path(f"/proc/self/fd/{counts._runs[0].fileno()}")
            if run.exists():
                assert run.read_bytes() == b"2\tbb\n" + "1\t茶叶茶\n".encode()
        counts.add(Counter({"bb": 1, "a": 5}))
        assert list(counts.merged()) == [("a", 5), ("bb", 3), ("茶叶茶", 1)]
    counts = UnitCounts(1000)
    counts.add(Counter({"a": 1}))
    counts.add(Counter({"a": 1}))
    assert counts._bytes == 152, "what is known takes nothing more"


class Watched(io.BytesIO):
    flushed = 0

    def flush(self) -> None:
        self.flushed = self.tell()


def test_counts_are_written_as_the_trainer_reads_them() -> None:
    file = Watched()
    assert _write_counts([("ab", 3), ("茶", 20)], file) == 3
    assert file.getvalue() == "ab\t3\n茶\t20\n".encode()
    assert file.flushed == len(file.getvalue())


def test_marks_that_the_trainer_keeps_for_itself_end_a_line() -> None:
    file = Watched()
    texts = [f"a{mark}b" for mark in _RESERVED] + ["short\n" + "x" * (LONGEST_LINE + 1)]
    assert _write_lines(texts, file) == 2 * len(_RESERVED) + 5 + LONGEST_LINE + 1
    lines = file.getvalue().decode().split("\n")
    assert lines == ["a", "b"] * len(_RESERVED) + ["short", "x" * LONGEST_LINE, "x", ""]


def test_lines_are_cut_at_the_limit_without_loss() -> None:
    file = Watched()
    limit = LONGEST_LINE
    texts = ["短\n\nshort", "", "\n", "x" * limit, "y" * (2 * limit + 1)]
    characters = _write_lines(texts, file)
    lines = file.getvalue().decode().split("\n")
    assert lines == ["短", "short", "x" * limit, "y" * limit, "y" * limit, "y", ""]
    assert characters == sum(map(len, lines))
    # The trainer reads the file by its name while it is open here.
    assert file.flushed == len(file.getvalue())
