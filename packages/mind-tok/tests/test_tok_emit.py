"""Other trainers read the same payload: small readers of our own, written from their layouts."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mind_core import MindError, Record
from mind_core.errors import UsageError
from mind_core.records import encode
from mind_tok import Tokenizer
from mind_tok.cli import app
from mind_tok.document_batch import DocumentBatch, Group
from mind_tok.foreign_shards import AT_ONCE, _ended
from mind_tok.shards import ShardSet, ShardWriter

ALL = "megatron,datatrove,olmo"


class Wide:
    """A tokenizer of the size of MindLLM-3B's, as far as a writer asks."""

    vocab_size, end_id, sha256 = 125_700, 1, "wide"

    def save(self, folder: Path) -> None:
        folder.mkdir()


def run(*arguments: object) -> None:
    app([str(a) for a in arguments], standalone_mode=False)


def read_megatron(prefix: Path) -> list[list[int]]:
    """Read as `IndexedDataset` does: header, lengths, pointers, document indices."""
    with prefix.with_suffix(".idx").open("rb") as file:
        assert file.read(9) == b"MMIDIDX\x00\x00"
        (version,) = struct.unpack("<Q", file.read(8))
        (code,) = struct.unpack("<B", file.read(1))
        sequences, documents = struct.unpack("<QQ", file.read(16))
        rest = file.read()
    assert version == 1
    dtype = {4: np.int32, 8: np.uint16}[code]
    lengths = np.frombuffer(rest, np.int32, sequences)
    pointers = np.frombuffer(rest, np.int64, sequences, lengths.nbytes)
    indices = np.frombuffer(rest, np.int64, documents, lengths.nbytes + pointers.nbytes)
    assert len(rest) == lengths.nbytes + pointers.nbytes + indices.nbytes
    assert indices.tolist() == list(range(sequences + 1))
    payload = prefix.with_suffix(".bin").read_bytes()
    return [
        np.frombuffer(payload, dtype, int(length), int(pointer)).tolist()
        for length, pointer in zip(lengths, pointers, strict=True)
    ]


def read_datatrove(path: Path) -> list[list[int]]:
    """Read as `DatatroveFileDataset` does: ends as u64, the width from the metadata."""
    head, count, _ = path.with_name(path.name + ".metadata").read_text().split("\n")
    name, size = head.rsplit("|", 1)
    assert name
    ids = np.frombuffer(path.read_bytes(), {"2": np.uint16, "4": np.uint32}[size])
    assert len(ids) == int(count)
    ends = np.frombuffer(path.with_name(path.name + ".index").read_bytes(), np.uint64)
    return [row.tolist() for row in np.split(ids, ends[:-1].astype(np.int64))]


def read_olmo(path: Path, dtype: Any) -> list[list[int]]:
    """Read as OLMo-core does: a headerless array, and start and end of each document."""
    ids = np.memmap(path, dtype=dtype, mode="r")
    with gzip.open(path.with_suffix(".csv.gz"), "rt") as file:
        return [ids[int(start) : int(end)].tolist() for start, end in csv.reader(file)]


def all_documents(folder: Path, split: str) -> dict[str, list[list[int]]]:
    shards = ShardSet.open(folder, split, verify=True)
    return {
        shard.name: [shards.document(i, n).ids.tolist() for n in range(shard.documents)]
        for i, shard in enumerate(shards.shards)
    }


@pytest.fixture
def source(tmp_path: Path, records: list[Record]) -> Path:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"".join(encode(record) for record in records[:120]))
    return path


