"""A run that was stopped and taken up again is, bit for bit, the run that never stopped."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from forked import in_fork, signal_at_call

from mind_core import MindError, cli
from mind_core.testing import run_tool
from mind_train import checkpoint
from mind_train.checkpoint import load_checkpoint
from mind_train.cli import app
from mind_train.metrics import Metrics, read_metrics
from mind_train.trainer import Trainer

CLOCK = {"seconds", "tokens_per_second"}


def lines(run: Path) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in line.items() if key not in CLOCK}
        for line in read_metrics(run / "metrics.jsonl")
    ]


def weights(run: Path, step: int) -> bytes:
    folder = run / "checkpoints" / f"step-{step:08d}"
    return b"".join(
        (folder / n).read_bytes() for n in ("model.safetensors", "optimizer.safetensors")
    )


def stop_after(run: Path, step: int) -> None:
    """Make a finished run look as if it had been killed in the middle of writing a later line."""
    (run / "manifest.json").unlink()
    for folder in (run / "checkpoints").iterdir():
        if int(folder.name.removeprefix("step-")) > step:
            shutil.rmtree(folder)
    with (run / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step": 13, "lo')


def pairwise(*ways: Sequence[object]) -> list[Any]:
    """Give all combinations, of which every second is long: the rest hold each pair of ways."""
    found = []
    for places in itertools.product(*(range(len(way)) for way in ways)):
        chosen = [way[place] for way, place in zip(ways, places, strict=True)]
        found.append(pytest.param(*chosen, marks=[pytest.mark.long] if sum(places) % 2 else []))
    return found


@pytest.mark.parametrize(
    ("optimizer", "masked", "architecture"),
    pairwise(["adamw", "muon"], [False, True], ["mindllm", "gpt-neo"]),
)
def test_resume_equals_no_interruption(
    architecture: str,
    optimizer: str,
    masked: bool,
    shards: Path,
    small_run: Callable[..., list[str]],
    pretrain: Callable[..., Path],
    tmp_path: Path,
) -> None:
    changes = small_run(
        architecture, keep=0, micro_batch=2, document_mask=str(masked).lower(), steps=10
    )
    changes.append(f"optimizer.name='{optimizer}'")
    whole = pretrain(shards, tmp_path / "whole", changes)
    for step in (4, 8):
        stopped = tmp_path / f"stopped-{step}"
        shutil.copytree(whole, stopped)
        stop_after(stopped, step)
        pretrain(shards, stopped, changes)
        assert lines(stopped) == lines(whole)
        assert weights(stopped, 10) == weights(whole, 10)
        assert [line["step"] for line in lines(whole) if "loss" in line] == list(range(1, 11))


def test_two_runs_are_equal_and_another_seed_is_not(
    shards: Path, small_run: Callable[..., list[str]], pretrain: Callable[..., Path], tmp_path: Path
) -> None:
    runs = [pretrain(shards, tmp_path / name, small_run(steps=4)) for name in "ab"]
    assert lines(runs[0]) == lines(runs[1])
    assert weights(runs[0], 4) == weights(runs[1], 4)
    other = pretrain(shards, tmp_path / "c", [*small_run(steps=4), "seed=8"])
    assert lines(other) != lines(runs[0])


def test_kill_9_while_training(
    shards: Path, small_run: Callable[..., list[str]], pretrain: Callable[..., Path], tmp_path: Path
) -> None:
    """The process dies between two saves; the same command goes on to the same result."""
    changes = small_run(steps=40, save_every=5, evaluate_every=20)
    whole = pretrain(shards, tmp_path / "whole", changes)
    run = tmp_path / "killed"
    arguments = ["pretrain", str(shards), "-o", str(run), "-q"]
    arguments += [f"--set={change}" for change in ["model={}", *changes, "seed=7"]]

    def killed() -> None:
        signal_at_call(Metrics, "write", 8, signal.SIGKILL)
        cli.run(app, "mind-train", arguments)

    code, said = in_fork(tmp_path / "said.txt", killed)
    assert code == -signal.SIGKILL, said
    done = run_tool("mind-train", arguments)
    assert done.code == 0, done.stderr
    assert lines(run) == lines(whole)
    assert weights(run, 40) == weights(whole, 40)


def die_at(call: int, owner: Any, names: Sequence[str], work: Callable[[], object]) -> None:
    """Do work in a forked process that kills itself after the n-th call of some functions."""
    if (child := os.fork()) == 0:
        calls = iter(range(1, 1000))

        def deadly(function: Callable[..., Any]) -> Callable[..., Any]:
            def wrapped(*arguments: Any, **options: Any) -> Any:
                result = function(*arguments, **options)
                if next(calls) == call:
                    os.kill(os.getpid(), signal.SIGKILL)
                return result

            return wrapped

        for name in names:
            setattr(owner, name, deadly(getattr(owner, name)))
        try:
            work()
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def die_in_save(call: int, work: Callable[[], object]) -> None:
    """Die at the n-th write of the saves to come."""
    writes = ("write_tensors", "write_json", "write_manifest", "sha256_file")
    die_at(call, checkpoint, writes, work)


@pytest.mark.parametrize(
    ("packing", "optimizer", "architecture"),
    pairwise(["rows", "documents", "chat"], ["adamw", "muon"], ["mindllm", "gpt-neo"]),
)
def test_kill_9_at_steps_and_in_a_save(
    architecture: str,
    optimizer: str,
    packing: str,
    shards: Path,
    chat_shards: Path,
    small_run: Callable[..., list[str]],
    pretrain: Callable[..., Path],
    sft: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """The same command again and again, until it gets through: the lines of a run left alone.

    It dies before the first save, between a step and its line, after a line, and twice in a save.
    """
    mask = str(packing != "rows").lower()
    changes = [*small_run(architecture, document_mask=mask), f"optimizer.name='{optimizer}'"]
    parent = pretrain(shards, tmp_path / "parent", small_run(architecture, steps=1))

    def work(run: str) -> Path:
        if packing == "chat":
            return sft(chat_shards, parent, tmp_path / run, changes)
        return pretrain(shards, tmp_path / run, changes)

    whole = work("whole")
    for call, owner, name in (
        (2, Trainer, "step"), (6, Trainer, "clip"), (3, Metrics, "write"), (7, Trainer, "step"),
    ):  # fmt: skip
        die_at(call, owner, [name], lambda: work("killed"))
    for call in (2, 5):
        writes = ("write_tensors", "write_json", "write_manifest")
        die_at(call, checkpoint, writes, lambda: work("killed"))
    killed = work("killed")
    assert lines(killed) == lines(whole)
    assert weights(killed, 12) == weights(whole, 12)


@pytest.mark.parametrize("architecture", ["mindllm", "gpt-neo"])
def test_kill_9_during_a_save(
    architecture: str,
    shards: Path,
    small_run: Callable[..., list[str]],
    pretrain: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """At each write of a save in turn, up to the manifest: the last whole one stays usable."""
    changes = small_run(architecture)
    whole = pretrain(shards, tmp_path / "whole", changes)
    run = tmp_path / "run"
    for call in (1, 2, 4, 9, 10, 13, 22):
        die_in_save(call, lambda: pretrain(shards, run, changes))
        for folder in (run / "checkpoints").glob("step-*"):
            load_checkpoint(folder)  # what has its name is whole
    pretrain(shards, run, changes)
    assert lines(run) == lines(whole)
    assert weights(run, 12) == weights(whole, 12)


def test_a_damaged_checkpoint_is_made_again(
    shards: Path, small_run: Callable[..., list[str]], pretrain: Callable[..., Path], tmp_path: Path
) -> None:
    changes = small_run(keep=0)
    whole = pretrain(shards, tmp_path / "whole", changes)
    broken = tmp_path / "broken"
    shutil.copytree(whole, broken)
    (broken / "manifest.json").unlink()
    (broken / "checkpoints" / "step-00000012" / "model.safetensors").write_bytes(b"half")
    pretrain(shards, broken, changes)
    assert lines(broken) == lines(whole)
    assert weights(broken, 12) == weights(whole, 12)


def test_a_failing_save_leaves_the_last_good_one(
    shards: Path,
    small_run: Callable[..., list[str]],
    pretrain: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The disk fills up during the second save."""
    import errno

    write = checkpoint.write_json
    seen = []

    def full(path: Path, value: Any) -> None:
        seen.append(path)
        if len(seen) > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, value)

    monkeypatch.setattr(checkpoint, "write_json", full)
    with pytest.raises(MindError, match="cannot write") as caught:
        pretrain(shards, tmp_path / "run", small_run())
    assert "disk is full" in str(caught.value.hint)
    monkeypatch.undo()
    assert [p.name for p in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-00000004"]
    pretrain(shards, tmp_path / "run", small_run())
    whole = pretrain(shards, tmp_path / "whole", small_run())
    assert weights(tmp_path / "run", 12) == weights(whole, 12)


def test_a_finished_run_is_left_alone(
    trained: Path,
    shards: Path,
    small_run: Callable[..., list[str]],
    pretrain: Callable[..., Path],
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = {p: p.stat().st_mtime_ns for p in trained.rglob("*")}
    pretrain(shards, trained, small_run())
    assert "is complete" in capfd.readouterr().err
    assert before == {p: p.stat().st_mtime_ns for p in trained.rglob("*")}
    manifest = json.loads((trained / "manifest.json").read_text())
    assert manifest["checkpoint"] == "checkpoints/step-00000012"


def test_a_kill_before_the_manifest_changes_nothing(
    shards: Path, small_run: Callable[..., list[str]], pretrain: Callable[..., Path], tmp_path: Path
) -> None:
    run = pretrain(shards, tmp_path / "run", small_run(steps=4))
    manifest = (run / "manifest.json").read_bytes()
    assert json.loads(manifest)["held_out"]["nats_per_token"] > 0
    (run / "manifest.json").unlink()
    pretrain(shards, run, small_run(steps=4))
    assert (run / "manifest.json").read_bytes() == manifest
