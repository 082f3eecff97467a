"""Checkpoints: loaded as they were saved, the damaged ones passed over, only the newest kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from mind_core import MindError
from mind_core.files import sha256_file
from mind_train import load_checkpoint, token_losses
from mind_train.checkpoint import checkpoints, find_checkpoint


def copied(run: Path, to: Path) -> Path:
    shutil.copytree(run, to / "run")
    return to / "run"


def test_a_run_folder_gives_its_newest_checkpoint(trained: Path) -> None:
    loaded = load_checkpoint(trained)
    assert loaded.step == 12
    assert loaded.folder == trained / "checkpoints" / "step-00000012"
    assert loaded.fingerprint == sha256_file(loaded.folder / "model.safetensors")
    assert loaded.context == 32 and loaded.config.vocab == loaded.tokenizer.vocab_size
    assert not loaded.model.training
    assert {p.dtype for p in loaded.model.parameters()} == {torch.float32}
    ids = torch.tensor([loaded.tokenizer.encode("Still waters run deep.")])
    hidden = loaded.model(ids)
    assert loaded.model.logits(hidden).shape == (*ids.shape, loaded.config.vocab)
    losses = token_losses(loaded.model, ids, chunk=3)
    assert losses.shape == (1, ids.shape[1] - 1)
    same = load_checkpoint(loaded.folder)
    assert torch.equal(same.model(ids), hidden)


def test_loading_leaves_the_random_generator_alone(trained: Path) -> None:
    before = torch.get_rng_state()
    load_checkpoint(trained)
    assert torch.equal(before, torch.get_rng_state())


def test_the_newest_two_are_kept(trained: Path) -> None:
    assert [c.name for c in checkpoints(trained)] == ["step-00000012", "step-00000008"]
    assert not list((trained / "checkpoints").glob(".*"))


@pytest.mark.parametrize(
    "name", ["model.safetensors", "optimizer.safetensors", "config.json", "manifest.json"]
)
def test_a_damaged_one_is_passed_over_with_a_note(
    name: str, trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = copied(trained, tmp_path)
    path = run / "checkpoints" / "step-00000012" / name
    if name == "manifest.json":
        path.unlink()
    else:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    assert load_checkpoint(run).step == 8
    assert "damaged" in capfd.readouterr().err
    with pytest.raises(MindError) as caught:
        load_checkpoint(path.parent)
    assert caught.value.hint


def test_a_cut_file_and_a_half_written_folder_are_no_checkpoint(
    trained: Path, tmp_path: Path
) -> None:
    run = copied(trained, tmp_path)
    path = run / "checkpoints" / "step-00000012" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    (run / "checkpoints" / ".step-00000016.99.partial").mkdir()
    (run / "checkpoints" / "step-00000016").mkdir()
    assert find_checkpoint(run)[0].name == "step-00000008"


def test_nothing_there_is_an_error_with_a_hint(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(MindError, match="no complete checkpoint") as caught:
            load_checkpoint(folder)
        assert caught.value.hint


def test_weights_of_another_shape_are_refused(trained: Path, tmp_path: Path) -> None:
    """A config that was edited by hand, with its hash made to fit."""
    run = copied(trained, tmp_path)
    folder = run / "checkpoints" / "step-00000012"
    path = folder / "config.json"
    described = json.loads(path.read_text())
    for key, value in (("layers", 3), ("ffn_dim", 128)):
        path.write_text(json.dumps(described | {"config": described["config"] | {key: value}}))
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["files"]["config.json"] = {
            "size": path.stat().st_size,
            "sha256": sha256_file(path),
        }
        (folder / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(MindError, match=r"another architecture|does not fit"):
            load_checkpoint(folder)


def test_no_file_is_a_pickle(trained: Path) -> None:
    kinds = {p.suffix for p in trained.rglob("*") if p.is_file() and p.stat().st_size}
    assert kinds <= {".safetensors", ".json", ".jsonl", ".toml", ".model"}
