"""Encoding as a job of tasks: the shard folder of one process, for any cut and any shards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mind_core.output import write_records
from mind_core.records import Record
from mind_core.testing import run_tool
from mind_tok.document_batch import DocumentBatch, Group
from mind_tok.document_file import read_documents, write_documents
from mind_tok.encode import EncodedDocuments
from mind_tok.shards import ShardSet, ShardWriter
from mind_tok.split import Splitter
from mind_tok.split_writer import SplitWriter
from mind_tok.tokenizer import Tokenizer


def encode(*arguments: str | Path, code: int = 0) -> str:
    done = run_tool("mind-tok", ["encode", *arguments])
    assert done.code == code, done.stderr
    return done.stderr


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file()}  # fmt: skip


@pytest.fixture
def texts_folder(tmp_path: Path, records: list[Record]) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(3):
        part = [*records[number * 80 : number * 80 + 80], {"id": "empty", "text": ""}]
        write_records(folder / f"{number}.jsonl", part, level=0)
    return folder


def test_a_job_makes_the_shards_of_one_process(
    texts_folder: Path, tokenizer_folder: Path, tmp_path: Path
) -> None:
    options = ("-t", tokenizer_folder, "--validation", "0.1", "--shard-tokens", "4000",
               "--emit", "megatron")  # fmt: skip
    one, job = tmp_path / "one", tmp_path / "job"
    encode(*sorted(texts_folder.iterdir()), *options, "-o", one, "--summary", tmp_path / "s.json")
    assert len(list(one.glob("train-*.bin"))) > 1
    cut = (texts_folder, *options, "--task-size", "6K", "--into", job)
    assert "stage encode: this share is done" in encode(*cut, "--shard", "0/2")
    encode(*cut, "--shard", "1/2")
    assert tree(job / "shards") == tree(one)
    summary = json.loads((tmp_path / "s.json").read_bytes())
    for name in ("seconds", "loops"):
        summary.pop(name, None)
    assert json.loads((job / "summary.json").read_bytes()) == summary
    assert len(list((job / "done").iterdir())) > 5 and not (job / "work").exists()
    told = run_tool("mind-tok", ["status", job]).stdout.decode()
    assert "complete" in told and "stage pack: 1 of 1" in told
    assert "holds another job" in encode(*cut, "--seed", "2", code=1)
    assert "-o does not go with --into" in encode(*cut, "-o", tmp_path / "x", code=2)


def test_conversations_keep_their_masks(tokenizer_folder: Path, tmp_path: Path) -> None:
    """Also those in a JSON array, which is never cut."""
    folder = tmp_path / "chats"
    folder.mkdir()
    rows = [{"messages": [{"role": "user", "content": f"问 {n}"},
                          {"role": "assistant", "content": f"答 {n}" * (n % 3)}]}
            for n in range(30)]  # fmt: skip
    write_records(folder / "0.jsonl", rows, level=0)
    (folder / "1.json").write_text(json.dumps(rows[::2], ensure_ascii=False, indent=1))
    one, job = tmp_path / "one", tmp_path / "job"
    options = ("--chat", "-t", tokenizer_folder)
    encode(*sorted(folder.iterdir()), *options, "-o", one)
    encode(folder, *options, "--task-size", "1K", "--into", job)
    assert tree(job / "shards") == tree(one)
    assert ShardSet.open(job / "shards", verify=True).shards[0].mask is not None
    assert len(list((job / "rejects").iterdir())) == 2


def documents(rows: list[tuple[int, str]]) -> EncodedDocuments:
    """Return documents of one id each, by hash and source."""
    names = tuple(dict.fromkeys(Group(source, "zh") for _, source in rows))
    n = len(rows)
    block = DocumentBatch(
        np.full(n, 2, np.uint16), np.arange(1, n + 1), np.ones(n, np.int64),
        np.array([names.index(Group(source, "zh")) for _, source in rows]), names,
    )  # fmt: skip
    return EncodedDocuments(block, np.array([key for key, _ in rows], np.uint64))


def test_sources_are_numbered_as_they_are_met_however_batches_are_cut(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    """A source whose first document is held back comes before one whose documents are not."""
    rows = [(2**63, "a"), (2**63 + 5, "b"), (2**63 + 9, "b"), (2**63 + 3, "a")]

    def groups(name: str, *sizes: int) -> object:
        left: Iterator[tuple[int, str]] = iter(rows)
        with ShardWriter(tmp_path / name, tokenizer) as writer:
            filler = SplitWriter(writer, Splitter(0.1))
            for size in sizes:
                outcome_of = documents([next(left) for _ in range(size)])
                block = outcome_of.block
                ends = np.full(len(block), tokenizer.end_id, np.uint16)
                fixed = EncodedDocuments(
                    DocumentBatch(ends, block.ends, block.sizes, block.groups, block.names),
                    outcome_of.keys,
                )
                filler.settle(_Outcome(fixed))  # type: ignore[arg-type]
            filler.finish()
        return json.loads((tmp_path / name / "manifest.json").read_bytes())["groups"]

    assert groups("whole", 4) == groups("cut", 1, 1, 2)


class _Outcome:
    def __init__(self, payload: EncodedDocuments) -> None:
        self.payload = payload


def test_documents_come_back_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "documents"
    made = [documents([(7, "a"), (9, "b")]), documents([(1, "c")])]
    with path.open("wb") as file:
        for one in made:
            write_documents(file, one)
    for one, again in zip(made, read_documents(path), strict=True):
        assert one.block.names == again.block.names
        assert np.array_equal(one.keys, again.keys)
        assert np.array_equal(one.block.groups, again.block.groups)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(Exception, match="is not as its tool"):
        list(read_documents(path))
