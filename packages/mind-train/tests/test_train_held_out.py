"""Held-out loss: fixed sets, each token once, nats per token and bits per byte that add up."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from mind_tok.shards import ShardSet
from mind_train.data import DocumentIndex
from mind_train.device import choose_device
from mind_train.distributed import ProcessGroup
from mind_train.evaluate import evaluate
from mind_train.held_out import choose, held_out_sets
from mind_train.loss import token_losses
from mind_train.loss_module import LossModule
from mind_train.models.mindllm import MindLLMConfig
from mind_train.shards import Shards


def test_sets_hold_whole_documents_of_their_group(shards: Path) -> None:
    opened = Shards.open(shards, "text")
    split = ShardSet.open(shards, "validation")
    end = split.end_id
    sets = held_out_sets(opened, 20, 10**9)
    assert {s.name for s in sets} == {"sayings/en", "sayings/zh"}
    counts = opened.manifest["counts"]["validation"]["sayings"]
    for held_out in sets:
        count = counts[held_out.language]
        targets = np.concatenate([row.ids[1:][row.mask] for row in held_out.rows])
        text = np.concatenate(
            [t[row.mask] for t, row in zip(held_out.text, held_out.rows, strict=True)]
        )
        assert len(targets) == count["tokens"]
        assert held_out.bytes == count["bytes"]
        assert np.array_equal(targets == end, ~text)
        assert int((targets == end).sum()) == count["documents"]


def test_a_budget_takes_some_documents_and_always_the_same(shards: Path) -> None:
    documents = DocumentIndex(ShardSet.open(shards, "validation"))
    some = choose(documents, 0, 100)
    assert 0 < int(documents.lengths[some].sum()) <= 100
    assert some == choose(documents, 0, 100)
    assert (documents.groups[some] == 0).all()
    shortest = int(documents.lengths[documents.groups == 0].min())
    assert documents.lengths[choose(documents, 0, 1)].tolist() == [shortest]


def test_scores_equal_a_plain_computation(shards: Path) -> None:
    """One long row with an end token first: the whole set in one pass, no windows."""
    opened = Shards.open(shards, "text")
    torch.manual_seed(0)
    vocab = int(opened.tokenizer["vocab_size"])
    model = MindLLMConfig(vocab=vocab, dim=16, layers=1, heads=1, ffn_dim=16, context=4096).build()
    sets = held_out_sets(opened, 2000, 600)
    result = evaluate(
        LossModule(model), model, sets, 2, False, choose_device("cpu", "float32"), ProcessGroup()
    )
    documents = DocumentIndex(ShardSet.open(shards, "validation"))
    total = tokens = 0.0
    for number, held_out in enumerate(sets):
        chosen = choose(documents, number, 600)
        end = int(opened.tokenizer["end_id"])
        ids = torch.from_numpy(np.concatenate([[end], *(documents.read(d)[0] for d in chosen)]))
        nats = token_losses(model, ids[None])[0].double()
        score = result["validation"][held_out.name]
        assert score["nats_per_token"] == pytest.approx(nats.mean().item(), rel=1e-5)
        text = nats[ids[1:] != end].sum().item() / math.log(2)
        size = sum(int(documents.sizes[d]) for d in chosen)
        assert score["bits_per_byte"] == pytest.approx(text / size, rel=1e-5)
        assert result["languages"][held_out.language] == score
        total += nats.sum().item()
        tokens += len(nats)
    assert result["all"]["nats_per_token"] == pytest.approx(total / tokens, rel=1e-5)
    assert model.training


def test_conversations_are_scored_on_their_answers(chat_shards: Path) -> None:
    opened = Shards.open(chat_shards, "chat")
    (held_out,) = held_out_sets(opened, 40, 10**6)
    split = ShardSet.open(chat_shards, "validation")
    assert sum(int(row.mask.sum()) for row in held_out.rows if row.mask is not None) == sum(
        int(shard.mask.sum()) for shard in split.shards if shard.mask is not None
    )
    assert held_out.bytes == split.bytes
