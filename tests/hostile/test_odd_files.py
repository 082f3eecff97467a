"""A file of a folder as a pipe, a device, a file without end: refused, before it is read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from formats import read_checkpoint, read_index, read_shards, read_tokenizer
from mutating import try_mutations

from mind_core.errors import MindError
from mind_core.files import read_json
from mind_core.whole_files import read_whole


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def sparse(path: Path) -> None:
    os.truncate(path, 20 << 30)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def deep(path: Path) -> None:
    path.write_bytes(b"[" * 5_000_000)


WAYS = (piped, endless, sparse, folder, deep)
FILES = [
    ("shards", "manifest.json", read_shards),
    ("shards", "train-00000.bin", read_shards),
    ("tokenizer", "manifest.json", read_tokenizer),
    ("tokenizer", "tokenizer.model", read_tokenizer),
    ("checkpoint", "manifest.json", read_checkpoint),
    ("checkpoint", "config.json", read_checkpoint),
    ("checkpoint", "trainer.json", read_checkpoint),
    ("checkpoint", "model.safetensors", read_checkpoint),
    ("index", "manifest.json", read_index),
    ("index", "segment-000001.mdx", read_index),
]


@pytest.mark.hostile("a pipe, a device or a file without end in a folder")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize(("kind", "name", "read"), FILES)
def test_a_file_without_end_is_refused(
    sound: Path,
    tmp_path: Path,
    kind: str,
    name: str,
    read: Callable[[Path], None],
    way: Callable[[Path], None],
) -> None:
    """In a child with 4 GiB, as the altered files are."""
    copy = Path(shutil.copytree(sound / kind, tmp_path / kind))
    way(copy / name)
    tally = try_mutations(1, lambda _: copy, read)
    assert (tally.refused, dict(tally.faults)) == (1, {})


def test_a_description_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("{}")
    (tmp_path / "link").symlink_to(path)
    assert read_json(path) == read_json(tmp_path / "link") == {}
    assert read_whole(path, 2) == b"{}"
    with pytest.raises(MindError, match="2 bytes"):
        read_whole(path, 1)
    with pytest.raises(MindError, match="No such file|cannot read"):
        read_whole(tmp_path / "none")


@pytest.mark.hostile("a name that leads outside")
@pytest.mark.parametrize("name", ["x" * 5000, "a/" * 3000 + "b", "train-00000.bin/x", "."])
def test_odd_names_are_refused(sound: Path, name: str) -> None:
    from mind_core.untrusted import inside

    with pytest.raises(MindError):
        inside(sound / "shards", name)
