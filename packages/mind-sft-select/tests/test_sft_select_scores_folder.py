"""A folder of scores: what a kill left is taken or cleared away, and nothing of others is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mind_core.errors import MindError, UsageError
from mind_core.files import MANIFEST, PARTIAL
from mind_sft_select.scoring.scores_folder import ScoresFolder

IDENTITY = {"model": "m"}
ROWS = [{"key": "a", "score": 1.0}, {"key": "b", "score": 2.0}]


def test_a_run_that_goes_on_takes_what_is_whole_and_clears_the_rest_away(tmp_path: Path) -> None:
    folder = tmp_path / "scores"
    first = ScoresFolder(folder, IDENTITY)
    first.write(0, ROWS)
    first.finish({})
    half = folder / f".scores-00001.jsonl.zst.1.ab{PARTIAL}"
    half.write_bytes(b"half")
    again = ScoresFolder(folder, IDENTITY)
    assert not half.exists()
    # Until it is finished again, nobody may take the folder for whole.
    assert not (folder / MANIFEST).exists()
    assert again.read(0, ["a", "b"]) == ROWS
    assert again.read(1, ["c"]) is None
    assert (again.reused, again.rows) == (2, 2)
    again.write(1, [{"key": "c"}])
    assert (again.reused, again.rows) == (2, 3)
    assert [shard["rows"] for shard in again.shards] == [2, 1]
    with pytest.raises(MindError, match="other records"):
        again.read(0, ["a", "c"])


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / f".x{PARTIAL}").write_text("half")
    with pytest.raises(UsageError, match="holds other things"):
        ScoresFolder(tmp_path, IDENTITY)
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / "notes.txt").unlink()
    ScoresFolder(tmp_path, IDENTITY)  # what a kill left before the plan was written is no hindrance


def test_a_folder_of_another_model_is_refused(tmp_path: Path) -> None:
    ScoresFolder(tmp_path, IDENTITY).finish({})
    with pytest.raises(UsageError, match="another model"):
        ScoresFolder(tmp_path, {"model": "n"})
    assert json.loads((tmp_path / MANIFEST).read_text())["version"] == 1
