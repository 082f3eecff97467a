"""Hugging Face folders: no link out of them, no pickle, no code, no size beyond their files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mind_core.errors import MindError


@pytest.fixture(scope="module")
def exported(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mind_train.components import load_plugins
    from mind_train.export.folder import export

    folder = tmp_path_factory.mktemp("exported") / "model"
    export(sound / "checkpoint", folder, load_plugins())
    return folder


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "model"))


def ours(folder: Path) -> object:
    from mind_train.export.folder import read_model

    return read_model(folder)


def theirs(folder: Path) -> object:
    import torch

    from mind_eval.models.huggingface import load_folder

    return load_folder(folder, "gpt_neo", "cpu", torch.float32)


READERS = [pytest.param(ours, id="mind-train"),
           pytest.param(theirs, id="mind-eval", marks=pytest.mark.long)]  # fmt: skip


def linked(folder: Path, name: str) -> None:
    (folder / name).rename(folder.parent / "moved")
    (folder / name).symlink_to(folder.parent / "moved")


def described(folder: Path, **fields: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | fields))


def pickled(folder: Path) -> None:
    import torch

    (folder / "model.safetensors").unlink()
    torch.save({"a": torch.zeros(1)}, folder / "pytorch_model.bin")


def indexed(folder: Path, weights: Any) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weights}))
    (folder / "model.safetensors").rename(folder.parent / "model.safetensors")


ATTACKS: dict[str, Callable[[Path], object]] = {
    "weights by a link": lambda f: linked(f, "model.safetensors"),
    "config by a link": lambda f: linked(f, "config.json"),
    "another file by a link": lambda f: (f / "notes").symlink_to("/etc/hostname"),
    "vocabulary": lambda f: described(f, vocab_size=10**12),
    "layers": lambda f: described(f, num_layers=10**9, attention_types=[[["global"], 10**9]]),
    "hidden": lambda f: described(f, hidden_size=10**10),
    "positions": lambda f: described(f, max_position_embeddings=2**40),
    "a large tensor": lambda f: described(f, vocab_size=1 << 20, hidden_size=1 << 20),
    "no config": lambda f: (f / "config.json").write_text("[]"),
    "deep": lambda f: (f / "config.json").write_text("[" * 10**5),
    "pickle": pickled,
    "shards outside": lambda f: indexed(f, {"a": "../model.safetensors"}),
    "shards of no name": lambda f: indexed(f, {"a": 3}),
}


@pytest.mark.hostile("code of the hub, named in a Hugging Face folder")
@pytest.mark.parametrize(
    "fields",
    [
        {"attn_implementation": "someone/kernel"},
        {"_attn_implementation": "someone/kernel@main:f"},
        {"text_config": {"attn_implementation": {"": "someone/kernel"}}},
        {"experts_implementation": "someone/kernel"},
        None,
    ],
    ids=range(5),
)
def test_a_folder_names_no_code_of_the_hub(folder: Path, fields: dict[str, Any] | None) -> None:
    from mind_train.huggingface.folder import read_config

    assert read_config(folder)
    if fields is None:
        (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "someone/model"}')
    else:
        described(folder, **fields)
    with pytest.raises(MindError, match="adapter|compiled code"):
        read_config(folder)


@pytest.mark.hostile("accept: a sound Hugging Face folder, and a cache of such")
@pytest.mark.parametrize("read", READERS)
def test_sound_folders_are_read(folder: Path, read: Callable[[Path], object]) -> None:
    assert read(folder)
    blobs, snapshot = folder.parent / "blobs", folder.parent / "snapshots" / "main"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    for path in [path for path in folder.iterdir() if path.is_file()]:
        path.rename(blobs / f"hash-of-{path.name}")
        (snapshot / path.name).symlink_to(f"../../blobs/hash-of-{path.name}")
    assert read(snapshot)


@pytest.mark.hostile("a Hugging Face folder that leads outside, or asks for more than it holds")
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("read", READERS)
def test_hostile_folders_are_refused(
    folder: Path, read: Callable[[Path], object], attack: str
) -> None:
    ATTACKS[attack](folder)
    with pytest.raises(MindError):
        read(folder)


TABLE = "/////w=="
"""A table that says it has 4 GiB, in base64."""

NORMALIZERS: dict[str, dict[str, Any]] = {
    "a table": {"type": "Precompiled", "precompiled_charsmap": TABLE},
    "a table within": {
        "type": "Sequence",
        "normalizers": [{"type": "Precompiled", "precompiled_charsmap": TABLE}],
    },
    "many times": {
        "type": "Sequence",
        "normalizers": [{"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 60}] * 6,
    },
    "a pattern": {"type": "Replace", "pattern": {"Regex": ""}, "content": "a" * 10_000},
    "in front": {"type": "Prepend", "prepend": "a" * 10_000_000},
}


@pytest.mark.hostile("a tokenizer.json that asks for all memory")
@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_a_normalizer_is_bounded(folder: Path, normalizer: str) -> None:
    """The library would end the process, so it is not asked."""
    from mind_tok.convert import read_any
    from mind_train.huggingface.folder import tokenizer_loader

    path = folder / "tokenizer.json"
    assert read_any(path) and tokenizer_loader(folder)
    content = json.loads(path.read_text()) | {"normalizer": NORMALIZERS[normalizer]}
    path.write_text(json.dumps(content))
    for read in (read_any, lambda path: tokenizer_loader(path.parent)):
        with pytest.raises(MindError, match="this tokenizer.json"):
            read(path)
