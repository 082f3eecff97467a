"""Ranks: the same data and the same losses as alone, with DDP and FSDP2, and on another number."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

Pretrain = Callable[..., Path]
Change = Callable[..., list[str]]


def ranks(
    count: int, shards: Path, run: Path, changes: list[str], code: int = 0, timeout: float = 240
) -> str:
    """Train under torchrun with gloo; give what was said."""
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--no-python",
        f"--nproc-per-node={count}",
        sys.executable, "-m", "mind_train", "pretrain", str(shards), "-o", str(run), "-q",
        "--recipe", "tiny-cpu",
    ]  # fmt: skip
    for change in ["model={}", "seed=7", *changes]:
        command += ["--set", change]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert (done.returncode == 0) == (code == 0), done.stderr[-3000:]
    return done.stderr


def metrics(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def assert_same_losses(one: Path, other: Path) -> None:
    mine, theirs = metrics(one), metrics(other)
    assert len(mine) == len(theirs) > 8
    for a, b in zip(mine, theirs, strict=True):
        assert a["step"] == b["step"] and a.get("tokens") == b.get("tokens")
        if "loss" in a:
            assert a["loss"] == pytest.approx(b["loss"], rel=1e-6)
            assert a["grad_norm"] == pytest.approx(b["grad_norm"], rel=1e-5)
        for group, score in a.get("validation", {}).items():
            other_score = b["validation"][group]
            assert score["tokens"] == other_score["tokens"]
            for key in ("nats_per_token", "bits_per_byte"):
                assert score[key] == pytest.approx(other_score[key], rel=1e-6)


@pytest.mark.parametrize(
    ("architecture", "count", "mode"),
    [("mindllm", 2, "ddp"), ("gpt-neo", 4, "fsdp")],
)
def test_ranks_give_the_losses_of_one(
    architecture: str,
    count: int,
    mode: str,
    shards: Path,
    small_run: Change,
    pretrain: Pretrain,
    tmp_path: Path,
) -> None:
    """8 steps with two micro-batches a rank; checkpoints are whole whatever wrote them."""
    changes = small_run(
        architecture, steps=8, batch=8, micro_batch=1, evaluate_every=4, parallel=f"'{mode}'"
    )
    alone = pretrain(shards, tmp_path / "alone", changes)
    ranks(count, shards, tmp_path / "many", changes)
    assert_same_losses(alone, tmp_path / "many")
    last = "checkpoints/step-00000008"
    for file in ("model.safetensors", "optimizer.safetensors"):
        one, many = load_file(alone / last / file), load_file(tmp_path / "many" / last / file)
        assert one.keys() == many.keys()
        assert all(one[name].shape == many[name].shape for name in one)
    assert (tmp_path / "many" / "manifest.json").exists()


def test_a_run_goes_on_on_another_number_of_ranks(
    shards: Path, small_run: Change, pretrain: Pretrain, tmp_path: Path
) -> None:
    """Four steps alone, four on two ranks with FSDP, four alone again: one course."""
    changes = small_run(steps=12, batch=4, keep=0)
    whole = pretrain(shards, tmp_path / "whole", changes)
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    forget(run, 4)
    ranks(2, shards, run, [*changes, "train.parallel='fsdp'"])
    assert (run / "manifest.json").exists()
    forget(run, 8)
    pretrain(shards, run, changes)
    assert_same_losses(whole, run)


def forget(run: Path, step: int) -> None:
    """Take a run back to a step."""
    (run / "manifest.json").unlink()
    for folder in (run / "checkpoints").iterdir():
        if int(folder.name[-8:]) > step:
            shutil.rmtree(folder)


def test_a_batch_that_ranks_do_not_divide_is_refused(
    shards: Path, small_run: Change, tmp_path: Path
) -> None:
    message = ranks(2, shards, tmp_path / "run", small_run(batch=3), code=1)
    assert "train.batch 3 is not divided by 2 ranks" in message and "hint:" in message
    assert not (tmp_path / "run").exists()
