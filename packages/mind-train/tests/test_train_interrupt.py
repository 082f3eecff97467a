"""Ctrl-C and SIGTERM save the step reached; the same command goes on to the same bits."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forked import in_fork, signal_at_call

from mind_core import cli
from mind_train import checkpoint, interrupt
from mind_train.cli import app
from mind_train.interrupt import TrainingInterrupted
from mind_train.loss_module import LossModule
from mind_train.metrics import Metrics, read_metrics

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
    command = ["pretrain", str(shards), "-o", str(run), "-q"]
    command += [f"--set={change}" for change in ["model={}", *changes, "seed=7"]]

    def work() -> None:
        signal_at_call(Metrics, "write", 5, number)
        cli.run(app, "mind-train", command)

    code, message = in_fork(tmp_path / "said.txt", work)
    assert code == 130, message
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
    with pytest.raises(TrainingInterrupted, match="at step 8") as caught:
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
    monkeypatch.setattr(interrupt, "AGAIN", 0.0)
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


@pytest.mark.parametrize(
    "numbers",
    [
        [signal.SIGINT, signal.SIGINT, signal.SIGINT],
        [signal.SIGTERM, signal.SIGTERM, signal.SIGTERM],
        [signal.SIGTERM, signal.SIGINT],
    ],
)
def test_a_signal_that_comes_twice_at_once_is_one_request(
    numbers: list[signal.Signals], shards: Path, small_run: Change, pretrain: Train,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """torchrun hands on what the terminal or the scheduler has sent to its workers already."""
    signal_during_save(monkeypatch, 8, numbers)
    with pytest.raises(TrainingInterrupted, match="at step 8"):
        pretrain(shards, tmp_path / "run", small_run())
    monkeypatch.undo()
    monkeypatch.setattr(interrupt, "AGAIN", 0.0)
    again = tmp_path / "again"
    signal_during_save(monkeypatch, 8, [signal.SIGTERM, signal.SIGTERM])
    with pytest.raises(TrainingInterrupted, match="at step 8"):  # nor ever by SIGTERM
        pretrain(shards, again, small_run())


def at_call(
    monkeypatch: pytest.MonkeyPatch, call: int, training: bool, act: Callable[[], object]
) -> list[int]:
    """Act in the n-th micro-batch of training, or of the evaluations; give the calls' list."""
    forward, calls = LossModule.forward, [0]

    def counted(self: LossModule, batch: Any, scale: float | None) -> Any:
        if (scale is not None) == training:
            calls[0] += 1
            if calls[0] == call:
                act()
        return forward(self, batch, scale)

    monkeypatch.setattr(LossModule, "forward", counted)
    return calls


MICRO_BATCHES = {"steps": 9, "batch": 8, "micro_batch": 1}
EVALUATED = {"micro_batch": 2, "evaluate_tokens": 300}


@pytest.fixture(scope="module")
def left_alone(
    shards: Path, small_run: Change, pretrain: Train, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[dict[str, int]], list[Any]]:
    """Give the result of a run that nobody asked to stop, trained once."""
    known: dict[str, list[Any]] = {}

    def of(options: dict[str, int]) -> list[Any]:
        key = str(options)
        if key not in known:
            run = tmp_path_factory.mktemp("alone") / "run"
            known[key] = result(pretrain(shards, run, small_run(**options)))
        return known[key]

    return of


@pytest.mark.parametrize("way", ["SIGTERM", "SIGUSR1", "SIGINT", "STOP"])
def test_a_step_of_many_micro_batches_is_given_up(
    way: str, shards: Path, small_run: Change, pretrain: Train, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, left_alone: Callable[[dict[str, int]], list[Any]],
) -> None:  # fmt: skip
    """Asked in micro-batch 3 of 8 of step 6: no other is begun, step 5 is saved, all goes on."""
    changes = small_run(**MICRO_BATCHES)
    run = tmp_path / "run"
    monkeypatch.setattr(interrupt, "LOOK", 0.0)

    def ask() -> None:
        if way == "STOP":
            (run / "STOP").touch()
        else:
            os.kill(os.getpid(), getattr(signal, way))

    calls = at_call(monkeypatch, 5 * 8 + 3, True, ask)
    with pytest.raises(TrainingInterrupted, match="at step 5; the same command goes on") as caught:
        pretrain(shards, run, changes)
    assert calls == [5 * 8 + 3] and steps(run) == [4, 5] and caught.value.code == 130
    if way == "STOP":
        with pytest.raises(TrainingInterrupted, match="STOP is there: remove it") as caught:
            pretrain(shards, run, changes)
        assert caught.value.code == 130 and calls == [5 * 8 + 3]
        (run / "STOP").unlink()
    monkeypatch.undo()
    pretrain(shards, run, changes)
    assert result(run) == left_alone(MICRO_BATCHES)


@pytest.mark.parametrize(("call", "step"), [(2, 0), (12, 4), (36, 12)])
def test_an_evaluation_is_given_up_and_made_again(
    call: int, step: int, shards: Path, small_run: Change, pretrain: Train, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, left_alone: Callable[[dict[str, int]], list[Any]],
) -> None:  # fmt: skip
    """At the start, in the middle and at the end: the metrics are those of a run left alone."""
    changes = small_run(**EVALUATED)
    run = tmp_path / "run"
    calls = at_call(monkeypatch, call, False, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(TrainingInterrupted, match=f"at step {step};"):
        pretrain(shards, run, changes)
    assert calls == [call] and steps(run)[-1:] == ([step] if step else [])
    assert not (run / "manifest.json").exists()
    monkeypatch.undo()
    pretrain(shards, run, changes)
    assert result(run) == left_alone(EVALUATED)
