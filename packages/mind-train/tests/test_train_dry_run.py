"""A dry run looks at the run folder as a run would, and makes nothing."""

from pathlib import Path

import pytest

from mind_core.errors import MindError
from mind_core.recipe import Recipe
from mind_train.run_folder import check_run, open_run

RECIPE = Recipe("mine", {"train": {"steps": 5}})
INPUTS = {"command": "pretrain", "shards": ["abc"]}


def test_a_folder_is_checked_and_not_made(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert not check_run(run, RECIPE, INPUTS)
    assert not run.exists()
    run.mkdir()
    (run / "letter").write_text("dear")
    with pytest.raises(MindError, match="no run folder"):
        check_run(run, RECIPE, INPUTS)
    with pytest.raises(MindError, match="cannot write"):
        check_run(run / "letter" / "run", RECIPE, INPUTS)


def test_a_run_that_has_begun_is_compared(tmp_path: Path) -> None:
    assert not open_run(tmp_path, RECIPE, INPUTS)
    assert check_run(tmp_path, RECIPE, INPUTS)
    with pytest.raises(MindError, match="another recipe"):
        check_run(tmp_path, Recipe("mine", {"train": {"steps": 4}}), INPUTS)
    with pytest.raises(MindError, match="with other shards"):
        check_run(tmp_path, RECIPE, {**INPUTS, "shards": []})
