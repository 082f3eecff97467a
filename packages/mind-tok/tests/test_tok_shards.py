"""Shards are whole, say what they hold, and are refused once they were changed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mind_core import MindError
from mind_tok import Tokenizer
from mind_tok.document_batch import DocumentBatch
from mind_tok.sentencepiece import SentencePieceTokenizer
from mind_tok.shards import Group, ShardSet, ShardWriter, id_type
from mind_tok.to_huggingface import save_for_huggingface


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
    if suffix == "bin":
        ShardSet.open(folder)
    else:  # columns that contradict each other are seen without reading the ids
        with pytest.raises(MindError, match="do not belong together"):
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


class Watch(Protocol):
    """What the fixture `disk` gives."""

    def lost(self, path: Path) -> list[str]: ...


@pytest.mark.parametrize("kind", ["text", "chat"])
def test_a_power_cut_takes_nothing_of_a_folder_that_has_its_name(
    tmp_path: Path, tokenizer: Tokenizer, kind: str, disk: Watch
) -> None:
    with ShardWriter(
        tmp_path / "s", tokenizer, kind=kind, shard_tokens=5, emit="megatron,datatrove,olmo"
    ) as writer:
        for size in range(1, 9):
            ids = [9] * size + [1]
            writer.add(ids, size=size, mask=[1] * len(ids) if kind == "chat" else None)
    assert len(ShardSet.open(tmp_path / "s").shards) > 3
    assert disk.lost(tmp_path / "s") == []
    tokenizer.save(tmp_path / "tokenizer")
    assert disk.lost(tmp_path / "tokenizer") == []
    if kind == "text":
        save_for_huggingface(tokenizer, tmp_path / "hf")
        assert disk.lost(tmp_path / "hf") == []


@pytest.mark.parametrize("shard_tokens", [1, 9, 10, 11, 20])
def test_a_shard_takes_documents_up_to_its_bound(
    tmp_path: Path, tokenizer: Tokenizer, shard_tokens: int
) -> None:
    """One of exactly the bound fits; one over it stands alone."""
    lengths = [5, 5, 1, 9, 10, 11, 4, 5, 1]
    with ShardWriter(tmp_path / "s", tokenizer, shard_tokens=shard_tokens) as writer:
        for length in lengths:
            writer.add([9] * (length - 1) + [1], size=length)
    expected: list[list[int]] = []
    for length in lengths:
        if expected and sum(expected[-1]) + length <= shard_tokens:
            expected[-1].append(length)
        else:
            expected.append([length])
    shards = ShardSet.open(tmp_path / "s", verify=True)
    assert [np.diff(shard.ends, prepend=0).tolist() for shard in shards.shards] == expected


def test_as_many_groups_as_16_bits_number_are_taken_and_no_more(
    tmp_path: Path, tokenizer: Tokenizer
) -> None:
    names = tuple(Group(f"s{i}", "en") for i in range(65_536))
    count = len(names)
    one = np.arange(count)
    block = DocumentBatch(np.ones(count, np.int64), one + 1, one * 0 + 1, one, names)
    with ShardWriter(tmp_path / "s", tokenizer) as writer:
        writer.add_block(block)
    shards = ShardSet.open(tmp_path / "s", verify=True)
    assert shards.document(0, count - 1).group == Group("s65535", "en")
    with (
        pytest.raises(MindError, match="65,536 pairs"),
        ShardWriter(tmp_path / "t", tokenizer) as w,
    ):
        w.add_block(block)
        w.add([1], size=1, source="one more")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dtype": "O"}, "dtype is 'O'"),
        ({"dtype": "V2"}, "dtype is 'V2'"),
        ({"dtype": "int16"}, "dtype is 'int16'"),
        ({"dtype": ["uint16"]}, "dtype is"),
        ({"kind": "other"}, "kind is 'other'"),
        ({"shards.0.name": "../train-00000"}, "no name of a shard"),
        ({"shards.0.tokens": -2}, "no count"),
        ({"shards.0.documents": 1.0}, "no count"),
        ({"shards": {"a": 1}}, "does not describe"),
    ],
)
def test_a_manifest_says_only_what_a_manifest_says(
    folder: Path, change: dict[str, Any], words: str
) -> None:
    """A type of the file's own choice would make numpy take ids for addresses."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    for name, value in change.items():
        *above, last = name.split(".")
        at = manifest
        for key in above:
            at = at[int(key)] if key.isdecimal() else at[key]
        at[last] = value
    for file in ("bin", "ends", "sizes", "groups"):  # what a bad name would point to is there
        (folder.parent / f"train-00000.{file}").write_bytes(
            (folder / f"train-00000.{file}").read_bytes()
        )
    if "shards.0.name" in change:
        about = manifest["shards"][0]["files"]
        manifest["shards"][0]["files"] = {f"../{name}": value for name, value in about.items()}
    path.write_text(json.dumps(manifest))
    with pytest.raises(MindError) as caught:
        for split in ("train", "validation"):
            ShardSet.open(folder, split)
    assert words in f"{caught.value.message} {caught.value.cause}"


@pytest.mark.parametrize("suffix", ["ends", "ends-back", "groups", "mask"])
def test_columns_that_do_not_fit_are_refused_even_with_a_valid_hash(
    tmp_path: Path, tokenizer: Tokenizer, suffix: str
) -> None:
    with ShardWriter(tmp_path / "s", tokenizer, kind="chat") as writer:
        for _ in range(3):
            writer.add([9, 9, 1], size=2, mask=[0, 1, 1])
    suffix, _, back = suffix.partition("-")
    path = tmp_path / f"s/train-00000.{suffix}"
    value = {"ends": [3, 6, 8], "groups": [0, 1, 0], "mask": [2] * 9}[suffix]
    data = np.array(
        [7, 6, 9] if back else value, {"ends": "<u8", "groups": "<u2"}.get(suffix, "u1")
    )
    path.write_bytes(data.tobytes())
    manifest = json.loads((tmp_path / "s/manifest.json").read_text())
    about = manifest["shards"][0]["files"][path.name]
    about["sha256"] = hashlib.sha256(data.tobytes()).hexdigest()
    (tmp_path / "s/manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(MindError, match="do not belong together"):
        ShardSet.open(tmp_path / "s", verify=True)
