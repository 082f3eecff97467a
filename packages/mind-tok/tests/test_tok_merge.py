"""Shard folders of one tokenizer are put together; others are refused, and nothing is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mind_core import MindError, Record
from mind_core.errors import UsageError
from mind_core.plugins import Plugins
from mind_core.records import encode
from mind_core.testing import run_tool
from mind_tok import Tokenizer
from mind_tok.loading import make_plugins
from mind_tok.merge import merge
from mind_tok.sentencepiece import Bpe
from mind_tok.shards import ShardSet, ShardWriter


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return make_plugins()


def write(folder: Path, tokenizer: Tokenizer, records: list[Record], **more: object) -> Path:
    """Write records as shards, every fifth held out; with `kind="chat"` with a mask."""
    with ShardWriter(folder, tokenizer, shard_tokens=700, **more) as writer:  # type: ignore[arg-type]
        for number, record in enumerate(records):
            ids = [*tokenizer.encode(record["text"]), tokenizer.end_id]
            writer.add(
                ids,
                size=len(record["text"].encode()),
                split="validation" if number % 5 == 4 else "train",
                source=record["source"],
                language="zh" if number % 2 else "en",
                mask=[n % 2 for n in range(len(ids))] if more.get("kind") == "chat" else None,
            )
    return folder


def documents(folder: Path, split: str) -> list[tuple[object, ...]]:
    shards = ShardSet.open(folder, split, verify=True)
    found = [shards.document(i, n) for i, s in enumerate(shards.shards) for n in range(s.documents)]
    return [
        (d.ids.tolist(), d.size, d.group, None if d.mask is None else d.mask.tolist())
        for d in found
    ]


@pytest.mark.parametrize("kind", ["text", "chat"])
def test_all_documents_stay_in_their_split_and_order(
    kind: str, tokenizer: Tokenizer, records: list[Record], plugins: Plugins, tmp_path: Path
) -> None:
    other = [{**record, "source": f"other-{record['source']}"} for record in records[60:90]]
    a = write(tmp_path / "a", tokenizer, records[:60], kind=kind)
    b = write(tmp_path / "b", tokenizer, other, kind=kind)
    empty = write(tmp_path / "none", tokenizer, [], kind=kind)
    counts = merge([b, empty, a], tmp_path / "all", plugins, shard_tokens=1 << 28)
    for split in ("train", "validation"):
        assert documents(tmp_path / "all", split) == documents(b, split) + documents(a, split)
        rows = [row for languages in counts[split].values() for row in languages.values()]
        assert sum(row["documents"] for row in rows) == len(documents(tmp_path / "all", split))
    assert ShardSet.open(tmp_path / "all").kind == kind
    again = write(tmp_path / "again", tokenizer, [*other, *records[:60]], kind=kind)
    merge([a, b], tmp_path / "cut", plugins, shard_tokens=500)
    assert len(ShardSet.open(tmp_path / "cut").shards) > len(ShardSet.open(again).shards) > 1


def test_what_does_not_go_together_is_refused(
    tokenizer: Tokenizer, records: list[Record], plugins: Plugins, tmp_path: Path
) -> None:
    a = write(tmp_path / "a", tokenizer, records[:20])
    chat = write(tmp_path / "chat", tokenizer, records[:20], kind="chat")
    strange = Bpe().train([record["text"] for record in records], 510)
    other = write(tmp_path / "other", strange, records[:20])
    for folders, error in (
        ([a, chat], "holds chat"),
        ([a, other], "another tokenizer"),
        ([a, tmp_path / "missing"], "missing"),
    ):
        with pytest.raises(MindError, match=error):
            merge(folders, tmp_path / "out", plugins, shard_tokens=1 << 28)
    with pytest.raises(UsageError, match="twice"):
        merge([a, a], tmp_path / "out", plugins, shard_tokens=1 << 28)
    ids = np.fromfile(a / "train-00000.bin", np.uint16)
    ids[3] ^= 1
    ids.tofile(a / "train-00000.bin")
    with pytest.raises(MindError, match="is not the file that its manifest"):
        merge([other, a], tmp_path / "out", plugins, shard_tokens=1 << 28)
    assert not (tmp_path / "out").exists()


def test_the_verb_says_what_it_put_together(
    tokenizer_folder: Path, records: list[Record], tmp_path: Path
) -> None:
    for name, part in (("a", records[:30]), ("b", records[30:60])):
        (tmp_path / f"{name}.jsonl").write_bytes(b"".join(map(encode, part)))
        arguments = ["encode", tmp_path / f"{name}.jsonl", "-t", tokenizer_folder]
        run_tool("mind-tok", [*arguments, "-o", tmp_path / name, "--validation", "0"])
    both = [tmp_path / "a", tmp_path / "b"]
    done = run_tool("mind-tok", ["merge", *both, "-o", tmp_path / "all", "--emit", "olmo"])
    assert done.code == 0 and "60 train documents" in done.stderr
    assert (tmp_path / "all" / "train-00000.npy").exists()
    for wrong, error in ((["merge", both[0], "-o", "x"], "two folders"),
                         (["merge", *both, "-o", tmp_path / "all"], "exists"),
                         (["merge", *both], "-o is missing")):  # fmt: skip
        refused = run_tool("mind-tok", wrong)
        assert refused.code == 2 and error in refused.stderr
