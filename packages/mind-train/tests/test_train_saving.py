"""Checkpoints written beside the steps, the moving average, and runs of earlier versions."""

from __future__ import annotations

import threading
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from mind_core import MindError
from mind_train import saving
from mind_train.average import take_ema
from mind_train.checkpoint import find_checkpoint, load_checkpoint
from mind_train.components import load_plugins
from mind_train.interrupt import Stop, TrainingInterrupted
from mind_train.metrics import read_metrics
from mind_train.trainer import Trainer

Change = Callable[..., list[str]]
Train = Callable[..., Path]
STEP = "checkpoints/step-{:08d}"


def contents(checkpoint: Path) -> dict[str, bytes]:
    """Read all that a checkpoint holds but what depends on the clock."""
    found = {
        str(path.relative_to(checkpoint)): path.read_bytes()
        for path in checkpoint.rglob("*")
        if path.is_file() and path.name not in ("manifest.json", "trainer.json")
    }
    assert {"model.safetensors", "optimizer.safetensors"} <= found.keys()
    return found


@pytest.fixture
def slow_writes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let every write in a thread wait until two more steps are done; note the threads."""
    threads: list[str] = []
    steps = [0]
    step, write = Trainer.step, saving.write_checkpoint

    def counted(self: Trainer) -> dict[str, Any]:
        line = step(self)
        steps[0] = self.counters.step
        return line

    def slow(run: Path, number: int, *more: Any, **named: Any) -> None:
        threads.append(threading.current_thread().name)
        until = time.monotonic() + 60
        if threading.current_thread() is not threading.main_thread():
            while steps[0] < min(number + 2, 12) and time.monotonic() < until:
                time.sleep(0.001)
        write(run, number, *more, **named)

    monkeypatch.setattr(Trainer, "step", counted)
    monkeypatch.setattr(saving, "write_checkpoint", slow)
    return threads


def test_a_save_beside_the_steps_holds_what_a_plain_one_does(
    shards: Path, small_run: Change, pretrain: Train, tmp_path: Path, slow_writes: list[str]
) -> None:
    """Two steps later the weights are others, and the checkpoint's are those of its step."""
    plain = pretrain(shards, tmp_path / "plain", small_run(keep=0, ema=0.9))
    assert set(slow_writes) == {"MainThread"}
    slow_writes.clear()
    changes = small_run(keep=0, ema=0.9, save_async="true")
    beside = pretrain(shards, tmp_path / "beside", changes)
    assert len(slow_writes) == 3 and "MainThread" not in slow_writes
    for number in (4, 8, 12):
        step = STEP.format(number)
        assert contents(plain / step) == contents(beside / step), number
    assert find_checkpoint(plain)[1]["fingerprint"] == find_checkpoint(beside)[1]["fingerprint"]


def test_an_error_in_writing_ends_the_run(
    shards: Path, small_run: Change, pretrain: Train, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """At the next step, or where the run is stopped: it must not promise a checkpoint."""
    write = saving.write_checkpoint

    def full(run: Path, number: int, *more: Any, **named: Any) -> None:
        if number == 8:
            raise OSError(28, "No space left on device")
        write(run, number, *more, **named)

    monkeypatch.setattr(saving, "write_checkpoint", full)
    with pytest.raises(OSError, match="No space"):
        pretrain(shards, tmp_path / "run", small_run(save_async="true"))
    done = [line["step"] for line in read_metrics(tmp_path / "run" / "metrics.jsonl")]
    assert max(done) <= 12 and find_checkpoint(tmp_path / "run")[1]["step"] == 4
    assert not (tmp_path / "run" / "manifest.json").exists()

    monkeypatch.setattr(Stop, "requested", lambda self: True)
    monkeypatch.setattr(Trainer, "stop_if_asked", stop_at(8))
    with pytest.raises(OSError, match="No space"):
        pretrain(shards, tmp_path / "stopped", small_run(save_every=12, save_async="true"))
    monkeypatch.setattr(saving, "write_checkpoint", write)
    with pytest.raises(TrainingInterrupted, match="step 8"):
        pretrain(shards, tmp_path / "whole", small_run(save_every=12, save_async="true"))
    assert find_checkpoint(tmp_path / "whole")[1]["step"] == 8


def stop_at(step: int) -> Callable[[Trainer], None]:
    from mind_train.interrupt import StopAsked

    def asked(self: Trainer) -> None:
        if self.counters.step == step:
            raise StopAsked

    return asked


def test_the_moving_average_is_kept_and_becomes_a_model(
    shards: Path, small_run: Change, pretrain: Train, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """By the formula over every step's weights; a run that is stopped in between has the same."""
    decay, states = 0.5, []
    step = Trainer.step

    def noted(self: Trainer) -> dict[str, Any]:
        if not states:
            states.append({n: p.detach().clone() for n, p in self.parameters.items()})
        line = step(self)
        states.append({n: p.detach().clone() for n, p in self.parameters.items()})
        return line

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "step", noted)
        run = pretrain(shards, tmp_path / "run", small_run(ema=decay))
    expected = {name: w.double() for name, w in states[0].items()}
    for n, weights in enumerate(states[1:], 1):
        d = min(decay, (1 + n) / (10 + n))
        expected = {k: d * v + (1 - d) * weights[k].double() for k, v in expected.items()}
    averages = load_file(run / STEP.format(12) / "ema.safetensors")
    for name, average in averages.items():
        torch.testing.assert_close(average.double(), expected[name], rtol=1e-5, atol=1e-6)
    plain = pretrain(shards, tmp_path / "plain", small_run())
    weights = "model.safetensors"
    assert (run / STEP.format(12) / weights).read_bytes() == (
        plain / STEP.format(12) / weights
    ).read_bytes(), "the average changes nothing of the run"

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "stop_if_asked", stop_at(6))
        with pytest.raises(TrainingInterrupted):
            pretrain(shards, tmp_path / "cut", small_run(ema=decay))
    cut = pretrain(shards, tmp_path / "cut", small_run(ema=decay))
    assert contents(cut / STEP.format(12)) == contents(run / STEP.format(12))

    lines = [line for line in read_metrics(run / "metrics.jsonl") if "validation" in line]
    assert lines[-1]["ema"]["tokens"] == lines[-1]["all"]["tokens"]
    assert lines[-1]["ema"]["nats_per_token"] != lines[-1]["all"]["nats_per_token"]
    take_ema([run], tmp_path / "smooth", load_plugins())
    smooth = load_checkpoint(tmp_path / "smooth")
    for name, p in smooth.model.named_parameters():
        assert torch.equal(p, averages[name])
    with pytest.raises(MindError, match="has no moving average"):
        take_ema([plain], tmp_path / "none", load_plugins())


def test_a_run_of_an_earlier_version_goes_on(
    shards: Path, small_run: Change, pretrain: Train, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Its recipe knows no options that came later; they have their defaults."""
    run = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "stop_if_asked", stop_at(6))
        with pytest.raises(TrainingInterrupted):
            pretrain(shards, run, small_run())
    recipe = run / "recipe.toml"
    kept = [s for s in recipe.read_text().splitlines() if not s.startswith(("ema", "save_async"))]
    recipe.write_text("\n".join(kept) + "\n")
    assert "ema" not in tomllib.loads(recipe.read_text())["train"]
    with pytest.raises(MindError, match=r"train.ema was 0.0, is 0.5"):
        pretrain(shards, run, small_run(ema=0.5))
    pretrain(shards, run, small_run())
    assert find_checkpoint(run)[1]["step"] == 12