def test_all_four_layouts_hold_the_same_documents(
    source: Path, tokenizer_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "shards"
    options = ["--validation", 0.2, "--shard-tokens", 400, "--emit", ALL]
    run("encode", source, "-t", tokenizer_folder, "-o", folder, *options)
    for split in ("train", "validation"):
        found = all_documents(folder, split)
        assert len(found) > 1
        for name, documents in found.items():
            assert read_megatron(folder / name) == documents
            assert read_datatrove(folder / f"{name}.ds") == documents
            assert read_olmo(folder / f"{name}.npy", np.uint16) == documents
            # One payload under three names.
            assert (folder / f"{name}.ds").samefile(folder / f"{name}.bin")
            assert (folder / f"{name}.npy").samefile(folder / f"{name}.bin")
    manifest = json.loads((folder / "manifest.json").read_text())
    for shard in manifest["shards"]:
        assert sorted(shard["emitted"]) == sorted(ALL.split(","))
        for files in shard["emitted"].values():
            for name, about in files.items():
                data = (folder / name).read_bytes()
                assert len(data) == about["size"]
                assert hashlib.sha256(data).hexdigest() == about["sha256"]


def test_ids_above_16_bits_read_the_same_everywhere(tmp_path: Path) -> None:
    ids = np.array([125_699, 70_000, 1, 3, 1, 1], np.int32)
    block = DocumentBatch(
        ids, np.array([3, 5, 6]), np.array([9, 2, 1]), np.zeros(3, int), (Group("a", "zh"),)
    )
    with ShardWriter(tmp_path / "s", Wide(), emit=ALL) as writer:  # type: ignore[arg-type]
        writer.add_block(block)
    expected = [[125_699, 70_000, 1], [3, 1], [1]]
    name = tmp_path / "s/train-00000"
    assert read_megatron(name) == expected
    assert read_datatrove(name.with_suffix(".ds")) == expected
    assert read_olmo(name.with_suffix(".npy"), np.uint32) == expected


def test_masks_of_conversations_go_along(tokenizer_folder: Path, tmp_path: Path) -> None:
    talk = {"id": "1", "messages": [{"role": "user", "content": "spring has come"},
                                    {"role": "assistant", "content": "slowly"}]}  # fmt: skip
    (tmp_path / "in.jsonl").write_bytes(encode(talk))
    folder = tmp_path / "chat"
    run(
        "encode",
        tmp_path / "in.jsonl",
        "--chat",
        "-t",
        tokenizer_folder,
        "-o",
        folder,
        "--emit",
        ALL,
    )
    mask = (folder / "train-00000.mask").read_bytes()
    assert 0 < sum(mask) < len(mask)
    assert (folder / "train-00000.ds.loss").read_bytes() == mask
    assert (folder / "train-00000.label_mask.npy").read_bytes() == mask
    shard = ShardSet.open(folder).shards[0]
    for suffix in ("bin", "ds", "npy"):  # and come back with the files
        back = tmp_path / f"from-{suffix}"
        run("convert", folder / f"train-00000.{suffix}", "-t", tokenizer_folder, "-o", back)
        found = ShardSet.open(back)
        assert found.kind == "chat"
        assert found.shards[0].ids.tolist() == shard.ids.tolist()
        assert found.shards[0].mask is not None
        assert found.shards[0].mask.tobytes() == mask
        assert found.shards[0].sizes.tolist() == shard.sizes.tolist()
    for marks, error in ((mask[:-1], "marks"), (b"\x02" + mask[1:], "besides 0 and 1")):
        (folder / "train-00000.ds.loss").unlink()
        (folder / "train-00000.ds.loss").write_bytes(marks)
        with pytest.raises(MindError, match=error):
            run("convert", folder / "train-00000.ds", "-t", tokenizer_folder, "-o", tmp_path / "x")
        assert not (tmp_path / "x").exists()


def test_the_files_of_other_trainers_come_back_as_shards(
    source: Path, tokenizer_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "shards"
    run("encode", source, "-t", tokenizer_folder, "-o", folder, "--validation", 0, "--emit", ALL)
    expected = all_documents(folder, "train")["train-00000"]
    sizes = ShardSet.open(folder).shards[0].sizes.tolist()
    for suffix in ("bin", "ds", "npy"):
        back = tmp_path / f"from-{suffix}"
        run("convert", folder / f"train-00000.{suffix}", "-t", tokenizer_folder, "-o", back)
        assert all_documents(back, "train")["train-00000"] == expected
        assert ShardSet.open(back).shards[0].sizes.tolist() == sizes
    assert not (tmp_path / "none").exists()
    with pytest.raises(UsageError, match="-t is missing"):
        run("convert", folder / "train-00000.ds", "-o", tmp_path / "none")


def test_documents_without_an_end_are_refused_or_get_one(
    tokenizer: Tokenizer, tokenizer_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "x.npy"
    end = tokenizer.end_id
    path.write_bytes(np.array([300, 301, 302, end, 303], np.uint16).tobytes())
    table = tmp_path / "x.csv.gz"
    table.write_bytes(gzip.compress(b"0,2\n2,4\n4,5\n"))
    with pytest.raises(MindError, match="end token"):
        run("convert", path, "-t", tokenizer_folder, "-o", tmp_path / "s")
    assert not (tmp_path / "s").exists()
    run("convert", path, "-t", tokenizer_folder, "-o", tmp_path / "s", "--add-end")
    found = all_documents(tmp_path / "s", "train")["train-00000"]
    assert found == [[300, 301, end], [302, end], [303, end]]
    (tmp_path / "x.label_mask.npy").write_bytes(bytes([0, 1, 0, 1, 0]))
    run("convert", path, "-t", tokenizer_folder, "-o", tmp_path / "masked", "--add-end")
    mask = ShardSet.open(tmp_path / "masked").shards[0].mask
    assert mask is not None
    assert mask.tolist() == [0, 1, 1, 0, 1, 0, 0]
    (tmp_path / "x.label_mask.npy").unlink()
    path.write_bytes(np.array([300, 301, 302, 60_000, 303], np.uint16).tobytes())
    with pytest.raises(MindError, match="beyond"):
        run("convert", path, "-t", tokenizer_folder, "-o", tmp_path / "t", "--add-end")
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(MindError, match="other than its table"):
        run("convert", path, "-t", tokenizer_folder, "-o", tmp_path / "t", "--add-end")
    assert not (tmp_path / "t").exists()


def test_an_unknown_trainer_is_named_before_any_work(
    tokenizer_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="megatorn") as caught:
        run("encode", tmp_path, "-t", tokenizer_folder, "-o", tmp_path / "s", "--emit", "megatorn")
    assert "megatron" in (caught.value.hint or "")
    with pytest.raises(UsageError, match="goes with shards"):
        run("encode", tmp_path / "in", "-t", tokenizer_folder, "--emit", "olmo")


def test_a_shard_changed_later_is_refused_by_hash_if_asked_and_by_size_always(
    source: Path, tokenizer_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "shards"
    run("encode", source, "-t", tokenizer_folder, "-o", folder)
    path = folder / "train-00000.bin"
    data = bytearray(path.read_bytes())
    data[2:4] = (300).to_bytes(2, "little")
    path.write_bytes(data)
    run("decode", folder, "-o", tmp_path / "out.jsonl.zst")
    with pytest.raises(MindError, match="not the file") as caught:
        run("decode", folder, "--verify", "-o", tmp_path / "no.jsonl.zst")
    assert "SHA-256" in str(caught.value.cause)
    path.write_bytes(data + b"\0\0")
    with pytest.raises(MindError, match="bytes long"):
        run("decode", folder, "-o", tmp_path / "no.jsonl.zst")
    assert not (tmp_path / "no.jsonl.zst").exists()


@pytest.mark.parametrize("suffix", ["bin", "ds", "npy"])
def test_more_documents_than_are_read_at_once_keep_their_borders(
    tokenizer: Tokenizer, tokenizer_folder: Path, tmp_path: Path, suffix: str
) -> None:
    """Tokens are taken over a million at a time; borders count from the piece's own start."""
    lengths = np.tile(np.array([70_001, 3, 400_000, 1, 150_000]), 6)
    assert lengths.sum() > 3 * AT_ONCE
    ids = np.arange(lengths.sum()) % 400 + 50
    ends = np.cumsum(lengths)
    ids[ends - 1] = tokenizer.end_id
    block = DocumentBatch(ids, ends, lengths, lengths * 0, (Group("a", "zh"),))
    with ShardWriter(tmp_path / "s", tokenizer, emit=ALL) as writer:
        writer.add_block(block)
    back = tmp_path / "back"
    run("convert", tmp_path / f"s/train-00000.{suffix}", "-t", tokenizer_folder, "-o", back)
    shard = ShardSet.open(back, verify=True).shards[0]
    assert np.array_equal(shard.ends, ends) and np.array_equal(shard.ids, ids)


@pytest.mark.parametrize("harm", ["cut", "back", "long", "empty", "flip", "text"])
@pytest.mark.parametrize("suffix", ["bin", "ds", "npy"])
def test_a_damaged_index_of_another_trainer_is_an_error_with_a_cause(
    tokenizer: Tokenizer, tokenizer_folder: Path, tmp_path: Path, suffix: str, harm: str
) -> None:
    with ShardWriter(tmp_path / "s", tokenizer, emit=ALL) as writer:
        for length in (4, 2, 5):
            writer.add([300] * length + [tokenizer.end_id], size=length)
    source = tmp_path / f"s/train-00000.{suffix}"
    index = {"bin": source.with_suffix(".idx"), "ds": source.with_name(source.name + ".index"),
             "npy": source.with_suffix(".csv.gz")}[suffix]  # fmt: skip
    data = bytearray(index.read_bytes())
    if harm == "cut":
        data = data[: len(data) // 2 + 3]
    elif harm == "long":
        data += b"\0" * 8 if suffix != "npy" else gzip.compress(b"14,99\n")
    elif harm == "empty":
        data = bytearray()
    elif harm == "flip":
        data[len(data) // 3] ^= 0x11
    elif harm == "text":
        data = bytearray(b"not an index at all\n" * 9)
    elif suffix == "bin":
        data[34:46] = struct.pack("<3i", 9, -3, 8)
    elif suffix == "ds":
        data[:24] = struct.pack("<3Q", 9, 6, 14)
    else:
        data = bytearray(gzip.compress(b"0,9\n9,6\n6,14\n"))
    index.unlink()  # it may be a second name of the payload's own files
    index.write_bytes(data)
    try:
        run("convert", source, "-t", tokenizer_folder, "-o", tmp_path / "back")
    except MindError:
        assert not (tmp_path / "back").exists()
    else:  # what lies behind the part that is read does not count
        assert (suffix, harm) in {("bin", "long")}
        assert all_documents(tmp_path / "back", "train") == all_documents(tmp_path / "s", "train")


def test_the_end_token_of_an_empty_document_is_not_trained_on() -> None:
    """The document before it ends with a token that is."""
    mask = np.array([0, 1, 1], np.uint8)
    block = DocumentBatch(
        np.array([5, 6, 7]), np.array([2, 2, 3]), np.ones(3, int), np.zeros(3, int),
        (Group("a", "zh"),), mask,
    )  # fmt: skip
    made = _ended(block, 1)
    assert made.ids.tolist() == [5, 6, 1, 1, 7, 1] and made.ends.tolist() == [3, 4, 6]
    assert made.mask is not None and made.mask.tolist() == [0, 1, 1, 0, 1, 1]
