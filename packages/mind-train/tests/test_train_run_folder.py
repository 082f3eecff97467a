"""One process in a run folder, one run in it, and a start that was killed is no obstacle."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mind_core import MindError
from mind_train.config import effective_recipe
from mind_train.run_folder import INPUTS, LOCK, RECIPE, only_one, open_run

Change = Callable[..., list[str]]
Train = Callable[..., Path]


def test_a_second_process_is_kept_out_and_changes_nothing(
    shards: Path, small_run: Change, pretrain: Train, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with only_one(run):
        with pytest.raises(MindError, match="another process") as caught:
            pretrain(shards, run, small_run())
        assert caught.value.hint
        assert [p.name for p in run.iterdir()] == [LOCK]
    pretrain(shards, run, small_run(steps=2))
    before = (run / RECIPE).read_bytes()
    with only_one(run), pytest.raises(MindError, match="another process"):
        pretrain(shards, run, small_run(steps=3))
    assert (run / RECIPE).read_bytes() == before


@pytest.mark.parametrize(
    "left",
    [
        [LOCK],
        [f".{RECIPE}.12.ab.partial"],
        [LOCK, INPUTS, f".{RECIPE}.12.ab.partial"],
    ],
)
def test_a_killed_start_can_be_repeated(
    left: list[str], shards: Path, small_run: Change, pretrain: Train, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name in left:
        (run / name).write_text("{}")
    pretrain(shards, run, small_run(steps=1))
    assert (run / "manifest.json").exists()


@pytest.mark.parametrize("theirs", ["notes.txt", RECIPE, INPUTS])
def test_a_folder_of_other_things_is_not_touched(
    theirs: str, shards: Path, small_run: Change, pretrain: Train, tmp_path: Path
) -> None:
    (tmp_path / theirs).write_text("mine")
    with pytest.raises(MindError, match="no run folder") as caught:
        pretrain(shards, tmp_path, small_run())
    assert caught.value.hint
    assert [p.name for p in tmp_path.iterdir()] == [theirs]
    with pytest.raises(MindError, match="no run folder"):
        pretrain(shards, tmp_path / theirs, small_run())


def test_the_difference_is_said_plainly(
    trained: Path, shards: Path, small_run: Change, pretrain: Train, tmp_path: Path
) -> None:
    with pytest.raises(MindError, match="cannot be made longer; give a new -o") as caught:
        pretrain(shards, trained, small_run(steps=20))
    assert "train.steps was 12, is 20" in caught.value.message
    for changes in (small_run(steps=8), [*small_run(steps=20), "optimizer.lr=0.1"]):
        with pytest.raises(MindError, match="another recipe") as caught:
            pretrain(shards, trained, changes)
        assert "recipe.toml" in str(caught.value.hint)
    copy = tmp_path / "shards"
    shutil.copytree(shards, copy)
    manifest = copy / "manifest.json"
    manifest.write_text(manifest.read_text() + " ")
    with pytest.raises(MindError, match="was started with other shards") as caught:
        pretrain(copy, trained, small_run())
    assert caught.value.cause is None and caught.value.hint


def test_a_run_of_another_verb_is_named(trained: Path) -> None:
    with pytest.raises(MindError, match="holds a run of `mind-train pretrain`") as caught:
        open_run(trained, effective_recipe("sft-cpu", [], None), {"command": "sft"})
    assert caught.value.hint
