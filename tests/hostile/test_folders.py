"""Folders from others: names, links, counts and columns that lead outside or beyond."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile_making import Spoil, change_manifest, fit_index, fit_manifest

from mind_core.errors import MindError
from mind_core.testing import run_tool

NAMES = ("../secret", "/etc/hostname", "..", "a\0b", None, 3)


def opened(kind: str, folder: Path) -> None:
    """Read a folder of a kind as a tool does."""
    if kind == "shards":
        from mind_tok.shards import ShardSet

        ShardSet.open(folder)
    elif kind == "tokenizer":
        from mind_tok import load_tokenizer

        load_tokenizer(folder)
    elif kind == "checkpoint":
        from mind_train.checkpoint import load_checkpoint

        load_checkpoint(folder)
    else:
        text = b'{"id": "new", "text": "models need writing"}\n'
        result = run_tool("mind-dedup", ["-q", "-z", 0, "--against", folder], text)
        assert result.code in (0, 1, 2) and "Traceback" not in result.stderr, result.stderr
        if result.code:
            raise MindError(result.stderr)


@pytest.mark.hostile("accept: a sound folder")
@pytest.mark.parametrize("kind", ["shards", "tokenizer", "checkpoint", "index"])
def test_a_sound_folder_is_read(copy_of: Spoil, kind: str) -> None:
    opened(kind, copy_of(kind))


@pytest.mark.hostile("a name that leads outside")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["shards", "checkpoint", "index"])
def test_a_name_does_not_lead_outside(copy_of: Spoil, kind: str, name: Any) -> None:
    folder = copy_of(kind)

    def change(manifest: Any) -> None:
        if kind == "shards":
            manifest["shards"][0]["name"] = name
        elif kind == "index":
            manifest["segments"][0]["file"] = name
        else:
            said = manifest["files"]["trainer.json"]
            manifest["files"][str(name)] = said

    change_manifest(folder, change)
    with pytest.raises(MindError):
        opened(kind, folder)


FILES = {
    "shards": "train-00000.bin",
    "tokenizer": "tokenizer.model",
    "checkpoint": "config.json",
    "index": "segment-000001.mdx",
}


@pytest.mark.hostile("a link in the place of a file")
@pytest.mark.parametrize("kind", FILES)
def test_a_link_is_not_followed(copy_of: Spoil, kind: str, tmp_path: Path) -> None:
    folder = copy_of(kind)
    name = FILES[kind]
    (folder / name).rename(tmp_path / "moved")
    (folder / name).symlink_to(tmp_path / "moved")
    with pytest.raises(MindError, match="link"):
        opened(kind, folder)


@pytest.mark.hostile("a link in the place of a file")
def test_the_tokenizer_of_shards_is_no_link(copy_of: Spoil, tmp_path: Path) -> None:
    """Training copies it into each checkpoint."""
    folder = copy_of("shards")
    (folder / "tokenizer").rename(tmp_path / "moved")
    (folder / "tokenizer").symlink_to("../moved")
    with pytest.raises(MindError, match="link"):
        opened("shards", folder)


@pytest.mark.hostile("a link in a run's folder, through which a file would be written or emptied")
@pytest.mark.parametrize("name", ["metrics.jsonl", "metrics.csv", "tensorboard", "checkpoints"])
def test_a_run_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    """A run that went on through such a link replaced what it led to."""
    from mind_train.run_folder import only_one

    run = tmp_path / "run"
    run.mkdir()
    for file in ("recipe.toml", "inputs.json"):
        (run / file).write_text("")
    (tmp_path / "secret").write_text("a private key")
    with only_one(run):
        pass
    (run / name).symlink_to(tmp_path / "secret")
    with pytest.raises(MindError, match="leads out"), only_one(run):
        pass


@pytest.mark.hostile("a link that is copied into a checkpoint")
def test_a_link_in_a_tokenizer_is_not_copied(copy_of: Spoil, tmp_path: Path) -> None:
    import torch

    from mind_train.checkpoint import load_checkpoint, save_checkpoint

    tokenizer = copy_of("tokenizer")
    (tokenizer / "notes").symlink_to(tmp_path / "secret")
    model = load_checkpoint(copy_of("checkpoint")).model
    with pytest.raises(MindError, match="link"):
        save_checkpoint(tmp_path / "run", 1, "gpt-neo", model, {"x": torch.zeros(1)}, {}, tokenizer)
    assert not list((tmp_path / "run").rglob("notes"))


@pytest.mark.hostile("a file that the manifest does not name")
@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer/tokenizer.model"])
def test_a_file_that_is_read_is_named(copy_of: Spoil, name: str) -> None:
    folder = copy_of("checkpoint")
    change_manifest(folder, lambda manifest: manifest["files"].pop(name))
    with pytest.raises(MindError):
        opened("checkpoint", folder)


@pytest.mark.hostile("a size beyond the file")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vocab", 10**12),
        ("layers", 10**9),
        ("dim", 10**10),
        ("ffn_dim", 10**11),
        ("context", 2**40),
    ],
)
def test_a_config_may_not_ask_for_more_than_its_weights_hold(
    copy_of: Spoil, name: str, value: int
) -> None:
    folder = copy_of("checkpoint")
    described = json.loads((folder / "config.json").read_text())
    described["config"][name] = value
    (folder / "config.json").write_text(json.dumps(described))
    fit_manifest(folder, "config.json")
    with pytest.raises(MindError):
        opened("checkpoint", folder)


@pytest.mark.hostile("a size beyond the file")
@pytest.mark.parametrize("name", ["tokens", "documents", "bytes"])
@pytest.mark.parametrize("value", [2**63, 2**40, -1, 1.5, None, "1"])
def test_counts_of_shards_fit_their_files(copy_of: Spoil, name: str, value: Any) -> None:
    folder = copy_of("shards")
    change_manifest(folder, lambda manifest: manifest["shards"][0].update({name: value}))
    with pytest.raises(MindError):
        opened("shards", folder)


@pytest.mark.hostile("a type that says what bytes are")
@pytest.mark.parametrize("dtype", ["O", "object", "float32", "U8", "M8[s]", ["u2"], {}, "uint64"])
def test_types_are_from_a_list(copy_of: Spoil, dtype: Any) -> None:
    folder = copy_of("shards")
    change_manifest(folder, lambda manifest: manifest.update(dtype=dtype))
    with pytest.raises(MindError):
        opened("shards", folder)


@pytest.mark.hostile("columns that contradict each other")
@pytest.mark.parametrize("column", [1, 3, 5], ids=["keys", "sets", "ids"])
def test_ends_of_an_index_ascend(copy_of: Spoil, column: int) -> None:
    """The second row ends before it begins; the checksum fits, as an attacker would have it."""
    folder = copy_of("index")
    path = folder / FILES["index"]
    data = bytearray(path.read_bytes())
    directory = json.loads(data[data.index(b'{"scheme"') : -24])
    offset, length, dtype = directory["blocks"][0][column]
    ends = np.frombuffer(bytes(data), dtype, length, offset).copy()
    ends[0] = ends[1] + 1
    data[offset : offset + ends.nbytes] = ends.tobytes()
    path.write_bytes(data)
    fit_index(folder, path.name)
    with pytest.raises(MindError, match="ascend"):
        opened("index", folder)


@pytest.mark.hostile("columns that contradict each other")
@pytest.mark.parametrize(
    ("suffix", "dtype", "change"),
    [
        (".ends", "<u8", lambda a: a[::-1]),
        (".ends", "<u8", lambda a: np.r_[a[:-1][::-1], a[-1]]),
        (".ends", "<u8", lambda a: np.r_[a[:-1], a[-1] + 1]),
        (".ends", "<u8", lambda a: np.r_[np.uint64(2**64 - 1), a[1:]]),
        (".groups", "<u2", lambda a: a + np.uint16(7)),
        (".sizes", "<u8", lambda a: np.r_[np.uint64(2**64 - 1), a[1:]]),
        (".sizes", "<u8", lambda a: a * np.uint64(2)),
        (".sizes", "<u8", lambda a: np.r_[a[0] + np.uint64(2**63), a[1] + np.uint64(2**63), a[2:]]),
    ],
    ids=range(8),
)
def test_columns_belong_together(copy_of: Spoil, suffix: str, dtype: str, change: Any) -> None:
    folder = copy_of("shards")
    path = folder / f"train-00000{suffix}"
    width = 8 if dtype == "<u8" else 2
    size = path.stat().st_size
    documents = (folder / "train-00000.groups").stat().st_size // 2
    kind = np.dtype(f"<u{size // documents}") if size // documents != width else np.dtype(dtype)
    column = np.fromfile(path, kind)
    change(column.astype(dtype)).astype(kind).tofile(path)
    with pytest.raises(MindError):
        opened("shards", folder)
