"""Text that is read many times: documents in another order, dropout, a schedule of the decay."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mind_core.errors import MindError
from mind_core.progress import Progress
from mind_tok.shards import ShardSet
from mind_train.components import load_plugins
from mind_train.config import effective_recipe
from mind_train.data import DocumentIndex
from mind_train.datasets.reshuffled import ReshuffledDataset
from mind_train.interrupt import TrainingInterrupted
from mind_train.models.dropout import Dropout, row_keys
from mind_train.models.language_model import LanguageModel
from mind_train.models.plain_module import build_model
from mind_train.pipeline import prepare_pretrain, prepare_sft, train
from mind_train.trainer import Trainer

Change = Callable[..., list[str]]
Pretrain = Callable[..., Path]

ALL_THREE = [
    "train.dropout=0.2",
    "train.weight_decay_schedule={name='linear', floor=0.5}",
    "data.reshuffle_documents=true",
    "data.max_epochs=20",
]


def weights(run: Path, step: int) -> bytes:
    folder = run / "checkpoints" / f"step-{step:08d}"
    return b"".join((folder / f"{n}.safetensors").read_bytes() for n in ("model", "optimizer"))


def losses(run: Path) -> list[float]:
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [line["loss"] for line in lines if "loss" in line]


@pytest.mark.parametrize("groups", [None, [1]])
def test_each_epoch_predicts_every_token_once_in_an_order_of_its_own(
    shards: Path, groups: list[int] | None
) -> None:
    split = ShardSet.open(shards, "train")
    documents = DocumentIndex(split)
    rows = ReshuffledDataset(split.shards, 30, 7, groups=groups)
    chosen = [
        documents.read(n)[0]
        for n in range(len(documents))
        if groups is None or documents.groups[n] in groups
    ]
    assert rows.tokens == sum(map(len, chosen)) and len(rows) == (rows.tokens - 1) // 30
    orders = []
    for epoch in range(3):
        read = [rows.row(n, epoch) for n in range(len(rows))]
        found = np.concatenate([read[0].ids[:1], *(row.ids[1:] for row in read)])
        # What was read is the documents, whole and in some order, but for the partial last row.
        texts, first = found.tolist(), 0
        known = sorted(document.tolist() for document in chosen)
        seen = []
        for end in np.flatnonzero(found == split.end_id).tolist():
            seen.append(texts[first : end + 1])
            first = end + 1
        for document in seen:
            known.remove(document)  # raises if it is none, or one twice
        orders.append(seen)
        for row in read:  # and rows say where one ends
            ends = np.flatnonzero(row.ids[:-1] == split.end_id) + 1
            assert np.array_equal(ends, np.flatnonzero(np.diff(row.documents)) + 1)
    assert orders[0] != orders[1] != orders[2] != orders[0]
    # An order is found by its number alone: it does not matter what was read before.
    again = ReshuffledDataset(split.shards, 30, 7, groups=groups)
    assert np.array_equal(again.row(3, 2).ids, rows.row(3, 2).ids)
    other = ReshuffledDataset(split.shards, 30, 8, groups=groups)
    assert not np.array_equal(other.row(3, 2).ids, rows.row(3, 2).ids)


@pytest.mark.parametrize("architecture", ["mindllm", "gpt-neo"])
def test_it_goes_on_to_the_bit_and_splits_change_rounding_alone(
    architecture: str,
    shards: Path,
    small_run: Change,
    pretrain: Pretrain,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Past an epoch with all three: cut in the middle of one, by micro-batches, recomputed."""
    more = ALL_THREE
    if architecture == "gpt-neo":  # by sources, each in its own order
        more = [*more, "data.shares={en=0.5,zh=0.5}"]
    changes = [*small_run(architecture, steps=10, batch=40, save_every=4, keep=0), *more]
    whole = pretrain(shards, tmp_path / "whole", changes)
    calls, real = 0, Trainer.step

    def step(self: Trainer) -> dict[str, Any]:
        nonlocal calls
        calls += 1
        if calls == 8:
            self.stop.asked = True
        return real(self)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", step)
        with pytest.raises(TrainingInterrupted):
            pretrain(shards, tmp_path / "cut", changes)
    assert weights(pretrain(shards, tmp_path / "cut", changes), 10) == weights(whole, 10)
    assert losses(tmp_path / "cut") == losses(whole)
    if architecture == "gpt-neo":
        return
    other = pretrain(
        shards, tmp_path / "other", [*changes, "train.micro_batch=7", "train.recompute=true"]
    )
    assert losses(other) == pytest.approx(losses(whole), abs=1e-5)
    plain = pretrain(shards, tmp_path / "plain", [c for c in changes if "dropout" not in c])
    assert losses(plain) != pytest.approx(losses(whole), abs=1e-3)
    # The decay follows its own schedule:
    lines = map(json.loads, (whole / "metrics.jsonl").read_text().splitlines())
    decay = [line["weight_decay"] for line in lines if "weight_decay" in line]
    assert decay[0] == pytest.approx(0.1 * (1 - 0.5 / 10)) and decay[-1] == pytest.approx(0.05)


