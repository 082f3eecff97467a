"""Rows: every token is predicted once, documents keep their numbers, answers alone are trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mind_core import MindError
from mind_tok import Tokenizer
from mind_tok.chat import encode_chat
from mind_tok.shards import ShardSet, ShardWriter
from mind_train.data import Batch, DocumentIndex, stack
from mind_train.datasets.chat import ChatDataset, pack
from mind_train.datasets.text import TextDataset
from mind_train.mixture import UNIT, Mixture, MixtureSource, Phase
from mind_train.shards import Shards


def test_windows_predict_each_token_once_across_shards(shards: Path) -> None:
    split = ShardSet.open(shards, "train")
    assert len(split.shards) > 1
    stream = np.concatenate([shard.ids for shard in split.shards])
    rows = TextDataset(split, 50)
    assert len(rows) == (len(stream) - 1) // 50
    found = np.concatenate([rows.row(i).ids[1:] for i in range(len(rows))])
    assert np.array_equal(found, stream[1 : 1 + len(rows) * 50])
    assert np.array_equal(rows.row(0).ids[:1], stream[:1])
    rest = len(stream) - 1 - len(rows) * 50
    assert rows.notes() == [f"{rest:,} tokens after the last whole row are not used"]


def test_documents_of_a_row_change_after_each_end(shards: Path) -> None:
    split = ShardSet.open(shards, "train")
    rows = TextDataset(split, 64)
    for number in range(len(rows)):
        row = rows.row(number)
        after_end = np.flatnonzero(row.ids[:-1] == split.end_id) + 1
        changes = np.flatnonzero(np.diff(row.documents)) + 1
        assert np.array_equal(after_end, changes)
        assert row.documents[0] == 0 and (np.diff(row.documents) >= 0).all()


def test_batches_are_a_pure_function_of_seed_and_step(shards: Path) -> None:
    rows = TextDataset(ShardSet.open(shards, "train"), 32)

    def batch(step: int, seed: int, *part: int) -> Batch:
        mixture = Mixture([MixtureSource("all", rows, seed)], [Phase(9, (UNIT,))], 4)
        return stack(mixture.rows(step, *part), documents=True, vocab=420)

    one = batch(2, 3)
    assert one.ids[2:].equal(batch(2, 3, 2, 4).ids)
    assert one.ids.equal(batch(2, 3).ids) and not one.ids.equal(batch(3, 3).ids)
    assert one.documents is not None and one.documents.shape == (4, 32)
    assert one.ids.shape == (4, 33) and one.mask is None and one.valid == 128
    assert not one.ids.equal(batch(2, 4).ids)


def test_conversations_stay_whole_and_answers_alone_count(
    chat_shards: Path, tokenizer: Tokenizer
) -> None:
    split = ShardSet.open(chat_shards, "train")
    documents = DocumentIndex(split)
    rows = ChatDataset(documents, 40, tokenizer.end_id)
    assert sorted(d for p in rows.packs for d in p) == list(range(len(documents)))
    for number, packed in enumerate(rows.packs):
        row = rows.row(number)
        assert row.mask is not None and len(row.ids) == 41 and len(row.mask) == 40
        at = 0
        for place, document in enumerate(packed):
            ids, mask = documents.read(document)
            stop = at + len(ids)
            assert np.array_equal(row.ids[at:stop], ids)
            assert (row.documents[at:stop] == place).all()
            assert mask is not None
            assert np.array_equal(row.mask[at : stop - 1], mask[1:])
            at = stop
        assert not row.mask[at - 1 :].any()
        assert (row.documents[at:] == len(packed)).all()
    trained = sum(int(rows.row(i).mask.sum()) for i in range(len(rows)))  # type: ignore[union-attr]
    assert trained == sum(int(shard.mask.sum()) for shard in split.shards)  # type: ignore[union-attr]


def test_what_cannot_be_trained_on_is_left_out_and_said(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    talks = [
        [{"role": "user", "content": "1?"}, {"role": "assistant", "content": "2"}],
        [{"role": "user", "content": "1?"}, {"role": "assistant", "content": "2 " * 100}],
    ]
    with ShardWriter(tmp_path / "chat", tokenizer, kind="chat") as writer:
        for talk in talks:
            ids, mask = encode_chat(tokenizer, talk)
            writer.add(ids, size=1, mask=mask)
        silent = [*tokenizer.encode("nothing to learn"), tokenizer.end_id]
        writer.add(silent, size=16, mask=[0] * len(silent))
    documents = DocumentIndex(ShardSet.open(tmp_path / "chat", "train"))
    rows = ChatDataset(documents, 40, tokenizer.end_id)
    assert rows.packs == [[0]]
    assert any("1 conversations longer" in note for note in rows.notes())
    assert any("1 conversations without" in note for note in rows.notes())
    with pytest.raises(MindError, match="no conversation") as caught:
        ChatDataset(documents, 3, tokenizer.end_id).require_rows()
    assert caught.value.hint


@given(st.lists(st.integers(1, 30), max_size=60))
def test_packing_keeps_all_and_fits(lengths: list[int]) -> None:
    bins = pack(list(range(len(lengths))), lambda i: lengths[i], 30)
    assert sorted(i for b in bins for i in b) == list(range(len(lengths)))
    assert all(sum(lengths[i] for i in b) <= 30 for b in bins)
    # Best fit never leaves two bins that would go into one.
    loads = sorted(sum(lengths[i] for i in b) for b in bins)
    assert len(loads) < 2 or loads[0] + loads[1] > 30


def test_too_little_text_is_refused(shards: Path) -> None:
    with pytest.raises(MindError, match="not one row") as caught:
        TextDataset(ShardSet.open(shards, "train"), 10**7)
    assert caught.value.hint
    with pytest.raises(MindError, match="wanted are chat"):
        Shards.open(shards, "chat")


def test_empty_shards_between_others_are_passed(shards: Path) -> None:
    """One, several, at the beginning and at the end: rows are those without them."""
    split = ShardSet.open(shards, "train")
    first = split.shards[0]
    empty = replace(
        first, tokens=0, documents=0, bytes=0, ids=first.ids[:0], ends=first.ends[:0],
        sizes=first.sizes[:0], groups=first.groups[:0],
    )  # fmt: skip
    among = [empty]
    for number, shard in enumerate(split.shards):
        among += [shard, *[empty] * (number % 2 + 1)]
    plain, padded = (
        TextDataset(replace(split, shards=tuple(s)), 50) for s in (split.shards, among)
    )
    assert len(plain) == len(padded)
    for number in range(len(plain)):
        left, right = plain.row(number), padded.row(number)
        assert np.array_equal(left.ids, right.ids)
        assert np.array_equal(left.documents, right.documents)
