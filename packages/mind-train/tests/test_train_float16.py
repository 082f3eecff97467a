"""float16 with loss scaling, for GPUs without bfloat16; computed here on a CPU."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from mind_core.errors import MindError
from mind_core.progress import Progress
from mind_train import loss_scale
from mind_train.components import load_plugins
from mind_train.config import effective_recipe
from mind_train.device import OTHERS, DeviceConfig, choose_device, table_peak
from mind_train.loss_scale import Counters, LossScale
from mind_train.pipeline import prepare_pretrain, train
from mind_train.trainer import Trainer

Change = Callable[..., list[str]]
HALF = DeviceConfig(torch.device("cpu"), torch.float16)


def do(shards: Path, run: Path, changes: list[str], machine: DeviceConfig = HALF) -> Path:
    recipe = effective_recipe("tiny-cpu", ["model={}", "seed=7", *changes], seed=None)
    job = dataclasses.replace(prepare_pretrain(recipe, load_plugins(), shards), machine=machine)
    train(job, run, Progress(None), quiet=True)
    return run


def steps_of(run: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if "lr" in line]


def weights(run: Path) -> bytes:
    return (run / "checkpoints" / "step-00000012" / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def half(shards: Path, small_run: Change, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return do(shards, tmp_path_factory.mktemp("half") / "run", small_run())


def test_float16_learns_as_float32_does(half: Path, trained: Path) -> None:
    found, wanted = steps_of(half), steps_of(trained)
    assert [line["loss"] for line in found] == pytest.approx(
        [line["loss"] for line in wanted], rel=2e-3
    )
    assert [line["grad_norm"] for line in found] == pytest.approx(
        [line["grad_norm"] for line in wanted], rel=2e-2
    )
    assert {line["loss_scale"] for line in found} == {65_536.0} and found[-1]["overflows"] == 0
    assert "loss_scale" not in wanted[0]


def test_it_goes_on_to_the_bit_with_its_factor(
    half: Path, shards: Path, small_run: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped amid the overflows of a factor that is too high, and while it is doubled again."""
    monkeypatch.setattr(loss_scale, "FIRST", 2.0**26)
    monkeypatch.setattr(loss_scale, "STEPS", 3)
    whole = do(shards, tmp_path / "whole", small_run(save_every=2))
    lines = steps_of(whole)
    overflows = [line for line in lines if line.get("skipped")]
    assert 2 <= len(overflows) < 9 and lines[-1]["overflows"] == len(overflows)
    assert not any("grad_norm" in line for line in overflows)
    scales = [line["loss_scale"] for line in lines]
    assert scales[0] == 2.0**25 and any(b == 2 * a for a, b in pairwise(scales))
    step = Trainer.step
    for stop in (2, 7):

        def failing(self: Trainer, stop: int = stop) -> dict[str, Any]:
            if self.counters.step == stop:
                raise RuntimeError("a GPU that vanished")
            return step(self)

        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "step", failing)
            with pytest.raises(RuntimeError):
                do(shards, tmp_path / "cut", small_run(save_every=2))
    do(shards, tmp_path / "cut", small_run(save_every=2))
    assert weights(tmp_path / "cut") == weights(whole)
    assert [line["loss_scale"] for line in steps_of(tmp_path / "cut")] == scales
    manifest = json.loads((whole / "manifest.json").read_text())
    assert manifest["overflows"] == len(overflows) and manifest["skipped"] == 0


def test_an_overflow_leaves_weights_and_states_as_they_were(
    shards: Path, small_run: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss_scale, "FIRST", 2.0**40)
    seen: list[tuple[bool, bool]] = []
    step = Trainer.step

    def watched(self: Trainer) -> dict[str, Any]:
        before = [p.detach().clone() for p in self.parameters.values()]
        states = len(self.optimizer.state)
        line = step(self)
        same = all(map(torch.equal, before, self.parameters.values()))
        seen.append(("skipped" in line, same and len(self.optimizer.state) == states))
        return line

    monkeypatch.setattr(Trainer, "step", watched)
    do(shards, tmp_path / "run", small_run(steps=4))
    assert seen == [(True, True)] * 4


