"""Ctrl-C and SIGTERM save the step reached; the same command goes on to the same bits."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mind_core.testing import signalling
from mind_train import checkpoint
from mind_train.interrupt import Interrupted
from mind_train.metrics import read_metrics

Change = Callable[..., list[str]]
Train = Callable[..., Path]
CLOCK = {"seconds", "tokens_per_second"}


def result(run: Path) -> list[Any]:
    """Give all that a run leaves, but for the clock."""
    files = sorted((run / "checkpoints").rglob("*.safetensors"))
    lines = [
        {k: v for k, v in line.items() if k not in CLOCK}
        for line in read_metrics(run / "metrics.jsonl")
    ]
    manifest = (run / "manifest.json").read_bytes()
    return [lines, manifest, *((f.relative_to(run), f.read_bytes()) for f in files)]


def steps(run: Path) -> list[int]:
    return sorted(int(p.name[5:]) for p in (run / "checkpoints").glob("step-*"))


def signal_during_save(
    monkeypatch: pytest.MonkeyPatch, step: int, signals: list[signal.Signals]
) -> None:
    """Send signals to this process in the middle of saving a step."""
    write = checkpoint.write_json

    def interrupted(path: Path, value: Any) -> None:
        if f"step-{step:08d}" in str(path) and path.name == checkpoint.TRAINER:
            for number in signals:
                os.kill(os.getpid(), number)
        write(path, value)

    monkeypatch.setattr(checkpoint, "write_json", interrupted)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_signal_saves_and_the_same_command_goes_on(
    number: signal.Signals, shards: Path, small_run: Change, pretrain: Train, tmp_path: Path
) -> None:
    changes = small_run(steps=60, save_every=50, evaluate_every=20, keep=1)
    run = tmp_path / "run"
    command = signalling("mind-train", "mind_train.metrics:Metrics.write", 5, number)
    command += ["pretrain", str(shards), "-o", str(run), "-q"]
    command += [f"--set={change}" for change in ["model={}", *changes, "seed=7"]]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 130, message
    said = re.findall(r"mind-train: interrupted at step (\d+); the same command goes on", message)
    assert len(said) == 1 and message.count("interrupted") == 1 and "error" not in message
    assert steps(run) == [int(said[0])] and 4 <= int(said[0]) < 60
    pretrain(shards, run, changes)
    assert result(run) == result(pretrain(shards, tmp_path / "whole", changes))


def test_an_interrupt_during_a_save_lets_it_end(
    shards: Path,
    small_run: Change,
    pretrain: Train,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The step is saved once: saving it again would first remove what is good."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    signal_during_save(monkeypatch, 8, [signal.SIGTERM])
    with pytest.raises(Interrupted, match="at step 8") as caught:
        pretrain(shards, tmp_path / "run", small_run())
    assert caught.value.code == 130
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert steps(tmp_path / "run") == [4, 8]
    monkeypatch.undo()
    pretrain(shards, tmp_path / "run", small_run())
    assert result(tmp_path / "run") == result(pretrain(shards, tmp_path / "w", small_run()))


def test_a_second_one_during_the_save_leaves_the_last_good_one(
    shards: Path,
    small_run: Change,
    pretrain: Train,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = tmp_path / "run"
    signal_during_save(monkeypatch, 8, [signal.SIGINT, signal.SIGINT])
    with pytest.raises(KeyboardInterrupt):
        pretrain(shards, run, small_run())
    assert [p.name for p in (run / "checkpoints").iterdir()] == ["step-00000004"]
    monkeypatch.undo()
    pretrain(shards, run, small_run())
    assert result(run) == result(pretrain(shards, tmp_path / "whole", small_run()))


def test_what_the_caller_ignores_stays_ignored(
    shards: Path,
    small_run: Change,
    pretrain: Train,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A job in the background of a script has SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        signal_during_save(monkeypatch, 8, [signal.SIGINT])
        pretrain(shards, tmp_path / "run", small_run())
    finally:
        signal.signal(signal.SIGINT, before)
    assert (tmp_path / "run" / "manifest.json").exists()
