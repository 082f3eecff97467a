"""Trackers show what metrics.jsonl holds, also of a run that was stopped; none can stop a run."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mind_core.errors import MindError, UsageError
from mind_core.plugins import Plugins
from mind_core.progress import Progress
from mind_train.components import load_plugins
from mind_train.config import effective_recipe
from mind_train.pipeline import prepare_pretrain, train
from mind_train.trackers import tracking
from mind_train.trackers.tracking import scalars

Change = Callable[..., list[str]]

FAULTY = """
import time
from mind_train import hookimpl

class Faulty:
    def __init__(self, where: str = "", end: bool = False) -> None:
        self.where, self.end = where, end
    def fail(self, where):
        if where == self.where:
            if where == "hang":
                time.sleep(30)
            raise SystemExit(3) if self.end else ValueError("no room")
    def start(self, run):
        self.fail("start")
    def log(self, line):
        self.fail("hang")
        if line["step"] == 2:
            self.fail("log")
    def finish(self):
        self.fail("finish")

@hookimpl
def register_trackers():
    return {"faulty": Faulty}
"""


def do(shards: Path, run: Path, changes: list[str], plugins: Plugins | None = None) -> Path:
    recipe = effective_recipe("tiny-cpu", ["model={}", "seed=7", *changes], seed=None)
    job = prepare_pretrain(recipe, plugins or load_plugins(), shards)
    train(job, run, Progress(None), quiet=True)
    return run


def lines_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def by_tag(lines: list[dict[str, Any]]) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for line in lines:
        for name, value in scalars(line):
            found.setdefault(name, {})[line["step"]] = value
    return found


def stopped_and_resumed(
    shards: Path, run: Path, changes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fail in step 7, after the checkpoint of step 4, and go on."""
    from mind_train.trainer import Trainer

    step = Trainer.step

    def failing(self: Trainer) -> dict[str, Any]:
        if self.counters.step == 6:
            raise RuntimeError("a GPU that vanished")
        return step(self)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", failing)
        with pytest.raises(RuntimeError):
            do(shards, run, changes)
    do(shards, run, changes)


def test_tensorboard_reads_each_step_once_after_a_stop(
    shards: Path, small_run: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = tmp_path / "run"
    changes = [*small_run(), 'tracker=[{name="tensorboard"}]']
    stopped_and_resumed(shards, run, changes, monkeypatch)
    read = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
    read.Reload()
    wanted = by_tag(lines_of(run))
    assert set(read.Tags()["scalars"]) == wanted.keys()
    for tag, values in wanted.items():
        events = read.Scalars(tag)
        assert [event.step for event in events] == sorted(values), tag
        for event in events:
            assert event.value == pytest.approx(values[event.step], rel=1e-6)


def test_trackio_holds_what_the_metrics_hold(
    shards: Path, small_run: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    pytest.importorskip("trackio")
    from trackio import sqlite_storage

    run = tmp_path / "sayings"
    changes = [*small_run(), 'tracker=[{name="trackio", project="mine"}]']
    stopped_and_resumed(shards, run, changes, monkeypatch)
    storage = sqlite_storage.SQLiteStorage
    assert storage.get_runs("mine") == ["sayings", "sayings from step 4"]
    config = storage.get_run_config("mine", "sayings")
    assert config["model"]["dim"] == 32 and config["versions"]["torch"]
    lines = lines_of(run)
    after = by_tag([line for line in lines if line["step"] > 4])
    found: dict[str, dict[int, float]] = {}
    for entry in storage.get_logs("mine", "sayings from step 4"):
        for name in entry.keys() & after.keys():
            found.setdefault(name, {})[entry["step"]] = entry[name]
    assert found == after
    first = storage.get_logs("mine", "sayings")
    assert sorted({entry["step"] for entry in first}) == [*range(7)]
    told = json.loads((run / "manifest.json").read_text())["trackers"]
    assert told == {"trackio": {"lines": 10, "tracked": 10}}  # 8 steps and 2 evaluations
    assert "trackio" in json.loads((run / "manifest.json").read_text())["components"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ('where="start"', "at step 0, ValueError: no room"),
        ('where="log"', "at step 2, ValueError: no room"),
        ('where="log", end=true', "SystemExit: 3 (a component may not end the program)"),
        ('where="finish"', "at step 12, ValueError: no room"),
        ('where="hang"', "it did not end within 0 s"),
    ],
)
def test_a_tracker_never_stops_a_run_and_is_named(
    options: str,
    words: str,
    shards: Path,
    small_run: Change,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(tracking, "PATIENCE", 0.2)
    plugin = tmp_path / "faulty.py"
    plugin.write_text(FAULTY)
    changes = [*small_run(), f'tracker=[{{name="faulty", {options}}}, {{name="tensorboard"}}]']
    run = do(shards, tmp_path / "run", changes, load_plugins([plugin]))
    said = capfd.readouterr().err
    assert said.count("warning: tracker 'faulty' failed") == 1 and words in said
    timed = ("seconds", "tokens_per_second")
    assert [{k: v for k, v in line.items() if k not in timed} for line in lines_of(run)] == [
        {k: v for k, v in line.items() if k not in timed} for line in lines_of(trained)
    ]
    told = json.loads((run / "manifest.json").read_text())["trackers"]
    assert words in told["faulty"]["failure"]
    assert told["tensorboard"] == {"lines": 16, "tracked": 16}  # one's fault is not another's


def test_a_slow_tracker_is_given_what_it_can_take_and_the_rest_is_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    class Slow:
        seen = 0

        def start(self, run: object) -> None: ...

        def log(self, line: Mapping[str, Any]) -> None:
            while not gate:
                time.sleep(0.001)
            self.seen += 1

        def finish(self) -> None: ...

    gate: list[bool] = []
    monkeypatch.setattr(tracking, "WAITING", 5)
    told = tracking.TrackedRun(tmp_path, "run", 0, {}, 0, {})
    slow = Slow()
    one = tracking.Tracking("slow", slow, told)
    for step in range(20):
        one.log({"step": step, "loss": 1.0})
    gate.append(True)
    one.finish()
    assert one.dropped >= 14 and one.done == slow.seen == 20 - one.dropped
    assert one.described() == {"lines": 20, "tracked": one.done}
    assert capfd.readouterr().err.count("some are left out") == 1


def test_what_is_wrong_with_a_tracker_is_said_before_the_run(
    shards: Path, small_run: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    with pytest.raises(UsageError, match="no tracker 'trackoi'") as unknown:
        do(shards, run, [*small_run(), 'tracker=[{name="trackoi"}]'])
    assert "trackio" in str(unknown.value.hint)
    with pytest.raises(UsageError, match=r"\[\[tracker\]\] table with a name"):
        do(shards, run, [*small_run(), "tracker=[{}]"])
    from importlib.util import find_spec

    monkeypatch.setattr(
        "mind_train.trackers.tracking.find_spec",
        lambda name: None if name == "trackio" else find_spec(name),
    )
    monkeypatch.setitem(sys.modules, "trackio", None)
    with pytest.raises(MindError, match="needs the package trackio") as missing:
        do(shards, run, [*small_run(), 'tracker=[{name="trackio"}]'])
    assert "pip install 'mind-train[trackio]'" in str(missing.value.hint)
    assert not run.exists()


def test_trackers_may_change_when_a_run_goes_on(
    shards: Path, small_run: Change, tmp_path: Path
) -> None:
    run = do(shards, tmp_path / "run", small_run())
    do(shards, run, [*small_run(), 'tracker=[{name="tensorboard"}]'])  # complete, not refused
