"""The numbers of metrics and manifests are what they are said to be, not only there."""

from __future__ import annotations

import itertools
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mind_core.testing import check_architecture, check_schedule
from mind_train import trainer
from mind_train.components import load_plugins
from mind_train.config import effective_recipe
from mind_train.device import DeviceConfig
from mind_train.flops import flops
from mind_train.jobs import prepare_pretrain
from mind_train.loss import token_losses
from mind_train.metrics import read_metrics
from mind_train.spike_detector import SpikeDetector

Change = Callable[..., list[str]]
Train = Callable[..., Path]
ROW = 4 * 32  # tokens of a step: rows × row length


def metrics(run: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Give the lines of steps, and those of evaluations."""
    lines = list(read_metrics(run / "metrics.jsonl"))
    return [x for x in lines if "loss" in x], [x for x in lines if "validation" in x]


def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a quarter of a second pass between two looks at the clock."""
    ticks = itertools.count()
    monkeypatch.setattr(trainer.time, "monotonic", lambda: next(ticks) / 4)


def test_figures_of_steps(
    shards: Path, small_run: Change, pretrain: Train, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    clock(monkeypatch)
    monkeypatch.setattr(DeviceConfig, "peak", lambda self: 1e9)
    run = pretrain(shards, tmp_path / "run", small_run())
    recipe = effective_recipe("tiny-cpu", ["model={}", "seed=7", *small_run()], None)
    job = prepare_pretrain(recipe, load_plugins(), shards)
    torch.manual_seed(7)
    model = job.config.build()
    per_token = flops(model, 32).full
    steps, _ = metrics(run)
    for line in steps:
        step = line["step"]
        assert line["tokens"] == step * ROW
        assert line["lr"] == pytest.approx(1e-3 * job.settings.schedule(step, 12))
        assert line["seconds"] == pytest.approx(0.25 * step)
        assert line["tokens_per_second"] == pytest.approx(ROW / 0.25)
        assert line["mfu"] == pytest.approx(ROW / 0.25 * per_token / 1e9, abs=1e-4)
    ids = torch.stack([torch.from_numpy(row.ids) for row in job.mixture.rows(0)])
    assert steps[0]["loss"] == pytest.approx(float(token_losses(model, ids).mean()), rel=1e-5)
    hidden = model(ids[:, :-1])
    scores = model.logits(hidden).flatten(0, 1)
    torch.nn.functional.cross_entropy(scores, ids[:, 1:].flatten()).backward()
    norm = math.sqrt(sum(float(p.grad.square().sum()) for p in model.parameters()))  # type: ignore[union-attr]
    assert steps[0]["grad_norm"] == pytest.approx(norm, rel=1e-4)


def test_figures_add_up_after_a_resume(
    shards: Path, small_run: Change, pretrain: Train, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Seconds and tokens too: with a clock that ticks evenly all lines are the same."""
    clock(monkeypatch)
    whole = pretrain(shards, tmp_path / "whole", small_run(keep=0))
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    (run / "manifest.json").unlink()
    for step in (8, 12):
        shutil.rmtree(run / "checkpoints" / f"step-{step:08d}")
    clock(monkeypatch)
    pretrain(shards, run, small_run(keep=0))
    assert (run / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
    assert metrics(run)[0][-1]["seconds"] == pytest.approx(3.0)


def test_figures_of_evaluations_and_of_the_manifest(trained: Path) -> None:
    steps, tests = metrics(trained)
    assert [line["step"] for line in tests] == [0, 4, 8, 12]
    for line in tests:
        for table in ("validation", "languages"):
            groups = line[table].values()
            for key in ("tokens", "bytes"):
                assert line["all"][key] == sum(group[key] for group in groups) > 0
            mean = sum(g["nats_per_token"] * g["tokens"] for g in groups) / line["all"]["tokens"]
            assert line["all"]["nats_per_token"] == pytest.approx(mean)
            bits = sum(g["bits_per_byte"] * g["bytes"] for g in groups) / line["all"]["bytes"]
            assert line["all"]["bits_per_byte"] == pytest.approx(bits)
        assert line["languages"] == {
            name.partition("/")[2]: score for name, score in line["validation"].items()
        }
    manifest = json.loads((trained / "manifest.json").read_text())
    assert manifest["steps"] == 12 and manifest["tokens"] == 12 * ROW == steps[-1]["tokens"]
    assert manifest["held_out"] == tests[-1]["all"] and manifest["skipped"] == 0
    given = manifest["data"]["all"]
    assert given["rows"] == 48 and given["share"] == 1.0 and 0 < given["epochs"] < 1
    kept = json.loads((trained / "checkpoints" / "step-00000012" / "trainer.json").read_text())
    counters = kept["counters"]
    assert (counters["step"], counters["tokens"], counters["skipped"]) == (12, 12 * ROW, 0)
    assert counters["seconds"] == pytest.approx(steps[-1]["seconds"], abs=1e-3)


def test_a_flat_course_has_no_spikes() -> None:
    """The deviation counts as at least 0.001: else the last digit of a loss would be a leap."""
    guard = SpikeDetector(6.0, [3.0] * 20)
    assert not guard.is_spike(3.0059) and guard.is_spike(3.0061)
    assert not SpikeDetector(6.0, [3.0] * 15).is_spike(9.0)  # too few to say what is usual
    assert SpikeDetector(6.0, [3.0] * 16).is_spike(9.0)
    wide = SpikeDetector(2.0, [2.0, 4.0] * 10)  # mean 3, deviation 1
    assert not wide.is_spike(4.99) and wide.is_spike(5.01) and not wide.is_spike(-9.0)


@pytest.mark.parametrize("name", list(load_plugins().components("register_schedules")))
def test_every_schedule_passes_the_check_for_plugins(name: str) -> None:
    kind = load_plugins().components("register_schedules")[name].factory()
    for options in ({}, {"warmup": 10.0}, {"warmup": 0.3, "floor": 0.5}):
        for steps in (2, 7, 100):
            check_schedule(kind, steps, **options)


@pytest.mark.parametrize("name", list(load_plugins().components("register_architectures")))
@pytest.mark.parametrize("length", [12, 40])
def test_every_architecture_passes_the_check_for_plugins(name: str, length: int) -> None:
    kind = load_plugins().components("register_architectures")[name].factory()
    sizes: dict[str, Any] = {"vocab": 97, "context": 40}
    if name == "huggingface":
        transformers = pytest.importorskip("transformers")
        config = transformers.GPT2Config(
            vocab_size=97, n_embd=32, n_layer=2, n_head=2, n_positions=40,
            resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        )  # fmt: skip
        sizes["described"] = config.to_json_string(use_diff=False)
    else:
        sizes |= {"dim": 32, "layers": 3, "heads": 2, "ffn_dim": 48}
    check_architecture(kind, length=length, **sizes)
