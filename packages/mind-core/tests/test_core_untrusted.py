"""What a folder from somebody else may name: its own regular files, and counts that fit."""

import os
from pathlib import Path

import pytest

from mind_core.errors import MindError
from mind_core.files import sha256_file
from mind_core.locks import open_lock
from mind_core.untrusted import check_named, copy_files, count, inside


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file, a file in a folder, and one of each thing that is none."""
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "file").write_text("data")
    (folder / "inner" / "file").write_text("data")
    (tmp_path / "secret").write_text("key")
    (folder / "link").symlink_to("../secret")
    (folder / "own").symlink_to("file")
    (folder / "linked").symlink_to("..")
    os.mkfifo(folder / "pipe")
    return folder


def test_a_file_of_the_folder_is_found(folder: Path, tmp_path: Path) -> None:
    assert inside(folder, "file").read_text() == "data"
    assert inside(folder, "inner/file").read_text() == "data"
    (tmp_path / "way").symlink_to(folder)
    assert inside(tmp_path / "way", "file").read_text() == "data"


@pytest.mark.parametrize(
    "name",
    ["../secret", "inner/../../secret", "/etc/hostname", "..", "", ".", "link", "own", "pipe",
     "linked/secret", "inner", "nothing", "file/x", "a\0b", None, 3, ["file"], b"file"],
)  # fmt: skip
def test_all_else_is_refused(folder: Path, name: object) -> None:
    with pytest.raises(MindError) as caught:
        inside(folder, name)
    assert caught.value.hint


def test_a_copy_holds_regular_files_only(folder: Path, tmp_path: Path) -> None:
    for name in ("link", "own", "linked"):
        with pytest.raises(MindError, match="is a link"):
            copy_files(folder, tmp_path / f"copy-{name}")
        (folder / name).unlink()
    with pytest.raises(MindError, match="no regular file"):
        copy_files(folder, tmp_path / "copy-pipe")
    (folder / "pipe").unlink()
    copy_files(folder, tmp_path / "copy")
    copied = sorted(p.relative_to(tmp_path / "copy").as_posix() for p in
                    (tmp_path / "copy").rglob("*"))  # fmt: skip
    assert copied == ["file", "inner", "inner/file"]


def test_files_are_those_that_are_named(folder: Path) -> None:
    described = {"file": {"size": 4, "sha256": sha256_file(folder / "file")}}
    check_named(folder, described, needed=("file", "gone"))
    with pytest.raises(MindError, match="does not name"):
        check_named(folder, described, needed=("inner/",))
    with pytest.raises(MindError, match="does not name"):
        check_named(folder, {}, needed=("file",))
    for changed in ({"size": 5}, {"size": -1}, {"size": "4"}, {"sha256": "0"}, {"sha256": None}):
        with pytest.raises(MindError):
            check_named(folder, {"file": {**described["file"], **changed}})
    for wrong in (None, [], {"../secret": described["file"]}, {"file": None}):
        with pytest.raises(MindError):
            check_named(folder, wrong)  # type: ignore[arg-type]


def test_counts_are_whole_and_fit() -> None:
    assert count({"n": 3}, "n", "it", 3) == 3
    assert count({"n": 0}, "n", "it") == 0
    for value in (-1, 1.0, "1", None, True, 4, 10**30):
        with pytest.raises(MindError):
            count({"n": value}, "n", "it", 3)
    with pytest.raises(MindError):
        count([], "n", "it")


def test_a_lock_follows_no_link_and_empties_nothing(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("years")
    (tmp_path / "link").symlink_to("precious")
    with pytest.raises(MindError, match="lock"), open_lock(tmp_path / "link"):
        pass
    with open_lock(tmp_path / "precious"):
        pass
    assert (tmp_path / "precious").read_text() == "years"
    with open_lock(tmp_path / "new"):
        assert (tmp_path / "new").exists()
