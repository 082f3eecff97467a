"""Shards are whole, say what they hold, and are refused once they were changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mind_core import MindError
from mind_tok import Tokenizer
from mind_tok.sentencepiece import SentencePieceTokenizer
from mind_tok.shards import Group, ShardSet, ShardWriter, id_type


class Large(SentencePieceTokenizer):
    """The tokenizer of the tests, told that it has more ids than 16 bits hold."""

    def __init__(self, base: SentencePieceTokenizer) -> None:
        super().__init__(base.model, base.manifest)
        self.vocab_size = 125_700


def write(folder: Path, tokenizer: Tokenizer, texts: list[str], **options: Any) -> None:
    with ShardWriter(folder, tokenizer, **options) as writer:
        for i, text in enumerate(texts):
            writer.add(
                [*tokenizer.encode(text), tokenizer.end_id],
                size=len(text.encode()),
                split="validation" if i % 5 == 0 else "train",
                source=("a", "b")[i % 2],
                language="zh" if i % 3 == 0 else "en",
            )


@pytest.fixture
def folder(tmp_path: Path, tokenizer: Tokenizer, texts: list[str]) -> Path:
    write(tmp_path / "shards", tokenizer, texts[:60], shard_tokens=500)
    return tmp_path / "shards"


def test_documents_come_back_with_what_is_known_about_them(
    folder: Path, tokenizer: Tokenizer, texts: list[str]
) -> None:
    back = []
    for split in ("validation", "train"):
        shards = ShardSet.open(folder, split, verify=True)
        assert shards.tokens == sum(len(shard.ids) for shard in shards.shards)
        for i, shard in enumerate(shards.shards):
            assert shard.tokens <= 500 or shard.documents == 1
            assert int(shard.ends[-1]) == len(shard.ids)
            back += [shards.document(i, n) for n in range(shard.documents)]
        assert not shards.shards[0].ids.flags.writeable
    order = [*texts[:60:5], *(text for i, text in enumerate(texts[:60]) if i % 5)]
    assert [tokenizer.decode(document.ids.tolist()) for document in back] == order
    assert [document.size for document in back] == [len(text.encode()) for text in order]
    assert all(document.ids[-1] == tokenizer.end_id for document in back)
    assert back[0].group == Group("a", "zh") and back[1].group == Group("b", "en")


def test_counts_add_up(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    for split in ("train", "validation"):
        shards = ShardSet.open(folder, split)
        rows = [c for by in manifest["counts"][split].values() for c in by.values()]
        assert sum(row["tokens"] for row in rows) == shards.tokens
        assert sum(row["documents"] for row in rows) == shards.documents
        assert sum(row["bytes"] for row in rows) == shards.bytes
        assert shards.bytes == sum(int(shard.sizes.sum()) for shard in shards.shards)


def test_the_files_are_what_the_format_says(folder: Path) -> None:
    shards = ShardSet.open(folder)
    shard = shards.shards[0]
    path = folder / shard.name
    assert np.array_equal(np.fromfile(path.with_suffix(".bin"), "<u2"), shard.ids)
    assert np.array_equal(np.fromfile(path.with_suffix(".ends"), "<u8"), shard.ends)
    assert np.array_equal(np.fromfile(path.with_suffix(".sizes"), "<u8"), shard.sizes)
    assert np.array_equal(np.fromfile(path.with_suffix(".groups"), "<u2"), shard.groups)
    assert not path.with_suffix(".mask").exists()
    assert shards.load_tokenizer().sha256 == shards.tokenizer_sha256


@pytest.mark.parametrize(
    ("vocab_size", "name"), [(500, "uint16"), (65_536, "uint16"), (65_537, "uint32")]
)
def test_the_type_of_ids_follows_the_vocabulary(vocab_size: int, name: str) -> None:
    assert id_type(vocab_size).name == name


def test_ids_above_16_bits_survive(tmp_path: Path, tokenizer: SentencePieceTokenizer) -> None:
    large = Large(tokenizer)
    with ShardWriter(tmp_path / "s", large) as writer:
        writer.add([65_535, 65_536, 125_699, 1], size=3)
    shards = ShardSet.open(tmp_path / "s")
    assert shards.shards[0].ids.tolist() == [65_535, 65_536, 125_699, 1]
    assert shards.manifest["dtype"] == "uint32"


@pytest.mark.parametrize("ids", [[500, 1], [-1, 1], [70_000, 1], [5], []])
def test_ids_that_do_not_fit_are_refused_and_nothing_is_left(
    tmp_path: Path, tokenizer: Tokenizer, ids: list[int]
) -> None:
    with (
        pytest.raises(MindError, match=r"does not (fit|end)"),
        ShardWriter(tmp_path / "s", tokenizer) as writer,
    ):
        writer.add([9, 1], size=1)
        writer.add(ids, size=1)
    assert not list(tmp_path.iterdir())


def test_an_error_in_the_middle_leaves_nothing(tmp_path: Path, tokenizer: Tokenizer) -> None:
    with (
        pytest.raises(RuntimeError, match="power"),
        ShardWriter(tmp_path / "s", tokenizer) as writer,
    ):
        writer.add([9, 1], size=1)
        raise RuntimeError("power cut")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing_and_says_so(tmp_path: Path, tokenizer: Tokenizer) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(MindError) as caught, ShardWriter(tmp_path / "s", tokenizer) as writer:
        writer.add([9, 1], size=1)
        (writer.folder / "train-00001.bin").symlink_to(full)
        writer.shard_tokens = 1
        writer.add([9] * 100_000 + [1], size=1)
    assert "disk is full" in (caught.value.hint or "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["bin", "ends", "sizes", "groups"])
def test_a_changed_file_is_refused(folder: Path, suffix: str) -> None:
    path = folder / f"train-00000.{suffix}"
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.write_bytes(data)
    ShardSet.open(folder)
    with pytest.raises(MindError, match="not the file that its manifest"):
        ShardSet.open(folder, verify=True)
    ShardSet.open(folder, "validation", verify=True)
    path.write_bytes(data[:-1])
    with pytest.raises(MindError, match="bytes long"):
        ShardSet.open(folder)
    path.unlink()
    with pytest.raises(MindError, match="cannot read"):
        ShardSet.open(folder)


def test_a_manifest_that_does_not_fit_its_files_is_refused(folder: Path) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["shards"][0]["tokens"] += 1
    path.write_text(json.dumps(manifest))
    with pytest.raises(MindError):
        ShardSet.open(folder)
    del manifest["shards"][0]["tokens"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(MindError, match="does not describe"):
        ShardSet.open(folder)
    path.unlink()
    with pytest.raises(MindError, match="incomplete"):
        ShardSet.open(folder)


def test_a_split_without_documents_is_empty_and_an_unknown_one_is_an_error(
    tmp_path: Path, tokenizer: Tokenizer
) -> None:
    with ShardWriter(tmp_path / "s", tokenizer) as writer:
        writer.add([9, 1], size=1)
    assert ShardSet.open(tmp_path / "s", "validation").tokens == 0
    with pytest.raises(MindError, match="no split") as caught:
        ShardSet.open(tmp_path / "s", "validate")
    assert "validation" in (caught.value.hint or "")


rows = st.lists(
    st.tuples(st.lists(st.integers(0, 499), max_size=30), st.booleans(), st.integers(0, 1 << 40)),
    min_size=1,
    max_size=20,
)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=rows, shard_tokens=st.integers(1, 60))
def test_any_documents_come_back(
    tmp_path_factory: pytest.TempPathFactory,
    tokenizer: Tokenizer,
    rows: list[tuple[list[int], bool, int]],
    shard_tokens: int,
) -> None:
    folder = tmp_path_factory.mktemp("any") / "s"
    with ShardWriter(folder, tokenizer, kind="chat", shard_tokens=shard_tokens) as writer:
        for ids, held_out, size in rows:
            split = "validation" if held_out else "train"
            mask = [i % 2 for i in range(len(ids) + 1)]
            writer.add([*ids, 1], size=size, split=split, mask=mask)
    for split, wanted in (("train", False), ("validation", True)):
        shards = ShardSet.open(folder, split, verify=True)
        back = [
            shards.document(i, n)
            for i, shard in enumerate(shards.shards)
            for n in range(shard.documents)
        ]
        expected = [(ids, size) for ids, held_out, size in rows if held_out == wanted]
        assert [(document.ids.tolist()[:-1], document.size) for document in back] == expected
        for document in back:
            assert document.mask is not None
            assert document.mask.tolist() == [i % 2 for i in range(len(document.ids))]
