"""Files and folders are whole or not there."""

import os
from pathlib import Path

import pytest

from mind_core.errors import MindError, UsageError
from mind_core.files import (
    atomic_file,
    atomic_folder,
    check_file,
    check_folder,
    make_folder,
    read_manifest,
    sha256_file,
    write_json,
    write_manifest,
)


def test_a_file_appears_only_on_success(tmp_path: Path) -> None:
    path = tmp_path / "result"
    path.write_bytes(b"old")
    with pytest.raises(ValueError), atomic_file(path) as file:
        file.write(b"half")
        assert path.read_bytes() == b"old"
        raise ValueError
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1
    with atomic_file(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new" and len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(MindError, match="cannot write") as caught, atomic_file(tmp_path / "a/b"):
        pass
    assert caught.value.hint


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with pytest.raises(MindError) as caught, atomic_file(tmp_path / "result") as file:
        os.dup2(os.open("/dev/full", os.O_WRONLY), file.fileno())
        file.write(b"x" * 100_000)
    assert "disk is full" in str(caught.value.hint)
    assert list(tmp_path.iterdir()) == []


def test_a_run_folder_is_complete_with_its_manifest(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt), atomic_folder(folder) as partial:
        (partial / "part").write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    with atomic_folder(folder) as partial:
        (partial / "part").write_text("whole")
        write_manifest(partial, {"format": "x"})
    assert read_manifest(folder, format="x") == {"format": "x"}
    with pytest.raises(MindError, match="exists and is complete"), atomic_folder(folder):
        pass
    assert (folder / "part").exists()


def test_a_folder_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(MindError, match="other things"), atomic_folder(folder) as partial:
        write_manifest(partial, {"format": "x"})
        folder.mkdir()
        (folder / "thesis").write_text("years of work")
    assert (folder / "thesis").read_text() == "years of work"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_link_is_followed_and_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with atomic_file(tmp_path / "link") as file:
        file.write(b"through")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"through"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with atomic_file(tmp_path / "pipe") as file:
        file.write(b"on")
    assert os.read(reader, 10) == b"on" and (tmp_path / "pipe").is_fifo()
    os.close(reader)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(MindError, match="cannot write"), atomic_file(tmp_path):
        pass


def test_a_folder_with_other_things_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("dear")
    with pytest.raises(MindError, match="other things"), atomic_folder(tmp_path / "mine"):
        pass
    assert (tmp_path / "mine" / "letter").exists()


@pytest.mark.parametrize("content", [None, "{", "[]", '{"format":"other"}'])
def test_a_manifest_that_does_not_fit_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(MindError) as caught:
        read_manifest(tmp_path, format="mine")
    assert caught.value.hint


def test_json_has_sorted_keys_and_a_hash(tmp_path: Path) -> None:
    write_json(tmp_path / "a", {"b": 1, "a": "中"})
    write_json(tmp_path / "b", {"a": "中", "b": 1})
    assert sha256_file(tmp_path / "a") == sha256_file(tmp_path / "b")


@pytest.mark.parametrize("name", ["s3://bucket/out", "hf://datasets/me/out", "gs:/bucket/out"])
def test_an_output_at_an_address_is_refused_and_makes_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # As a path "s3://bucket" is "s3:/bucket": without the refusal a folder of that name is made.
    monkeypatch.chdir(tmp_path)
    path = Path(name)
    with pytest.raises(UsageError, match="is an address"), atomic_folder(path):
        pass
    with pytest.raises(UsageError, match="is an address"), atomic_file(path):
        pass
    for refused in (check_file, check_folder, make_folder):
        with pytest.raises(UsageError, match="is an address"):
            refused(path)
    assert not list(tmp_path.iterdir())


def test_a_folder_whose_name_ends_with_a_colon_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "part:").mkdir()
    with atomic_folder(Path("part:/made")) as folder:
        (folder / "x").write_bytes(b"1")
    assert (tmp_path / "part:" / "made" / "x").exists()
