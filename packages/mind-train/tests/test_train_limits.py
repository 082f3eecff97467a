"""What is just within a limit is accepted, what is just beyond it refused; and bounds are kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mind_core import MindError
from mind_core.errors import UsageError
from mind_tok import Tokenizer
from mind_tok.shards import ShardWriter
from mind_train.components import load_plugins
from mind_train.config import effective_recipe
from mind_train.data import DocumentIndex, Example, stack
from mind_train.datasets.chat import ChatDataset
from mind_train.datasets.text import TextDataset
from mind_train.device import micro_batch
from mind_train.distributed import ProcessGroup, planned_group
from mind_train.generate import check_sampling
from mind_train.jobs import prepare_pretrain
from mind_train.loss import chunk_rows
from mind_train.mixture import UNIT, Mixture, MixtureSource, Phase
from mind_train.optim.adamw import AdamW
from mind_train.optim.muon import Muon
from mind_train.optim.schedules import Cosine, WarmupStableDecay
from mind_train.shards import Shards
from mind_train.train_options import TrainOptions
from mind_train.trainer import Trainer

Change = Callable[..., list[str]]


def row(*ids: int) -> Example:
    return Example(np.array(ids, dtype=np.int64), np.zeros(len(ids), dtype=np.int64))


def test_the_last_id_of_the_vocabulary_is_the_last() -> None:
    batch = stack([row(0, 41, 3)], documents=False, vocab=42)
    assert batch.ids.tolist() == [[0, 41, 3]] and batch.inputs == batch.valid == 2
    with pytest.raises(MindError, match="token 42, beyond the model's vocabulary of 42") as caught:
        stack([row(0, 41, 3), row(1, 42, 2)], documents=False, vocab=42)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ({"batch": 1}, {"batch": 0}),
        ({"micro_batch": 0}, {"micro_batch": -1}),
        ({"sequence": 0}, {"sequence": -1}),
        ({"keep": 0}, {"keep": -1}),
        ({"save_every": 1}, {"save_every": 0}),
        ({"evaluate_every": 1}, {"evaluate_every": 0}),
        ({"clip": 1e-9}, {"clip": 0.0}),
        ({"z_loss": 0.0}, {"z_loss": -1e-9}),
        ({"spike_sigmas": 0.0}, {"spike_sigmas": -1e-9}),
        ({"steps": 0, "epochs": 0.1}, {"steps": 1, "epochs": 0.1}),
        ({"steps": 1}, {"steps": 0}),
    ],
)
def test_options_of_training(good: dict[str, Any], bad: dict[str, Any]) -> None:
    made = TrainOptions(**{"steps": 5} | good)
    assert all(getattr(made, name) == value for name, value in good.items())
    with pytest.raises(UsageError) as caught:
        TrainOptions(**{"steps": 5} | bad)
    assert caught.value.hint


def test_values_at_the_edge_of_their_range() -> None:
    check_sampling(0.0, 1.0)
    AdamW(beta1=0.0, beta2=0.0, weight_decay=0.0)
    Muon(momentum=0.0, beta1=0.0, beta2=0.0)
    Cosine(warmup=0.0, floor=0.0)
    Cosine(floor=1.0)
    assert WarmupStableDecay(decay=1.0)(50, 100) == pytest.approx(0.5)
    for make in (lambda: Cosine(floor=1.001), lambda: WarmupStableDecay(decay=1.001)):
        with pytest.raises(MindError):
            make()
    run = Mixture(
        [MixtureSource("a", range_of(10), 0)], [Phase(4, (UNIT,))], 10
    )  # exactly four epochs
    assert run.check(4.0) is run
    with pytest.raises(MindError, match=r"4\.00 times, more than data.max_epochs = 3.99"):
        run.check(3.99)


class range_of:  # noqa: N801
    """So many rows, of nothing."""

    sequence = 8

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def row(self, number: int, epoch: int = 0) -> Example:
        return row(*range(9))

    def notes(self) -> list[str]:
        return []


def test_a_row_of_the_whole_context_and_ranks_that_divide(shards: Path, small_run: Change) -> None:
    def prepare(*changes: str) -> int:
        recipe = effective_recipe("tiny-cpu", ["model={}", *small_run(), *changes], None)
        rows = prepare_pretrain(recipe, load_plugins(), shards).mixture.sources[0].rows
        return rows.sequence

    assert prepare("train.sequence=32") == prepare() == 32
    with pytest.raises(MindError, match="33 is longer than the model's context 32"):
        prepare("train.sequence=33")
    assert ProcessGroup(3, 4).share(8) == (6, 8) and ProcessGroup(0, 8).share(8) == (0, 1)
    with pytest.raises(MindError, match="not divided by 3 ranks"):
        ProcessGroup(0, 3).share(8)


@pytest.mark.parametrize(("tokens", "rows"), [(33, 1), (34, 1), (64, 1), (65, 2)])
def test_text_of_just_one_row(tokens: int, rows: int, tokenizer: Tokenizer, tmp_path: Path) -> None:
    for length, name in ((tokens, "enough"), (32, "little")):
        with ShardWriter(tmp_path / name, tokenizer) as writer:
            ids = [5] * (length - 1) + [tokenizer.end_id]
            writer.add(ids, size=length, split="train", source="a", language="en")
    assert len(TextDataset(Shards.open(tmp_path / "enough", "text").train(), 32)) == rows
    with pytest.raises(MindError, match="32 tokens: not one row of 33"):
        TextDataset(Shards.open(tmp_path / "little", "text").train(), 32)


def test_a_conversation_that_just_fits_a_row(chat_shards: Path) -> None:
    documents = DocumentIndex(Shards.open(chat_shards, "chat").train())
    longest = int(documents.lengths.max())
    assert ChatDataset(documents, longest - 1, 0).too_long == 0
    assert ChatDataset(documents, longest - 2, 0).too_long == int(
        (documents.lengths == longest).sum()
    )


def test_rows_at_once(shards: Path, small_run: Change) -> None:
    """The largest tensor of a step depends on micro_batch, and not on the batch."""
    largest: dict[tuple[int, int], int] = {}
    for batch, rows in ((4, 1), (32, 1), (32, 8)):
        changes = small_run(batch=batch, micro_batch=rows)
        recipe = effective_recipe("tiny-cpu", ["model={}", *changes], None)
        job = prepare_pretrain(recipe, load_plugins(), shards)
        trainer = Trainer(job.config.build(), job.mixture, [], job.settings, job.machine)
        seen = 0

        class Watch(TorchDispatchMode):
            def __torch_dispatch__(
                self, func: Any, types: Any, args: Any = (), kwargs: Any = None
            ) -> Any:
                nonlocal seen
                out = func(*args, **(kwargs or {}))
                if isinstance(out, torch.Tensor) and out.is_floating_point():
                    seen = max(seen, out.numel())
                return out

        with Watch():
            trainer.step()
        largest[batch, rows] = seen
    assert largest[4, 1] == largest[32, 1] < largest[32, 8]
    machine = job.machine
    assert micro_batch(3, 32, machine) == 3 and micro_batch(0, 32, machine) == 16
    assert micro_batch(0, 512, machine) == micro_batch(0, 4096, machine) == 1


@pytest.mark.parametrize("vocab", [1, 100, 4096, 8192, 50_257, 125_700, 1 << 20])
def test_scores_of_a_chunk_are_bounded(vocab: int) -> None:
    """At most 64 MB of fp32 on a CPU and 1/32 of 80 GiB on a GPU, as long as 128 rows fit."""
    for device, room, most in (("cpu", 1 << 24, 4096), ("cuda", (80 << 30) // 32 // 4, 16_384)):
        rows = chunk_rows(vocab, device)
        assert 128 <= rows <= most and rows & (rows - 1) == 0
        assert rows * vocab <= max(room, 128 * vocab)
        assert rows == most or 2 * rows * vocab > room


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two'"),
        ({"WORLD_SIZE": ""}, "WORLD_SIZE is ''"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE is '0'"),
        ({"RANK": "-1", "WORLD_SIZE": "2"}, "RANK is '-1'"),
        ({"RANK": "2", "WORLD_SIZE": "2"}, "RANK=2 of WORLD_SIZE=2"),
        ({"LOCAL_RANK": "\u0661"}, "LOCAL_RANK is"),
        ({"LOCAL_WORLD_SIZE": "9" * 5000}, "LOCAL_WORLD_SIZE is"),
    ],
)
def test_an_environment_that_is_not_torchruns_is_refused(
    said: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert planned_group() == ProcessGroup()
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(MindError, match=words) as raised:
        planned_group()
    assert "torchrun" in str(raised.value.hint)
