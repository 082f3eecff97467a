"""Runs that go on from others, branch, change their rates, pass over rows and go back."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from mind_core import cli
from mind_core.errors import MindError
from mind_core.testing import ToolResult
from mind_train import rewinding, trainer
from mind_train.cli import app
from mind_train.components import load_plugins
from mind_train.config import effective_recipe, settings
from mind_train.continuing import continued_phases
from mind_train.metrics import read_metrics
from mind_train.mixture import Phase
from mind_train.rates import Rates
from mind_train.trainer import Trainer

Change = Callable[..., list[str]]
Call = Callable[..., ToolResult]
CLOCK = {"seconds", "tokens_per_second"}
BOTH = "data.shares={en=0.5,zh=0.5}"


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    """Run the tool in this process."""

    def run(*arguments: str | Path, sets: list[str] | None = None) -> ToolResult:
        words = [*map(str, arguments), *(f"--set={change}" for change in sets or [])]
        with pytest.raises(SystemExit) as ended:
            cli.run(app, "mind-train", words)
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ToolResult(ended.value.code, out.encode(), err)

    return run


def whole(small_run: Change, *more: str, **train: object) -> list[str]:
    changes = [c for c in small_run(**train) if not c.startswith("schedule")]
    return ["model={}", "seed=7", *changes, *more]


WSD = "schedule={name='wsd', warmup=2, decay=%s}"


def lines(run: Path, after: int = 0) -> list[dict[str, Any]]:
    return [
        {k: v for k, v in line.items() if k not in CLOCK}
        for line in read_metrics(run / "metrics.jsonl")
        if line["step"] > after
    ]


def weights(run: Path, step: int) -> bytes:
    folder = run / "checkpoints" / f"step-{step:08d}"
    return b"".join((folder / f"{n}.safetensors").read_bytes() for n in ("model", "optimizer"))


def manifest(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "manifest.json").read_text())
    return found


@pytest.mark.parametrize(("optimizer", "table"), [("adamw", BOTH), ("muon", "data.max_epochs=4")])
def test_trunk_and_branch_are_the_run_that_was_never_cut(
    optimizer: str, table: str, call: Call, shards: Path, small_run: Change, tmp_path: Path
) -> None:
    """Two branches of one trunk, each to the bit: weights, optimizer, metrics, data."""
    more = [f"optimizer.name='{optimizer}'", table]
    trunk = whole(small_run, WSD % 0.1, *more, steps=16, keep=1, keep_every=8)
    assert call("pretrain", shards, "-o", tmp_path / "trunk", sets=trunk).code == 0
    for step, decay, total in ((8, 0.2, 10), (8, 0.5, 16)):
        branch, alone = tmp_path / f"b{total}", tmp_path / f"a{total}"
        source = f"{tmp_path / 'trunk'}@{step}"
        done = call("pretrain", shards, "-o", branch, "--branch", source, "--decay", str(decay))
        assert done.code == 0, done.stderr
        uncut = whole(small_run, WSD % decay, *more, steps=total, keep=1, keep_every=8)
        call("pretrain", shards, "-o", alone, sets=uncut)
        assert weights(branch, total) == weights(alone, total)
        assert lines(branch, step) == lines(alone, step)
        assert manifest(branch)["data"] == manifest(alone)["data"]
        assert lines(branch)[0]["step"] == step
        kept = manifest(branch)["inputs"]["continued"]
        assert kept["step"] == step and kept["changes"]["schedule.decay"] == [0.1, decay]


def test_english_then_both_in_two_runs_is_the_curriculum_in_one(
    call: Call, shards: Path, small_run: Change, tmp_path: Path
) -> None:
    """Every source goes on where it was: nothing of the English is read again before its end.

    The second run is also killed before its first save, and goes on when the first is gone.
    """
    phases = "phase=[{steps=6, shares={en=1}}, {steps=8, shares={en=0.5,zh=0.5}}]"
    table = [c for c in whole(small_run, phases, "schedule.name='constant'") if "steps" not in c]
    alone = tmp_path / "alone"
    changes = [*table, phases, "train.steps=0"]
    assert call("pretrain", shards, "-o", alone, sets=changes).code == 0
    first, second = tmp_path / "first", tmp_path / "second"
    english = whole(small_run, "schedule.name='constant'", "data.shares={en=1}", steps=6)
    assert call("pretrain", shards, "-o", first, sets=english).code == 0
    order = ["pretrain", shards, "-o", second, "--continue", f"{first}@6"]
    changes = ["train.steps=14", BOTH]
    if (child := os.fork()) == 0:
        import mind_train.pipeline as pipeline

        pipeline.save_step = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore
        call(*order, sets=changes)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert (second / "recipe.toml").exists()
    assert call(*order, sets=changes).code == 0
    assert weights(second, 14) == weights(alone, 14)
    assert manifest(second)["data"] == manifest(alone)["data"]
    assert lines(second, 6) == lines(alone, 6)
    shutil.rmtree(first)
    shutil.rmtree(second / "checkpoints" / "step-00000014")
    (second / "manifest.json").unlink()
    assert call(*order, sets=changes).code == 0
    assert weights(second, 14) == weights(alone, 14)


def test_what_may_change_changes_and_is_noted(
    call: Call, shards: Path, small_run: Change, tmp_path: Path
) -> None:
    run, other = tmp_path / "run", tmp_path / "other"
    call("pretrain", shards, "-o", run, sets=whole(small_run, "schedule={name='constant'}"))
    changes = ["train.batch=6", "train.steps=15", "optimizer.lr=2e-4", "train.keep=0"]
    order = ["pretrain", shards, "-o", other, "--continue", run]
    done = call(*order, sets=changes)
    assert done.code == 0 and "goes on after step 12; optimizer.lr 0.001 → 0.0002" in done.stderr
    steps = [line for line in lines(other) if "loss" in line]
    assert [line["lr"] for line in steps] == pytest.approx([2e-4] * 3)
    assert [line["tokens"] for line in steps] == [(48 + 6 * n) * 32 for n in (1, 2, 3)]
    found = manifest(other)
    assert found["inputs"]["continued"]["changes"] == {
        "optimizer.lr": [1e-3, 2e-4], "train.batch": [4, 6], "train.steps": [12, 15],
        "train.keep": [2, 0],
    }  # fmt: skip
    assert found["data"]["all"]["rows"] == 48 + 18 and found["steps"] == 15
    assert "is complete" in call(*order, sets=changes).stderr
    (other / "manifest.json").unlink()
    shutil.rmtree(other / "checkpoints" / "step-00000015")
    before = lines(other)
    assert call(*order, sets=changes).code == 0  # from its own step 12
    assert lines(other) == before
    refused = call("pretrain", shards, "-o", other, sets=whole(small_run, steps=20))
    assert refused.code == 1 and "another recipe" in refused.stderr


def test_what_cannot_go_on_is_refused(
    call: Call, shards: Path, chat_shards: Path, small_run: Change, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    call("pretrain", shards, "-o", run, sets=whole(small_run, WSD % 0.5, steps=8, keep=0))
    shutil.copytree(shards, tmp_path / "others")
    text = (tmp_path / "others" / "manifest.json").read_text()
    (tmp_path / "others" / "manifest.json").write_text(text + " ")
    go_on = ["--continue", f"{run}@4"]
    for data, arguments, sets, word in (
        (shards, ["--continue", f"{run}@5"], [], "it has those of 4, 8"),
        (shards, ["--continue", tmp_path / "no"], [], "no run, nor a checkpoint"),
        (shards, go_on, ["seed=9"], "another seed"),
        (shards, go_on, ["optimizer={name='muon'}"], "another optimizer.name"),
        (shards, go_on, ["train.sequence=16"], "another train.sequence"),
        (shards, go_on, ["model.dim=64"], "the model comes with the run"),
        (shards, go_on, ["train.steps=4"], "is to end at step 4"),
        (shards, go_on, [BOTH], "the run read all, the recipe names en, zh"),
        (tmp_path / "others", go_on, [], "not what the run was trained on"),
        (shards, [*go_on, "--from", run], [], "exclude each other"),
        (shards, ["--branch", run], [], "names no step"),
        (shards, ["--branch", f"{run}@4", "--decay", "1"], [], "not in (0, 1)"),
        (shards, ["--branch", f"{run}@8"], [], "step 5 of the trunk had 0.75 of the peak rate"),
        (shards, ["--branch", f"{run}@4"], ["optimizer.lr=1"], "its trunk's optimizer"),
        (shards, go_on, ["phase=[{steps=3}]"], "is to end at step 3"),
        (shards, go_on, ["phase=[{steps=9, lr=-1}]"], "phase 1: lr is -1"),
        (shards, go_on, ["phase=[{steps=9, schedule={warmup=1}}]"], "its schedule has no name"),
        (shards, go_on, ["phase=[{steps=9, batch='x'}]"], "phase 1: batch is 'x'"),
    ):
        done = call("pretrain", data, "-o", tmp_path / "new", *arguments, sets=sets)
        assert done.code in (1, 2) and word in done.stderr and "hint:" in done.stderr, word
        assert not (tmp_path / "new").exists()


def test_history_and_new_phases() -> None:
    """A phase that goes on unchanged is one phase; anything else begins where it was cut."""
    history = [
        {"steps": 5, "order": "uniform", "batch": 4, "planned": 0, "weights": {"a": 10}},
        {"steps": 9, "order": "blocked", "batch": 4, "planned": 0, "weights": {"a": 5, "b": 5}},
    ]
    a, both = (10, 0), (5, 5)
    longer = [Phase(20, a, batch=4)]
    assert continued_phases(history, 3, longer, ["a", "b"]) == longer
    assert continued_phases(history, 3, [Phase(20, a, batch=8)], ["a", "b"]) == [
        Phase(3, a, batch=4, planned=5), Phase(17, a, batch=8),
    ]  # fmt: skip
    same = [Phase(5, a, batch=4), Phase(9, both, "blocked", 4)]
    done = Phase(5, a, batch=4, planned=5)
    assert continued_phases(history, 8, same, ["a", "b"]) == [done, same[1]]
    other = [Phase(5, a, batch=4), Phase(10, both, "blocked", 4)]
    assert continued_phases(history, 8, other, ["a", "b"]) == [
        done, Phase(3, both, "blocked", 4, 9), Phase(7, both, "blocked", 4),
    ]  # fmt: skip
    assert continued_phases(history, 5, same, ["a", "b"]) == [done, same[1]]


def test_the_papers_transfer_at_toy_size(
    call: Call, shards: Path, small_run: Change, tmp_path: Path
) -> None:
    """Rates and tokens of the shipped recipe, and a run with its shape: both stages."""
    recipe = effective_recipe("mindllm-1.3b-transfer", [], None)
    whole_recipe = settings(recipe, load_plugins())
    rates = Rates(whole_recipe, 207_000)
    peak = 5e-5
    for step, rate in (
        (1, 5e-5), (101_100, 5e-5), (101_100 + 2000, 2.5e-4), (101_100 + 4000, 5e-4),
        (101_100 + 4000 + 50_950, 2.75e-4), (207_000, 5e-5),
    ):  # fmt: skip
        assert rates(step) * peak == pytest.approx(rate), step
    tokens = sum(p.steps * (p.batch or 1536) * 1024 for p in whole_recipe.phases)
    assert tokens == pytest.approx(323.0e9, rel=1e-3)
    small = [c for c in whole(small_run) if not c.startswith(("train.steps", "train.batch"))]
    phases = (
        "phase=[{steps=10, shares={en=1}}, {steps=10, shares={en=0.5,zh=0.5}, batch=6, lr=5e-4,"
        " schedule={name='linear', warmup=4, floor=0.1}}]"
    )
    run = tmp_path / "run"
    changes = [*small, "train.batch=8", phases, "train.steps=0"]
    done = call(
        "pretrain", shards, "-o", run, "--recipe", "mindllm-1.3b-transfer", sets=changes
    )  # fmt: skip
    assert done.code == 0, done.stderr
    steps = [line for line in lines(run) if "loss" in line]
    assert [line["lr"] for line in steps[:10]] == pytest.approx([5e-5] * 10)
    assert [line["lr"] for line in steps[10:14]] == pytest.approx([1.25e-4, 2.5e-4, 3.75e-4, 5e-4])
    assert steps[-1]["lr"] == pytest.approx(5e-5)
    assert steps[-1]["tokens"] == (10 * 8 + 10 * 6) * 32
    assert manifest(run)["data"]["en"]["rows"] == 80 + 30
    assert manifest(run)["data"]["zh"]["rows"] == 30


def test_rows_are_passed_over(call: Call, shards: Path, small_run: Change, tmp_path: Path) -> None:
    run = tmp_path / "run"
    plain = whole(small_run, "schedule.name='constant'", keep=0)
    skips = [*plain, "skip=[{from=3,to=4},{from=9}]"]
    assert call("pretrain", shards, "-o", run, sets=skips).code == 0
    found = {line["step"]: line for line in lines(run) if "all" not in line}
    assert [n for n, line in found.items() if line.get("passed_over")] == [3, 4, 9]
    assert "loss" not in found[3] and found[4]["tokens"] == 2 * 128 == found[3]["tokens"]
    assert found[12]["tokens"] == 9 * 128 and manifest(run)["passed_over"] == 3
    (run / "manifest.json").unlink()
    for step in (8, 12):
        shutil.rmtree(run / "checkpoints" / f"step-{step:08d}")
    for sets, word in (
        ([*plain, "skip=[{from=2}]"], "[[skip]] is about step 2, and step 4 is done"),
        (plain, "[[skip]] is about step 3, and step 4 is done"),
        ([*plain, "skip=[{from=1,to=12}]"], "no step to train on"),
        ([*plain, "skip=[{from=13}]"], "begins at step 13, the run ends at step 12"),
        ([*plain, "skip=[{from=5,to=4}]"], "skip 1 is from 5 to 4"),
        ([*plain, "skip=[{form=5}]"], "no skip 1.form"),
    ):
        done = call("pretrain", shards, "-o", run, sets=sets)
        assert done.code in (1, 2) and word in done.stderr and "hint:" in done.stderr, done.stderr
    later = [*plain, "skip=[{from=3,to=4},{from=6,to=7}]"]  # what is to come may change
    assert call("pretrain", shards, "-o", run, sets=later).code == 0
    assert [x["step"] for x in lines(run) if x.get("passed_over")] == [3, 4, 6, 7]


def poisoned(monkeypatch: pytest.MonkeyPatch, rows: dict[int, float]) -> None:
    """Let the loss of some batches be what is said; by their rows, not by when they are read."""
    backward = Trainer.backward
    batches: dict[bytes, float] = {}

    def spoilt(self: Trainer, batch: Any) -> tuple[float, int]:
        if not batches:
            for step, value in rows.items():
                first = self.mixture.rows(step - 1)[0].ids
                batches[first.tobytes()] = value
        loss, inputs = backward(self, batch)
        return batches.get(batch.ids[0].numpy().tobytes(), loss), inputs

    monkeypatch.setattr(Trainer, "backward", spoilt)


NAN = float("nan")


def test_a_nan_stops_the_run_and_it_can_go_on_past_it(
    call: Call, shards: Path, small_run: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned(monkeypatch, {6: NAN})
    run = tmp_path / "run"
    changes = whole(small_run, "schedule.name='constant'")
    for _ in range(2):  # the same command meets the same rows
        done = call("pretrain", shards, "-o", run, sets=changes)
        assert done.code == 1 and "step 6: loss nan" in done.stderr
        assert "[[skip]] from = 6" in done.stderr and 'on_nan = "skip"' in done.stderr
    shutil.copytree(run, tmp_path / "other")
    assert call("pretrain", shards, "-o", run, sets=[*changes, "skip=[{from=6}]"]).code == 0
    assert [x["step"] for x in lines(run) if x.get("passed_over")] == [6]
    other = tmp_path / "other"
    assert call("pretrain", shards, "-o", other, sets=[*changes, "train.on_nan='skip'"]).code == 0
    (line,) = [x for x in lines(other) if x.get("skipped")]
    assert line["step"] == 6 and line["cause"].startswith("loss nan") and "loss" not in line
    assert manifest(other)["skipped"] == 1
    poisoned(monkeypatch, dict.fromkeys(range(1, 13), NAN))
    done = call("pretrain", shards, "-o", tmp_path / "all", sets=[*changes, "train.on_nan='skip'"])
    assert done.code == 1 and "step 8" in done.stderr and "in the 7 steps before" in done.stderr


@pytest.mark.parametrize("killed", [False, True])
def test_a_run_goes_back_and_past_what_spoilt_it(
    killed: bool, call: Call, shards: Path, small_run: Change, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Also if it is killed after the decision, before what is given up is removed."""
    poisoned(monkeypatch, {7: NAN, 11: 99.0})
    changes = whole(
        small_run, "schedule.name='constant'", steps=24, save_every=2, keep=0, spike_sigmas=6,
        on_nan="'rewind 3'",
    )  # fmt: skip
    run = tmp_path / "run"
    monkeypatch.setattr("mind_train.spike_detector.ENOUGH", 6)
    if killed:
        (child := os.fork()) or (
            monkeypatch.setattr(rewinding, "checkpoints", lambda run: os.kill(os.getpid(), 9)),
            call("pretrain", shards, "-o", run, sets=changes),
            os._exit(0),
        )
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        assert (run / "checkpoints" / "step-00000006").exists()
    done = call("pretrain", shards, "-o", run, sets=changes)
    assert done.code == 0, done.stderr
    found = {line["step"]: line for line in lines(run) if "all" not in line}
    assert list(found) == list(range(1, 25))
    assert [n for n, line in found.items() if line.get("passed_over")] == [5, 6, 7, 9, 10, 11]
    rewinds = manifest(run)["rewinds"]
    assert [(r["at"], r["to"], r["first"], r["last"]) for r in rewinds] == [
        (7, 4, 5, 7), (11, 8, 9, 11),
    ]  # fmt: skip
    assert "nan" in rewinds[0]["cause"] and "leapt to 99" in rewinds[1]["cause"]
    if not killed:
        assert "back to step 4" in done.stderr and "back to step 8" in done.stderr
    straight = tmp_path / "straight"  # the same course by [[skip]]
    skip = [c for c in changes if "on_nan" not in c] + ["skip=[{from=5,to=7},{from=9,to=11}]"]
    assert call("pretrain", shards, "-o", straight, sets=skip).code == 0
    assert weights(straight, 24) == weights(run, 24) and lines(straight) == lines(run)


