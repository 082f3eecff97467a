"""The run folder: made by the first start, continued by every later one with the same command.

``run/recipe.toml`` and ``run/inputs.json`` say what the run is; a start with another recipe, other
shards or another parent is refused. ``run/manifest.json`` is written when the last step is done.
All of it is read and written under the lock on ``run/.lock``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mind_core import MindError
from mind_core.files import (
    MANIFEST,
    PARTIAL,
    atomic_file,
    check_folder,
    make_folder,
    read_json,
    write_json,
)
from mind_core.locks import open_lock, take_lock
from mind_core.recipe import Recipe
from mind_core.untrusted import as_written, check_stays_inside
from mind_core.whole_files import MAX_JSON_BYTES, read_whole
from mind_train.train_options import DataOptions, TrainOptions, defaults_of

RECIPE = "recipe.toml"
INPUTS = "inputs.json"
LOCK = ".lock"

# Keys that may differ between the start of a run and its continuation: the recipe's course does not
# depend on them. How rows are split or computed changes rounding alone; what is to happen with a
# nan, or which rows are passed over, is about steps to come (``skip`` is checked by the trainer).
FREE = {
    "train.save_every", "train.save_minutes", "train.save_async", "train.keep", "train.keep_every",
    "train.evaluate_every", "train.device", "train.parallel", "train.shard_ranks",
    "train.tensorboard",
    "train.micro_batch", "train.recompute", "train.cpu_kernels", "train.compile", "train.on_nan",
    "skip", "tracker",
}  # fmt: skip
LENGTH = {"train.steps", "train.epochs"}

OTHER = {
    "shards": "with other shards",
    "tokenizer": "with another tokenizer",
    "parent": "from another checkpoint",
    "continued": "from another step of a run",
}

Difference = tuple[str, Any, Any]


@contextmanager
def only_one(run: Path) -> Iterator[None]:
    """Make a run folder if there is none, and keep a second process out of it.

    Raises MindError if one is at work in it, if it is somebody's folder of other things, or if a
    link in it leads out of it.
    """
    _refuse_foreign(run)
    make_folder(run)
    # What a run writes and removes stays in its folder, whoever the folder is from.
    check_stays_inside(run)
    with open_lock(run / LOCK) as lock:
        if not take_lock(lock, run / LOCK):
            raise MindError(
                f"another process is training in {run}",
                hint="wait until it is done, or give another folder",
            )
        yield


def open_run(run: Path, recipe: Recipe, inputs: Mapping[str, Any]) -> bool:
    """Begin a run, or check that the folder holds this very run; tell whether it had begun.

    To be called under ``only_one``. Raises MindError when the folder holds something else.
    """
    if not check_run(run, recipe, inputs):
        # Inputs first: a folder with both files has begun, one with inputs alone was killed here.
        write_json(run / INPUTS, dict(inputs))
        with atomic_file(run / RECIPE) as file:  # the last one: with it, the run has begun
            file.write(recipe.to_toml().encode())
        return False
    return True


def check_run(run: Path, recipe: Recipe, inputs: Mapping[str, Any]) -> bool:
    """Check that a folder may hold this run, without writing; tell whether it has begun there."""
    if not _has_begun(run):
        _refuse_foreign(run)
        if not run.exists():
            check_folder(run)
        return False
    with as_written(run / INPUTS):
        known = dict(read_json(run / INPUTS))
    if known.get("command") != inputs.get("command"):
        raise MindError(
            f"{run} holds a run of `mind-train {known.get('command')}`", hint="give another folder"
        )
    before = read_recipe(run)
    # By way of TOML, so that a tuple is the array it was written as.
    now = _with_defaults(tomllib.loads(recipe.to_toml()))
    if found := differences(before, now):
        raise _another_recipe(run, found)
    for name in sorted(known.keys() | inputs.keys()):
        if known.get(name) != inputs.get(name):
            raise MindError(
                f"{run} was started {OTHER.get(name, f'with another {name}')}",
                hint="give the same ones to continue it, or another folder",
            )
    return True


def read_recipe(run: Path) -> dict[str, Any]:
    """Read a run's recipe; options that it does not know yet have their defaults.

    So a run that an earlier version has begun goes on with this one.
    """
    with as_written(run / RECIPE):
        return _with_defaults(
            tomllib.loads(read_whole(run / RECIPE, MAX_JSON_BYTES).decode("utf-8"))
        )


def _with_defaults(values: dict[str, Any]) -> dict[str, Any]:
    # Options that are newer than the run are taken for their defaults, which is what it did.
    for table, kind in (("train", TrainOptions), ("data", DataOptions)):
        values[table] = defaults_of(kind) | values.get(table, {})
    return values


def is_complete(run: Path) -> bool:
    """Tell whether the run's last step was done."""
    return (run / MANIFEST).exists()


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """List the keys in which two recipes differ and that matter, with both values."""
    return [found for found in all_differences(before, now) if found[0] not in FREE]


def all_differences(
    before: Mapping[str, Any], now: Mapping[str, Any], path: str = ""
) -> list[Difference]:
    """List the keys in which two recipes differ, with both values."""
    found: list[Difference] = []
    for key in sorted(before.keys() | now.keys()):
        name, old, new = f"{path}{key}", before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += all_differences(old, new, f"{name}.")
        elif old != new:
            found.append((name, old, new))
    return found


def _another_recipe(run: Path, found: list[Difference]) -> MindError:
    words = ", ".join(f"{name} was {old!r}, is {new!r}" for name, old, new in found)
    if all(name in LENGTH and new > (old or 0) for name, old, new in found):
        # Its learning rates were those of a run of that length.
        return MindError(
            f"a run cannot be made longer; give a new -o: in {run}, {words}",
            hint=f"to continue it as it was begun: --recipe {run / RECIPE}",
        )
    return MindError(
        f"{run} holds a run with another recipe: {words}",
        hint=f"to continue it: --recipe {run / RECIPE}; or give another folder",
    )


def _has_begun(run: Path) -> bool:
    return (run / RECIPE).is_file() and (run / INPUTS).is_file()


def _refuse_foreign(run: Path) -> None:
    """Raise MindError for what is neither a run, nor empty, nor the rest of a killed start."""
    if not run.exists() or (run.is_dir() and _has_begun(run)):
        return
    if run.is_dir():
        names = {p.name for p in run.iterdir() if not p.name.endswith(PARTIAL)}
        # A lock, or a lock and inputs, is what a start leaves that was killed before its recipe.
        if names <= {LOCK} or (LOCK in names and names <= {LOCK, INPUTS}):
            return
    raise MindError(
        f"{run} exists and is no run folder", hint="give a folder that does not exist yet"
    )
