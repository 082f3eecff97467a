"""What outlasts a power cut: the order of the system calls that a run makes, recorded."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mind_train.checkpoint import keep_newest

Change = Callable[..., list[str]]
Train = Callable[..., Path]
Event = tuple[str, Path, Any]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """Record (call, path, more): files of a renamed folder, the target of a rename."""
    events: list[Event] = []

    def place(path: Any, dir_fd: int | None) -> Path:
        if isinstance(path, int):
            return Path(f"/proc/self/fd/{path}").readlink()
        above = Path.cwd() if dir_fd is None else Path(f"/proc/self/fd/{dir_fd}").readlink()
        return above / os.fsdecode(path)

    def record(name: str) -> None:
        call = getattr(os, name)

        def wrapped(path: Any, *more: Any, **options: Any) -> Any:
            where = place(path, options.get("dir_fd") or options.get("src_dir_fd"))
            extra: Any = None
            if name in ("replace", "rename"):
                inside = sorted(where.rglob("*")) if where.is_dir() else []
                extra = (Path(more[0]), inside)
            result = call(path, *more, **options)
            events.append((name, where, extra))
            return result

        monkeypatch.setattr(os, name, wrapped)

    for name in ("fsync", "replace", "rename", "unlink", "rmdir", "mkdir"):
        record(name)
    return events


def synced(events: list[Event], path: Path, since: int = 0) -> bool:
    return any(name == "fsync" and where == path for name, where, _ in events[since:])


def test_a_checkpoint_is_on_the_disk_before_it_has_its_name(
    recorded: list[Event], shards: Path, small_run: Change, pretrain: Train, tmp_path: Path
) -> None:
    """Each file, each folder in it, the metrics so far; then the name; then the folder above."""
    run = pretrain(shards, tmp_path / "a" / "run", small_run(keep=0))
    renames = [
        (at, where, *more)
        for at, (name, where, more) in enumerate(recorded)
        if name in ("replace", "rename") and more[1]
    ]
    assert [target.name for _, _, target, _ in renames] == [f"step-{n:08d}" for n in (4, 8, 12)]
    for at, partial, target, inside in renames:
        before = recorded[:at]
        assert len(inside) >= 8 and (partial / "tokenizer") in inside
        for path in (partial, *inside):
            if path.name != "manifest.json":  # renamed from its own partial name
                assert synced(before, path), path
        begun = next(i for i, (n, p, _) in enumerate(before) if n == "mkdir" and p == partial)
        assert not synced(before[:begun], partial)
        last = max(i for i, (n, p, m) in enumerate(before) if m and m[0].parent == partial)
        assert recorded[last][2][0].name == "manifest.json" and synced(before, partial, last)
        assert synced(before, run / "metrics.jsonl")
        after = recorded[at + 1]
        assert after[:2] == ("fsync", target.parent), "the new name must last before all else"
    for at, (name, where, _) in enumerate(recorded):
        if name == "mkdir" and tmp_path in where.parents and ".partial" not in str(where):
            soon = next(
                i for i in range(at, len(recorded)) if recorded[i][0] in ("replace", "rename")
            )
            assert synced(recorded[at:soon], where.parent), f"the name of {where} may be lost"


def test_every_whole_file_is_synced_then_renamed_then_its_folder_synced(
    recorded: list[Event], shards: Path, small_run: Change, pretrain: Train, tmp_path: Path
) -> None:
    run = pretrain(shards, tmp_path / "run", small_run(steps=2))
    files = [
        (at, where, more[0])
        for at, (name, where, more) in enumerate(recorded)
        if name in ("replace", "rename") and not more[1]
    ]
    names = {target.name for _, _, target in files}
    assert {"recipe.toml", "inputs.json", "manifest.json", "trainer.json"} <= names
    for at, partial, target in files:
        assert synced(recorded[:at], partial), target
        assert recorded[at + 1][:2] == ("fsync", target.parent), target
    assert files[-1][2] == run / "manifest.json"


def test_old_checkpoints_go_after_the_new_one_is_safe(
    recorded: list[Event], shards: Path, small_run: Change, pretrain: Train, tmp_path: Path
) -> None:
    run = pretrain(shards, tmp_path / "run", small_run(keep=1))
    folder = run / "checkpoints"
    for old, new in ((4, 8), (8, 12)):
        gone = folder / f"step-{old:08d}"
        removed = [
            at for at, (name, where, _) in enumerate(recorded)
            if name in ("unlink", "rmdir") and (where == gone or gone in where.parents)
        ]  # fmt: skip
        renamed = next(
            at for at, (name, _, more) in enumerate(recorded)
            if name in ("replace", "rename") and more[0] == folder / f"step-{new:08d}"
        )  # fmt: skip
        assert synced(recorded[renamed : removed[0]], folder)
        assert len(removed) >= 8
        first, second = removed[:2]
        assert recorded[first][1] == gone / "manifest.json"
        assert synced(recorded[first:second], gone), "a folder half removed is no checkpoint"


def test_the_manifest_goes_first_and_nothing_else_is_touched(
    recorded: list[Event], tmp_path: Path
) -> None:
    for step in (4, 8, 12):
        folder = tmp_path / "checkpoints" / f"step-{step:08d}"
        folder.mkdir(parents=True)
        for name in ("a.json", "manifest.json", "model.safetensors"):
            (folder / name).write_text(json.dumps(step))
    del recorded[:]
    keep_newest(tmp_path, 3)
    keep_newest(tmp_path, 0)
    assert not [event for event in recorded if event[0] == "unlink"]
    keep_newest(tmp_path, 2)
    removed = [where.name for name, where, _ in recorded if name == "unlink"]
    assert removed[0] == "manifest.json" and len(removed) == 3
    kept = {path.name for path in (tmp_path / "checkpoints").iterdir()}
    assert kept == {"step-00000008", "step-00000012"}
