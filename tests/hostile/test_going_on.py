"""Folders that a tool goes on in, and what they name: links, pipes, rows that no tool wrote."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from formats import a_warc
from hostile_making import Spoil
from test_folders import opened

from mind_core.errors import MindError

LINK = "a link in a folder that a tool goes on in, through which a file would be replaced"
PIPE = "a pipe in the place of a lock or a log"


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    (tmp_path / "victim").write_text("precious")
    return tmp_path / "victim"


def index(folder: Path) -> None:
    from mind_dedup.index_files import index_lock

    with index_lock(folder):
        pass


def run(folder: Path) -> None:
    from mind_train.run_folder import only_one

    with only_one(folder):
        pass


def job(folder: Path) -> None:
    from mind_core.tasks.folder import TaskFolder

    TaskFolder(folder).check()


def scores(folder: Path) -> None:
    from mind_sft_select.scoring.scores_folder import ScoresFolder

    ScoresFolder(folder, {"model": "m"})


def store(folder: Path) -> None:
    from mind_train.experiments.store import CellStore

    with CellStore(folder).alone("data"):
        pass


@pytest.mark.hostile(LINK)
@pytest.mark.parametrize(
    ("go_on", "name"),
    [(index, "segment-000001.mdx"), (run, "checkpoints/step-00000001/tokenizer/notes"),
     (job, "failed/000000.json"), (scores, "scores-00000.jsonl.zst"), (store, "cells/a/records")],
)  # fmt: skip
def test_a_link_in_it_is_refused(
    tmp_path: Path, victim: Path, go_on: Callable[[Path], None], name: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    if go_on is run:
        for file in ("recipe.toml", "inputs.json"):
            (folder / file).write_text("")
    if go_on is scores:
        (folder / "plan.json").write_text('{"model": "m"}')
    go_on(folder)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).symlink_to(victim)
    with pytest.raises(MindError, match="leads out"):
        go_on(folder)
    assert victim.read_text() == "precious"


@pytest.mark.hostile(PIPE)
@pytest.mark.timeout(20)
def test_a_pipe_is_no_lock_and_no_log(tmp_path: Path) -> None:
    from mind_core.locks import open_lock, open_log

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MindError, match="cannot open the lock"), open_lock(tmp_path / "pipe"):
        pass
    with pytest.raises(OSError, match="no regular file"):
        open_log(tmp_path / "pipe")


@pytest.mark.hostile("a link in the place of a file")
@pytest.mark.parametrize("kind", ["shards", "tokenizer", "checkpoint", "index"])
def test_a_manifest_is_no_link(copy_of: Spoil, tmp_path: Path, kind: str) -> None:
    folder = copy_of(kind)
    (folder / "manifest.json").rename(tmp_path / "moved")
    (folder / "manifest.json").symlink_to(tmp_path / "moved")
    with pytest.raises(MindError, match="link"):
        opened(kind, folder)


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "a.warc")


def link(folder: Path) -> None:
    (folder / "a.warc").symlink_to(folder.parent / "secret.warc")


def linked_folder(folder: Path) -> None:
    (folder / "sub").symlink_to(folder.parent)


ARCHIVES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a pipe": ("a.warc", pipe),
    "a link": ("a.warc", link),
    "through a link": ("sub/secret.warc", linked_folder),
    "upwards": ("../secret.warc", Path.is_dir),
    "NUL": ("a\0b", Path.is_dir),
    "a name without end": ("a" * 100_000, Path.is_dir),
}


@pytest.mark.hostile("an index of archives that names what is no archive of its folder")
@pytest.mark.timeout(30)
@pytest.mark.parametrize("attack", ARCHIVES)
def test_an_index_names_archives_of_its_folder(tmp_path: Path, attack: str) -> None:
    from mind_clean.readers.cdx import read_cdx
    from mind_core.batches import refusal

    (tmp_path / "secret.warc").write_bytes(a_warc())
    folder = tmp_path / "archives"
    folder.mkdir()
    name, spoil = ARCHIVES[attack]
    spoil(folder)
    told = {"filename": name, "offset": "0", "length": "400"}
    (folder / "a.cdxj").write_text(f"x)/ 2024 {json.dumps(told)}\n")
    [line] = [line for batch in read_cdx([str(folder / "a.cdxj")]) for _, line in batch.lines()]
    found = refusal(line)
    assert found is not None and found[0] == "missing_archive"


@pytest.mark.hostile("a pattern or a list of inputs that takes forever")
@pytest.mark.timeout(30)
def test_inputs_that_name_themselves_are_found_once(tmp_path: Path) -> None:
    """Two links to the folder that they lie in were 2^40 ways."""
    from mind_core.tasks.inputs import find_files

    inside = tmp_path / "data" / "x"
    inside.mkdir(parents=True)
    for file in (inside / "in.jsonl", inside / ".hidden.jsonl"):
        file.write_text('{"text": "a"}\n')
    (inside / "a").symlink_to(".")
    (inside / "b").symlink_to("..")
    for pattern in ("**/*.jsonl", "**", "**/" * 30 + "*", "x/*"):
        found = find_files([f"{tmp_path}/data/{pattern}"], None, "t")
        assert [Path(one.path).name for one in found] == ["in.jsonl"]
    (tmp_path / "list").write_text("a" * 100_000)
    with pytest.raises(MindError, match="line 1 is no name"):
        find_files([], tmp_path / "list", "t")
    os.mkfifo(inside / "pipe.jsonl")
    with pytest.raises(MindError, match="no regular file"):
        find_files([str(tmp_path / "data")], None, "t")


HUGE = "9" * 6000


@pytest.mark.hostile("a description whose numbers or merges become far more than it is")
def test_a_number_of_thousands_of_digits_is_refused(tmp_path: Path) -> None:
    from mind_core.recipe import load_recipe
    from mind_sft_select.loop.plan_file import read_plan as loop_plan
    from mind_train.experiments.plan_file import read_plan

    path = tmp_path / "a.toml"
    path.write_text(f"seeds = [{HUGE}]")
    for read in (lambda: load_recipe(str(path), "mind_clean"), lambda: read_plan(path),
                 lambda: loop_plan(path)):  # fmt: skip
        with pytest.raises(MindError):
            read()
    with pytest.raises(MindError, match="too large"):
        load_recipe("/dev/zero", "mind_clean")


@pytest.mark.hostile("a description whose numbers or merges become far more than it is")
@pytest.mark.timeout(30)
def test_merges_of_a_task_are_bounded(tmp_path: Path) -> None:
    """40 lines became 2^40 entries, in 4 minutes and more."""
    from mind_eval.gate_names import _task_name
    from mind_eval.prompts.spec import read_config
    from mind_eval.prompts.task_files import check_task_data

    path = tmp_path / "a.yaml"
    lines = [f"a{n}: &a{n}\n  <<: [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    path.write_text("\n".join(["a0: &a0 {x: 1}", *lines]))
    for read in (check_task_data, read_config):
        with pytest.raises(MindError, match="cannot be read as a task"):
            read(path)
    assert _task_name(path) == ""


ROWS: dict[str, dict[str, Any]] = {
    "sums in words": {"turns": [["6", 2, 0.0, 1, 9]]},
    "no token": {"turns": [[6.0, 0, 0.0, 0, 9]]},
    "beyond all numbers": {"turns": [[1e308, 2, 1e308, 1, 9]]},
    "a count below none": {"answer_bytes": -1},
    "a language that is none": {"language": ["en"]},
    "no turns": {"turns": None},
}


@pytest.mark.hostile("rows of a folder that no tool wrote")
@pytest.mark.parametrize("attack", ROWS)
def test_rows_that_were_scored_before_are_checked(tmp_path: Path, attack: str) -> None:
    from mind_sft_select.scoring.scores_folder import ScoresFolder

    sound = {"key": "a", "language": "en", "question_language": "en", "answer_bytes": 9,
             "turns": [[6.0, 2, 0.0, 1, 9]], "prompt_tokens": 5}  # fmt: skip
    folder = ScoresFolder(tmp_path / "scores", {"model": "m"})
    folder.write(0, [sound])
    assert folder.read(0, ["a"]) == [sound]
    folder.write(0, [{**sound, **ROWS[attack]}])
    with pytest.raises(MindError, match="not as its tool writes it"):
        folder.read(0, ["a"])


@pytest.mark.hostile("a state of an optimizer that is none of its parameter")
def test_a_run_goes_on_with_a_state_that_fits(sound: Path, tmp_path: Path) -> None:
    """A kernel that trusts a shape reads beyond its tensor."""
    import torch
    from folder_formats import fit_run, resume
    from safetensors.torch import load_file, save_file

    run = tmp_path / "run"
    resume(run, sound / "shards")
    (run / "manifest.json").unlink()
    shutil.rmtree(run / "checkpoints" / "step-00000002")
    name = "checkpoints/step-00000001/optimizer.safetensors"
    state = load_file(run / name)
    large = next(key for key, tensor in state.items() if tensor.ndim == 2)
    lost = {key: tensor for key, tensor in state.items() if key != large}
    for change in (lost, {**state, large: torch.zeros(3, 5)}):
        save_file(change, run / name)
        fit_run(run, name)
        with pytest.raises(MindError, match="not as its tool writes it"):
            resume(run, sound / "shards")
    save_file(state, run / name)
    fit_run(run, name)
    resume(run, sound / "shards")


@pytest.mark.hostile("a name that leads outside")
def test_a_name_without_end_in_an_index_of_weights_is_refused(tmp_path: Path) -> None:
    from mind_train.export.folder import INDEX, _weight_files

    (tmp_path / INDEX).write_text(json.dumps({"weight_map": {"a": "x" * 70_000}}))
    with pytest.raises(MindError, match="not as its tool writes it"):
        _weight_files(tmp_path)
