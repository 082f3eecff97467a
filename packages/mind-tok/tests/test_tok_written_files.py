"""Files on their way to the disk: hashed, whole and synced; lines cut at the trainer's limit."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest

from mind_tok.sentencepiece_training import LONGEST_LINE, _write_lines
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


def test_lines_are_cut_at_the_limit_without_loss() -> None:
    class Watched(io.BytesIO):
        flushed = 0

        def flush(self) -> None:
            self.flushed = self.tell()

    file = Watched()
    limit = LONGEST_LINE
    texts = ["短\n\nshort", "", "\n", "x" * limit, "y" * (2 * limit + 1)]
    characters = _write_lines(texts, file)
    lines = file.getvalue().decode().split("\n")
    assert lines == ["短", "short", "x" * limit, "y" * limit, "y" * limit, "y", ""]
    assert characters == sum(map(len, lines))
    # The trainer reads the file by its name while it is open here.
    assert file.flushed == len(file.getvalue())
