"""What is given up goes in the right order, and what a kill left goes too."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from mind_core import MindError
from mind_core.files import PARTIAL, write_manifest
from mind_train.checkpoint import keep_newest, verify, write_checkpoint
from mind_train.metrics import Metrics
from mind_train.rewinding import MAX_REWINDS, RewindAsked, decide, rewinds_of


def checkpoint(run: Path, step: int) -> Path:
    folder = run / "checkpoints" / f"step-{step:08d}"
    folder.mkdir(parents=True)
    (folder / "trainer.json").write_text(json.dumps({"rewinds": 0}))
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_text("{}")
    return folder


def steps_of(run: Path) -> list[int]:
    return [int(path.name[5:]) for path in sorted((run / "checkpoints").glob("step-*"))]


def test_what_a_killed_save_left_is_removed_with_the_old_and_every_nth_stays(
    tmp_path: Path,
) -> None:
    for step in (2, 4, 6, 8, 9):
        write_manifest(checkpoint(tmp_path, step), {"format": "x"})
    half = tmp_path / "checkpoints" / f".step-00000010.1.ab{PARTIAL}"
    half.mkdir()
    (half / "model.safetensors").write_text("half")
    keep_newest(tmp_path, 0)
    assert not half.exists() and steps_of(tmp_path) == [2, 4, 6, 8, 9]
    keep_newest(tmp_path, 1, every=4)
    assert steps_of(tmp_path) == [4, 8, 9]


def test_a_rewind_is_noted_before_the_manifest_goes_and_that_before_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mind_train.rewinding.newest_of_course", lambda run, _: kept)
    kept, *given_up = [checkpoint(tmp_path, step) for step in (4, 8, 12)]
    for folder in (kept, *given_up):
        write_manifest(folder, {"format": "x"})
    events: list[tuple[str, str]] = []

    def note(name: str) -> None:
        call = getattr(os, name)

        def noted(first: Any, *more: Any, **options: Any) -> Any:
            is_open = isinstance(first, int)
            path = Path(f"/proc/self/fd/{first}").readlink() if is_open else Path(first)
            events.append((name, path.name))
            return call(first, *more, **options)

        monkeypatch.setattr(os, name, noted)

    for name in ("fsync", "unlink", "rmdir"):
        note(name)
    decide(tmp_path, RewindAsked(13, "a spike"), 6)
    assert steps_of(tmp_path) == [4]
    assert [(one.at, one.to, one.first, one.last) for one in rewinds_of(tmp_path)] == [
        (13, 4, 8, 13)
    ]
    for folder in given_up:
        at = [n for n, event in enumerate(events) if event == ("fsync", folder.name)]
        gone = [n for n, (name, _) in enumerate(events) if name == "rmdir"]
        assert at and events[at[0] - 1] == ("unlink", "manifest.json")
        assert ("unlink", "model.safetensors") in events[at[0] :] and gone
    first = events.index(("unlink", "manifest.json"))
    assert any(name == "fsync" for name, _ in events[:first]), "the decision must last before"


def test_rows_are_passed_over_from_the_checkpoint_on_and_twenty_times_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = checkpoint(tmp_path, 4)
    monkeypatch.setattr("mind_train.rewinding.newest_of_course", lambda run, _: kept)
    for turn in range(MAX_REWINDS):
        decide(tmp_path, RewindAsked(13, "a spike"), 20)
        assert len(rewinds_of(tmp_path)) == turn + 1
    assert rewinds_of(tmp_path)[-1].steps() == range(5, 14)
    with pytest.raises(MindError, match=r"after 20 rewinds"):
        decide(tmp_path, RewindAsked(13, "a spike"), 20)
    assert kept.exists() and len(rewinds_of(tmp_path)) == MAX_REWINDS


def test_what_lies_in_the_place_of_a_checkpoint_gives_way_to_it(tmp_path: Path) -> None:
    @dataclass
    class Config:
        width: int = 2

    tokenizer = tmp_path / "tokenizer"
    tokenizer.mkdir()
    (tokenizer / "tokenizer.json").write_text("{}")
    damaged = checkpoint(tmp_path, 4)
    weights = {"weight": torch.ones(2, 3)}
    write_checkpoint(tmp_path, 4, "mine", Config(), weights, {}, {"rewinds": 0}, tokenizer)  # type: ignore[arg-type]
    found = verify(damaged)
    assert (found["step"], found["version"], found["parameters"]) == (4, 1, 6)


def test_lines_of_metrics_are_on_the_disk_when_they_are_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    path = tmp_path / "metrics.jsonl"
    with Metrics(path) as metrics:
        metrics.write({"step": 1})
        assert synced == []
        metrics.sync()
        assert synced == [path.stat().st_ino]


def test_a_line_of_metrics_is_seen_at_once_or_not_written(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with Metrics(path) as metrics:
        metrics.write({"step": 1, "loss": 2.0})
        assert json.loads(path.read_text()) == {"step": 1, "loss": 2.0}
        with pytest.raises(MindError, match="step 2: loss is nan"):
            metrics.write({"step": 2, "loss": float("nan")})
    assert path.read_bytes().count(b"\n") == 1
