"""Folders as inputs: which of their files are read, and which folders are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mind_core.errors import MindError
from mind_core.files import MANIFEST
from mind_core.formats import files_of
from mind_core.formats.data_set import _split


def made(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return [folder / name for name in names]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train-00000-of-00002.parquet", "train"), ("data/training.csv", "train"),
        ("x_VAL.jsonl", "validation"), ("dev/a.csv", "validation"), ("valid.csv", "validation"),
        ("a.validation.csv", "validation"), ("eval.csv", "test"), ("testing/a.csv", "test"),
        ("evaluation_1.csv", "test"), ("trainer.csv", ""), ("latest.csv", ""), ("a/b.csv", ""),
    ],
)  # fmt: skip
def test_a_name_says_its_split(name: str, split: str) -> None:
    assert _split(name) == split


def test_a_folder_is_its_files_by_name(tmp_path: Path) -> None:
    b, a, c = made(tmp_path, "b/x.jsonl.zst", "a.jsonl", "c.JSONL.gz")
    made(tmp_path, ".git/x.csv", "_tmp/x.csv", "README.md", "plain", "x.zst")
    assert files_of(["-", tmp_path, "other"]) == ["-", a, b, c, "other"]
    made(tmp_path, "d.csv")
    with pytest.raises(MindError, match=r"several kinds: \.csv, \.jsonl$") as caught:
        files_of([tmp_path])
    assert str(caught.value.hint).endswith("/*.csv")


def test_a_folder_without_data_is_refused_and_one_of_ours_is_left(tmp_path: Path) -> None:
    made(tmp_path, "README.md", ".hidden.csv")
    with pytest.raises(MindError, match="cannot read"):
        files_of([tmp_path])
    made(tmp_path, MANIFEST)
    assert files_of([tmp_path]) == [tmp_path]


def test_two_splits_are_named_and_one_is_read(tmp_path: Path) -> None:
    files = made(tmp_path, "train-0.csv", "train-1.csv", "x.csv")
    assert files_of([tmp_path]) == files
    made(tmp_path, "dev.csv")
    with pytest.raises(MindError, match="several splits: train, validation") as caught:
        files_of([tmp_path])
    assert str(caught.value.hint).endswith("/**/train*.csv")
    made(tmp_path / "parts", "test/0.csv", "train/0.csv", "train/1.csv")
    with pytest.raises(MindError, match="several splits: test, train") as caught:
        files_of([tmp_path / "parts"])
    assert str(caught.value.hint).endswith("/parts/train")
    assert len(files_of([tmp_path / "parts" / "train"])) == 2
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["a", "b"]}')
    with pytest.raises(MindError, match="several splits: a, b") as caught:
        files_of([tmp_path])
    assert str(caught.value.hint).endswith(f"{tmp_path.name}/a")


def test_what_was_saved_to_disk_says_its_files(tmp_path: Path) -> None:
    files = made(tmp_path, "data-1.arrow", "data-0.arrow")
    made(tmp_path, "cache.arrow")
    state = tmp_path / "state.json"
    state.write_text(json.dumps({"_data_files": [{"filename": file.name} for file in files]}))
    assert files_of([tmp_path]) == files
    for wrong in ("{}", "[]", '{"_data_files": []}', '{"_data_files": ["../x"]}',
                  '{"_data_files": [{}]}', '{"_data_files": [["x"]]}', "{"):  # fmt: skip
        state.write_text(wrong)
        with pytest.raises(MindError, match="not what `save_to_disk` writes"):
            files_of([tmp_path])
