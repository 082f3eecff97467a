"""Several shard folders as one run's data, and an index that does not grow with the documents."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mind_core import MindError
from mind_core.files import read_json
from mind_tok import Tokenizer
from mind_tok.loading import make_plugins
from mind_tok.shards import Shard, ShardSet, ShardWriter
from mind_train.checkpoint import find_checkpoint
from mind_train.components import load_plugins
from mind_train.config import effective_recipe
from mind_train.data import DocumentIndex
from mind_train.datasets.groups import BLOCK, GroupDataset, GroupIndex
from mind_train.jobs import prepare_pretrain
from mind_train.plan import plan
from mind_train.shards import Shards

Change = Callable[..., list[str]]
Train = Callable[..., Path]


def write(folder: Path, tokenizer: Tokenizer, texts: list[tuple[str, str, str]]) -> Path:
    """Write (source, language, text) as shards; each fifth is held out."""
    with ShardWriter(folder, tokenizer, shard_tokens=2000) as writer:
        for number, (source, language, text) in enumerate(texts):
            writer.add(
                [*tokenizer.encode(text), tokenizer.end_id],
                size=len(text.encode()),
                split="train" if number % 5 else "validation",
                source=source,
                language=language,
            )
    return folder


@pytest.fixture(scope="module")
def parts(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Give two folders that share a group, under another number, and have others of their own."""
    folder = tmp_path_factory.mktemp("parts")
    en, zh = "Still waters run deep. " * 3, "千里之行，始于足下。" * 3
    first = [("web", "en", f"{i} {en}") for i in range(60)]
    first += [("web", "zh", f"{i} {zh}") for i in range(60)]
    second = [("books", "zh", f"{i}: {zh}") for i in range(60)]
    second += [("web", "zh", f"{i}; {zh}") for i in range(60)]
    return write(folder / "a", tokenizer, first), write(folder / "b", tokenizer, second)


def test_groups_and_documents_of_both_are_one_table(parts: tuple[Path, Path]) -> None:
    together = Shards.open(parts, "text")
    assert [tuple(g.values()) for g in together.manifest["groups"]] in (
        [("web", "en"), ("web", "zh"), ("books", "zh")],
        [("en", "web"), ("zh", "web"), ("zh", "books")],
    )
    split = together.train()
    documents = DocumentIndex(split)
    alone = [ShardSet.open(folder, "train") for folder in parts]
    assert len(documents) == sum(one.documents for one in alone)
    number = 0
    for one in alone:
        for at, shard in enumerate(one.shards):
            for inside in range(shard.documents):
                document = one.document(at, inside)
                assert np.array_equal(documents.read(number)[0], document.ids)
                assert split.groups[documents.groups[number]] == document.group
                number += 1
    counts = together.manifest["counts"]["train"]
    index = GroupIndex(split.shards, 3)
    assert index.tokens(1) == counts["web"]["zh"]["tokens"]
    rows = GroupDataset(index, [1], 16, "web/zh")
    stream = np.concatenate(
        [documents.read(int(n))[0] for n in np.flatnonzero(documents.groups == 1)]
    )
    found = np.concatenate([rows.row(i).ids[1:] for i in range(len(rows))])
    assert np.array_equal(found, stream[1 : 1 + len(rows) * 16])
    plain = Shards.open(parts[0], "text")
    assert plain.fingerprint != together.fingerprint != Shards.open(parts[::-1], "text").fingerprint


def test_a_run_reads_both_and_knows_them_again(
    parts: tuple[Path, Path], small_run: Change, pretrain: Train, tmp_path: Path
) -> None:
    shares = 'data.shares={"books/zh"=1, "web/zh"=1, "web/en"=2}'
    changes = [*small_run(steps=8), shares, "data.max_epochs=50"]
    run = pretrain(list(parts), tmp_path / "run", changes)  # type: ignore[arg-type]
    manifest = read_json(run / "manifest.json")
    assert {n: d["share"] for n, d in manifest["data"].items()} == {
        "books/zh": 0.25, "web/zh": 0.25, "web/en": 0.5,
    }  # fmt: skip
    assert find_checkpoint(run)[1]["step"] == 8
    again = [*small_run(steps=8, save_every=2), shares, "data.max_epochs=50"]
    pretrain(list(parts), run, again)  # type: ignore[arg-type]
    with pytest.raises(MindError, match="with other shards"):
        pretrain(list(parts[::-1]), run, changes)  # type: ignore[arg-type]
    recipe = effective_recipe("tiny-cpu", ["model={}", "seed=7", *changes], None)
    groups = plan(recipe, load_plugins(), list(parts), 0)["data"]["groups"]
    assert groups.keys() == {"web/en", "web/zh", "books/zh"}
    assert sum(group["share"] for group in groups.values()) == pytest.approx(1)


def test_folders_that_do_not_fit_are_refused(
    parts: tuple[Path, Path], shards: Path, chat_shards: Path, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    recipe = effective_recipe("tiny-cpu", [], None)
    for folders, word in (
        ([parts[0], parts[0]], "is there twice"),
        ([parts[0], chat_shards], "holds chat shards"),
    ):
        with pytest.raises(MindError, match=word) as caught:
            prepare_pretrain(recipe, load_plugins(), folders)
        assert caught.value.hint
    kind = make_plugins().make("register_tokenizers", "bpe")
    other = kind.train(["another text altogether"] * 20, 300)
    odd = write(tmp_path / "odd", other, [("web", "en", "text " * 20)] * 10)
    with pytest.raises(MindError, match="another tokenizer"):
        prepare_pretrain(recipe, load_plugins(), [parts[0], odd])


def test_the_index_does_not_grow_with_documents() -> None:
    """A hundred thousand documents: a table of blocks, not of documents."""
    count = 100_000
    ids = np.tile(np.array([5, 6, 1], np.uint16), count)
    ends = np.arange(3, 3 * count + 1, 3, dtype=np.uint64)
    groups = np.arange(count, dtype=np.uint16) % 2
    shard = Shard("train-00000", 3 * count, count, 2 * count, ids, ends, ends, groups, None)
    tracemalloc.start()
    index = GroupIndex([shard], 2)
    rows = [GroupDataset(index, [group], 30, "s") for group in (0, 1)]
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < count / 4, "40 bytes each would be much more"
    assert sum(dataset.tokens for dataset in rows) == 3 * count and count > 20 * BLOCK
    last = rows[1].row(len(rows[1]) - 1)
    assert np.array_equal(last.ids, np.tile([5, 6, 1], 11)[:31])
    assert last.documents.tolist() == [i // 3 for i in range(31)]