def test_what_is_left_out_follows_from_row_place_and_position() -> None:
    drops = [Dropout(place) for place in range(2)]
    x = torch.ones(3, 64, 48, requires_grad=True)
    for drop in drops:
        drop.rate = 0.25
        drop.take(row_keys(1, 5, range(3)))
    first, second = (drop(x) for drop in drops)
    assert first.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert float((first == 0).float().mean()) == pytest.approx(0.25, abs=0.02)
    kept = (first > 0).float() - 0.75
    # Neither places, rows, positions nor columns have anything to do with each other.
    for a, b in (
        (kept, (second > 0).float() - 0.75),
        (kept[1:], kept[:-1]),
        (kept[:, 1:], kept[:, :-1]),
        (kept[..., 1:], kept[..., :-1]),
    ):
        assert abs(float((a * b).mean())) < 0.01
    # Ranks have rows of their own, and what they leave out is what one process would:
    drops[0].take(row_keys(1, 5, range(1, 3)))
    assert drops[0](x[1:]).equal(first[1:])
    drops[0].take(row_keys(1, 6, range(3)))
    assert not drops[0](x).equal(first)
    (gradient,) = torch.autograd.grad(first.sum(), x)
    assert gradient.equal(first.detach())
    assert drops[0].eval()(x) is x


def test_rows_of_reshuffled_documents_are_as_these_alone(shards: Path, small_run: Change) -> None:
    """Packed is separate: a row's documents do not see each other."""
    recipe = effective_recipe("tiny-cpu", ["model={}", *small_run(), *ALL_THREE], 3)
    job = prepare_pretrain(recipe, load_plugins(), shards)
    model: LanguageModel = build_model(job.config).eval()
    row = next(r for r in job.mixture.rows(70, 0, 4) if r.documents[-2] > 0)
    ids, documents = (
        torch.from_numpy(row.ids[None, :-1]),
        torch.from_numpy(row.documents[None, :-1]),
    )
    with torch.no_grad():
        packed = model(ids, documents=documents)
        parts = [model(ids[:, documents[0] == n]) for n in range(int(documents.max()) + 1)]
    assert torch.allclose(packed, torch.cat(parts, dim=1), atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["train.dropout=1.0"], "train.dropout 1 is not in"),
        (["train.weight_decay_schedule={floor=0.1}"], "train.weight_decay_schedule: its schedule"),
        (["train.weight_decay_schedule={name='linaer'}"], "no schedule 'linaer'"),
        (
            ["train.weight_decay_schedule={name='linear'}", "optimizer.weight_decay=0.0"],
            "decays no weights",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(
    changes: list[str], words: str, shards: Path, small_run: Change, tmp_path: Path
) -> None:
    with pytest.raises(MindError, match=words) as caught:
        recipe = effective_recipe("tiny-cpu", ["model={}", *small_run(), *changes], None)
        job = prepare_pretrain(recipe, load_plugins(), shards)
        train(job, tmp_path / "run", Progress(None), quiet=True)
    assert caught.value.hint


def test_conversations_are_not_cut_into_another_order(chat_shards: Path, trained: Path) -> None:
    recipe = effective_recipe("sft-cpu", ["data.reshuffle_documents=true"], None)
    with pytest.raises(MindError, match="is for text") as caught:
        prepare_sft(recipe, load_plugins(), chat_shards, trained)
    assert caught.value.hint