def test_the_factor_saves_gradients_that_would_underflow(
    shards: Path, small_run: Change, tmp_path: Path
) -> None:
    """The head's gradients are made in the forward pass: a factor behind it would be too late."""

    def gradients(machine: DeviceConfig, factor: float) -> torch.Tensor:
        recipe = effective_recipe("tiny-cpu", ["model={}", "seed=7", *small_run()], seed=None)
        job = dataclasses.replace(prepare_pretrain(recipe, load_plugins(), shards), machine=machine)
        torch.manual_seed(1)
        model = job.config.build()
        trainer = Trainer(model, job.mixture, [], job.settings, machine)
        trainer.counters.loss_scale = factor
        from mind_train.data import stack

        batch = stack(job.mixture.rows(0, 0, 4), documents=False, vocab=model.config.vocab)
        scale = trainer.loss_scale.factor * 1e-5  # as of a step of 100,000 tokens
        with machine.precision():
            trainer.module(batch.part(0, 4, machine.device), scale).backward()
        return torch.cat(
            [p.grad.flatten() / trainer.loss_scale.factor for p in trainer.parameters.values()]  # type: ignore[union-attr]
        )

    exact = gradients(DeviceConfig(torch.device("cpu"), torch.float32), 1.0)
    bare, scaled = gradients(HALF, 1.0), gradients(HALF, 65_536.0)
    off = [float((g - exact).norm() / exact.norm()) for g in (bare, scaled)]
    assert off[1] < 0.001 and off[0] > 0.03, off  # measured: 0.0003 and 0.063


def test_the_rule_is_grad_scalers() -> None:
    """The same course of the factor as torch's over a series of good and bad steps."""
    bad = {1, 2, 7, 8, 30}
    theirs = torch.amp.GradScaler("cpu", growth_interval=5)
    ours = LossScale(torch.float16)
    counters = Counters()
    ours.take(counters)
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.0)
    for step in range(40):
        theirs.scale(weight.sum())
        weight.grad = torch.tensor([float("inf") if step in bad else 1.0])
        theirs.step(optimizer)
        theirs.update()
        norm = float(weight.grad)
        if not ours.overflows(1.0, norm):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(loss_scale, "STEPS", 5)
                ours.note_update()
        assert counters.loss_scale == theirs.get_scale(), step
    assert counters.overflows == len(bad)


def test_a_loss_beyond_float16_is_no_matter_of_the_factor() -> None:
    ours = LossScale(torch.float16)
    ours.take(Counters(loss_scale=1.0))
    assert not ours.overflows(1.0, float("inf"))  # at the least factor the gradient itself is wrong
    ours.take(Counters(loss_scale=8.0))
    assert not ours.overflows(float("nan"), float("nan"))
    assert not LossScale(torch.float32).overflows(1.0, float("inf"))


def test_what_a_device_can_do_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MindError, match="GPUs without bfloat16") as refused:
        choose_device("cpu", "float16")
    assert "train.dtype=float32" in str(refused.value.hint)
    for name in OTHERS:
        with pytest.raises(MindError, match="not supported") as other:
            choose_device(f"{name}:0")
        assert other.value.cause and "train.device=cpu" in str(other.value.hint)
    assert table_peak("Tesla T4", torch.float16) == 65e12 and table_peak("Tesla T4") is None
    assert table_peak("Tesla V100-SXM2-16GB", torch.float16) == 125e12
    assert table_peak("NVIDIA A100-SXM4-80GB", torch.float16) == 312e12


def test_a_gpu_without_bfloat16_is_told_of_float16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    gpu = torch.device("cuda")
    assert "train.dtype=float16" in DeviceConfig(gpu, torch.float32).advice()
    assert DeviceConfig(gpu, torch.float16).advice() == ""
    assert DeviceConfig(torch.device("cpu"), torch.float32).advice() == ""
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    assert DeviceConfig(gpu, torch.float32).advice() == ""