def test_going_back_has_an_end(
    call: Call, shards: Path, small_run: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned(monkeypatch, {3: NAN})
    changes = whole(small_run, "schedule.name='constant'", on_nan="'rewind 2'")
    done = call("pretrain", shards, "-o", tmp_path / "run", sets=changes)
    assert done.code == 1 and "no checkpoint of step 1 or before" in done.stderr
    for word in ("rewind", "rewind 0", "later"):
        with pytest.raises(MindError, match="on_nan") as caught:
            settings(effective_recipe("tiny-cpu", [f"train.on_nan='{word}'"], None), load_plugins())
        assert caught.value.hint


def test_what_is_kept_and_saved_by_the_clock(
    call: Call, shards: Path, small_run: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def steps(run: Path) -> list[int]:
        return sorted(int(p.name[5:]) for p in (run / "checkpoints").iterdir())

    plain = "schedule.name='constant'"
    many = tmp_path / "many"
    changes = whole(small_run, plain, save_every=5, keep=1, keep_every=3)
    call("pretrain", shards, "-o", many, sets=changes)
    assert steps(many) == [3, 6, 9, 12]
    ticks = itertools.count()
    monkeypatch.setattr(trainer.time, "monotonic", lambda: next(ticks) * 60.0)
    clock = tmp_path / "clock"
    minutes = whole(small_run, plain, save_every=100, keep=0, save_minutes=25.0)
    call("pretrain", shards, "-o", clock, sets=minutes)
    assert 2 <= len(steps(clock)) <= 6 and steps(clock)[-1] == 12
    assert weights(clock, 12) == weights(many, 12)


def test_how_a_step_is_computed_may_change_on_the_way(
    call: Call, shards: Path, small_run: Change, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    changes = whole(small_run, "schedule.name='constant'", keep=0)
    call("pretrain", shards, "-o", run, sets=changes)
    before = lines(run)
    (run / "manifest.json").unlink()
    for step in (8, 12):
        shutil.rmtree(run / "checkpoints" / f"step-{step:08d}")
    free = ["micro_batch=1", "recompute=true", "save_every=6", "keep=1", "device='cpu'"]
    done = call("pretrain", shards, "-o", run, sets=[*changes, *(f"train.{c}" for c in free)])
    assert done.code == 0, done.stderr
    for a, b in zip(before, lines(run), strict=True):
        if "loss" in a:
            assert a["loss"] == pytest.approx(b["loss"], rel=1e-5)


def test_the_mean_of_checkpoints(
    call: Call, shards: Path, small_run: Change, tmp_path: Path
) -> None:
    run, mean = tmp_path / "run", tmp_path / "mean"
    call("pretrain", shards, "-o", run, sets=whole(small_run, "schedule.name='constant'", keep=0))
    assert call("average", run, "--last", "2", "-o", mean).code == 0
    folders = [run / "checkpoints" / f"step-{n:08d}" for n in (8, 12)]
    parts = [load_file(folder / "model.safetensors") for folder in folders]
    found = load_file(mean / "checkpoints" / "step-00000012" / "model.safetensors")
    assert found.keys() == parts[0].keys()
    for name, tensor in found.items():
        wanted = (parts[0][name].double() + parts[1][name].double()) / 2
        assert torch.equal(tensor, wanted.float()) and tensor.dtype == torch.float32
    assert call("average", *folders, "-o", tmp_path / "same").code == 0
    same = tmp_path / "same" / "checkpoints" / "step-00000012" / "model.safetensors"
    assert load_file(same).keys() == found.keys()
    assert call("sample", mean, "Still", "--max-new", "3").stdout.startswith(b"Still")
    on = whole(small_run, "schedule.name='constant'", steps=2)
    on = [c for c in on if not c.startswith("model")]
    assert call("pretrain", shards, "-o", tmp_path / "on", "--from", mean, sets=on).code == 0
    wider = whole(small_run, "model.dim=16", "schedule.name='constant'", steps=1)
    call("pretrain", shards, "-o", tmp_path / "wider", sets=wider)
    for arguments, word in (
        ([run, "--last", "9"], "has 3 checkpoints, --last asks for 9"),
        ([run, tmp_path / "wider"], "of another shape"),
        ([folders[0], folders[0]], "not two checkpoints"),
        ([run, "--last", "2", "-o", mean], "exists"),
    ):
        target = [] if "-o" in arguments else ["-o", tmp_path / "bad"]
        done = call("average", *arguments, *target)
        assert done.code in (1, 2) and word in done.stderr and "hint:" in done.stderr
    refused = call("pretrain", shards, "-o", tmp_path / "x", "--continue", mean)
    assert refused.code == 1 and "no run, nor a checkpoint" in refused.stderr
