"""The run folder: made by the first start, continued by every later one with the same command.

``run/recipe.toml`` and ``run/inputs.json`` say what the run is; a start with another recipe, other
shards or another parent is refused. ``run/manifest.json`` is written when the last step is done.
"""

from __future__ import annotations

import fcntl
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mind_core import MindError
from mind_core.files import MANIFEST, atomic_file, read_json, write_json
from mind_core.recipe import Recipe

RECIPE = "recipe.toml"
INPUTS = "inputs.json"

# Keys that may differ between the start of a run and its continuation: no step depends on them.
FREE = {
    "train": {"save_every", "keep", "evaluate_every", "device"},
}


def open_run(run: Path, recipe: Recipe, inputs: Mapping[str, Any]) -> bool:
    """Make a run folder, or check that it holds this very run; tell whether it existed.

    Raises MindError when the folder holds something else.
    """
    if not run.exists() or (run.is_dir() and not any(run.iterdir())):
        run.mkdir(parents=True, exist_ok=True)
        with atomic_file(run / RECIPE) as file:
            file.write(recipe.to_toml().encode())
        write_json(run / INPUTS, dict(inputs))
        return False
    if not (run / RECIPE).is_file() or not (run / INPUTS).is_file():
        raise MindError(
            f"{run} exists and is no run folder", hint="give a folder that does not exist yet"
        )
    before = tomllib.loads((run / RECIPE).read_text("utf-8"))
    if odd := difference(before, recipe.values):
        raise MindError(
            f"{run} holds a run with another recipe: {odd}",
            hint="repeat the command it was started with to continue it, or give another folder",
        )
    known = read_json(run / INPUTS)
    for name, value in inputs.items():
        if known.get(name) != value:
            raise MindError(
                f"{run} holds a run with another {name}",
                cause=f"it was started with {known.get(name)}, this is {value}",
                hint="give the same inputs to continue it, or another folder",
            )
    return True


@contextmanager
def only_one(run: Path) -> Iterator[None]:
    """Keep a second process out of a run folder; raise MindError if one is at work in it."""
    with (run / RECIPE).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise MindError(
                f"another process is training in {run}",
                hint="wait until it is done, or give another folder",
            ) from None
        yield


def is_complete(run: Path) -> bool:
    """Tell whether the run's last step was done."""
    return (run / MANIFEST).exists()


def difference(before: Mapping[str, Any], now: Mapping[str, Any], path: str = "") -> str | None:
    """Name the first key in which two recipes differ and that matters; None if there is none."""
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            if odd := difference(old, new, f"{key}."):
                return odd
        elif old != new and key not in FREE.get(path.rstrip("."), ()):
            return f"{path}{key} was {old!r}, is {new!r}"
    return None
