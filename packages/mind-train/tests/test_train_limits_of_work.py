"""How much is done at once, what is shown when, where a bound ends: by counts, not by clocks."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from mind_core.errors import MindError, UsageError
from mind_train import device as devices
from mind_train import sample
from mind_train.components import load_plugins
from mind_train.decoding import Rules, Written
from mind_train.loss import SMALLEST, chunk_rows
from mind_train.mixture import Mixture, MixtureSource, Phase
from mind_train.rewinding import RewindAsked, decide


@pytest.mark.parametrize(
    ("vocab", "device", "rows"),
    [(1000, "cpu", 4096), (6000, "cpu", 2048), (32_000, "cpu", 512), (65_536, "cpu", 256),
     (65_537, "cpu", 128), (250_000, "cpu", SMALLEST), (250_000, "cuda", 2048),
     (65_536, "cuda", 8192), (65_536, "npu", 8192)],
)  # fmt: skip
def test_the_scores_of_a_chunk_stay_within_their_room(vocab: int, device: str, rows: int) -> None:
    assert chunk_rows(vocab, device) == rows


def test_a_micro_batch_has_few_tokens_on_a_cpu_and_at_least_a_row() -> None:
    cpu = SimpleNamespace(device=torch.device("cpu"))
    sizes = [devices.micro_batch(0, n, cpu) for n in (128, 256, 512, 513, 4096)]  # type: ignore[arg-type]
    assert sizes == [4, 2, 1, 1, 1]
    assert devices.micro_batch(3, 128, cpu) == 3  # type: ignore[arg-type]
    gpu = SimpleNamespace(device=torch.device("meta"))
    assert devices.micro_batch(0, 4096, gpu) >= 1 << 20  # type: ignore[arg-type]


class Rows:
    sequence = 8

    def __len__(self) -> int:
        return 10

    def row(self, number: int, epoch: int = 0) -> Any:
        raise AssertionError("only counted here")


def mixture(steps: int) -> Mixture:
    return Mixture([MixtureSource("web", Rows(), 0)], [Phase(steps, (1,))], 4)  # type: ignore[arg-type]


def test_epochs_are_counted_up_to_the_bound_and_the_rounding() -> None:
    for steps, most, rounding in ((10, 4.0, 0.0), (11, 4.4, 0.0), (11, 4.0, 4.0), (11, 0.0, 0.0)):
        made = mixture(steps)
        assert made.check(most, rounding) is made
    for steps, most, rounding in ((11, 4.0, 0.0), (11, 4.3, 0.0), (11, 4.0, 3.0)):
        with pytest.raises(MindError, match=r"4\.40 times, more than data\.max_epochs"):
            mixture(steps).check(most, rounding)


def test_a_text_is_seen_piece_by_piece_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    def write_together(
        model: Any, words: Any, prompts: Any, rules: Any, seen: Any
    ) -> list[Written]:
        assert prompts == [[7]], "a text without a prompt begins with the end token"
        for new in ("a", "", "b"):
            assert seen(0, new, Written())
        return [Written(text="ab")]

    calls: list[str] = []
    out = SimpleNamespace(isatty=lambda: True, flush=lambda: calls.append("flush"))
    monkeypatch.setattr(sample, "write_together", write_together)
    monkeypatch.setattr(sys, "stdout", out)
    checkpoint = SimpleNamespace(model=None, tokenizer=SimpleNamespace(end_id=7))
    written = sample.write(checkpoint, [], Rules(), calls.append)  # type: ignore[arg-type]
    assert written.text == "ab" and calls == ["a", "flush", "b", "flush"]
    out.isatty = lambda: False
    del calls[:]
    sample.write(checkpoint, [], Rules(), calls.append)  # type: ignore[arg-type]
    assert calls == ["a", "b"]


def test_a_rewind_goes_back_so_many_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(
        "mind_train.rewinding.newest_of_course", lambda run, before: asked.append(before)
    )
    with pytest.raises(MindError, match="no checkpoint of step 7 or before"):
        decide(tmp_path, RewindAsked(13, "a spike"), 6)
    with pytest.raises(MindError, match="no checkpoint of step 0 or before"):
        decide(tmp_path, RewindAsked(3, "a spike"), 6)
    assert asked == [7, -3]


def test_a_phase_with_a_schedule_names_it() -> None:
    from mind_train.config import _inner_schedule

    plugins = load_plugins()
    assert _inner_schedule(plugins, "phase 1", {"name": "constant"}) is not None
    assert _inner_schedule(plugins, "phase 1", {}) is None
    for wrong in ({"warmup": 3}, {"name": 3}):
        with pytest.raises(UsageError, match="phase 2: its schedule has no name"):
            _inner_schedule(plugins, "phase 2", wrong)
