"""Going on from a step of another run: its weights, optimizer state and place in every source.

What may change is the rate, the schedule, the length, shares, batch and sources. What was read is
a list of phases, which every checkpoint keeps (``Mixture.history``): phases that are done stay as
they were, and one that goes on unchanged goes on as if the run had never been cut.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mind_core.errors import MindError, UsageError
from mind_core.files import read_json
from mind_core.recipe import Recipe
from mind_core.untrusted import as_written
from mind_core.whole_files import MAX_JSON_BYTES, read_whole
from mind_train.run_folder import INPUTS, RECIPE, all_differences, read_recipe

if TYPE_CHECKING:
    from mind_train.mixture import Phase
    from mind_train.shards import Folders

CONTINUED = "continued"
# Greedy, so that the last @ parts run and step.
AT = re.compile(r"(?P<run>.+)@(?P<step>\d+)")
FIXED = ("seed", "train.sequence", "optimizer.name", "data.reshuffle_documents")


@dataclass(frozen=True)
class Start:
    """Where a run goes on from: as it is written into the run's inputs and manifest.

    ``history`` is what had been read: phases with a weight for each name of a source.
    """

    step: int
    fingerprint: str
    history: list[dict[str, Any]]
    changes: dict[str, list[Any]]
    checkpoint: Path | None = None
    """None in a run that has begun, and has checkpoints of its own."""

    def described(self) -> dict[str, Any]:
        """Give what is kept of it."""
        return {
            "step": self.step,
            "fingerprint": self.fingerprint,
            "history": self.history,
            "changes": self.changes,
        }


def base_recipe(spec: str, run: Path | None) -> tuple[str, dict[str, Any]]:
    """Read the recipe of the run to go on from, or of the run that has gone on already.

    Gives its file, and its values without the model, which comes with the checkpoint.
    """
    own = None if run is None else run / RECIPE
    folder, _ = split_spec(spec)
    # A run that has begun has written its own recipe, with all that was changed.
    path = own if own is not None and own.is_file() else _run_of(folder) / RECIPE
    if not path.is_file():
        raise MindError(
            f"{folder} is no run, nor a checkpoint in one: {path} is missing",
            hint="name a run folder of `mind-train pretrain`, with @STEP for one of its steps",
        )
    with as_written(path):
        values = tomllib.loads(read_whole(path, MAX_JSON_BYTES).decode("utf-8"))
        values.pop("model", None)
        if "phase" in values:
            values["train"]["steps"] = 0  # the phases say it, also where they are changed
    return str(path), values


def split_spec(spec: str) -> tuple[Path, int | None]:
    """Split RUN@STEP into the folder and the step; None is the newest."""
    found = AT.fullmatch(spec)
    # A folder whose own name looks like RUN@STEP is that folder.
    if found is None or Path(spec).exists():
        return Path(spec), None
    return Path(found["run"]), int(found["step"])


def _run_of(folder: Path) -> Path:
    # From RUN/checkpoints/step-… up to RUN.
    return folder if (folder / RECIPE).is_file() else folder.resolve().parent.parent


def begun(run: Path | None) -> Start | None:
    """Read from a run that has begun where it had gone on from; None if it had not."""
    if run is None or not ((run / INPUTS).is_file() and (run / RECIPE).is_file()):
        return None
    with as_written(run / INPUTS):
        kept = dict(read_json(run / INPUTS)).get(CONTINUED)
        return None if kept is None else _checked(Start(**kept))


def _checked(start: Start) -> Start:
    """Raise what Python raises for a start whose parts are not of their kinds."""
    if type(start.step) is not int or not isinstance(start.changes, dict):
        raise TypeError("step or changes")
    for kept in start.history:
        numbers = (kept["steps"], kept["batch"], kept["planned"], *kept["weights"].values())
        if any(type(number) is not int or number < 0 for number in numbers):
            raise ValueError(f"history: {kept!r:.80}")
    return start


def find_start(spec: str, recipe: Recipe) -> Start:
    """Find the checkpoint that RUN@STEP means, and say how ``recipe`` (whole) differs from its."""
    from mind_train.checkpoint import FOLDER, TRAINER, find_checkpoint

    folder, step = split_spec(spec)
    if step is not None:
        wanted = folder / FOLDER / f"step-{step:08d}"
        if not wanted.is_dir():
            have = sorted(int(p.name[5:]) for p in (folder / FOLDER).glob("step-*"))
            raise MindError(
                f"{folder} has no checkpoint of step {step:,}",
                cause=f"it has those of {', '.join(f'{n:,}' for n in have) or 'no step'}",
                hint="name one of them, or train it with train.keep_every to keep more",
            )
        folder = wanted
    run = _run_of(folder)
    found, manifest = find_checkpoint(folder)
    with as_written(found / TRAINER):
        saved = dict(read_json(found / TRAINER))
    if "history" not in saved:
        raise MindError(
            f"{found} does not say what had been read",
            cause="it was written by an earlier version, by sft, import or average",
            hint="--from takes its weights, and reads from the first row",
        )
    before = read_recipe(run)
    # By way of TOML, as the recipe of the other run was read.
    now = tomllib.loads(recipe.to_toml())
    changes = {
        name: [old, new]
        for name, old, new in all_differences(before, now)
        if not name.startswith("model")
    }
    for name in FIXED:
        if name in changes:
            old, new = changes[name]
            raise MindError(
                f"a run cannot go on with another {name}: it was {old!r}, is {new!r}",
                cause="the optimizer's state belongs to it"
                if name.startswith("optimizer")
                else "the place in every source follows from it",
                hint="leave it as it was; --from takes the weights alone",
            )
    with as_written(found):
        return _checked(Start(int(manifest["step"]), str(manifest["fingerprint"]),
                              saved["history"], changes, found))  # fmt: skip


def check_shards(found: Path, shards: Folders, fingerprint: str) -> None:
    """Raise MindError where the run to go on from was trained on other shards."""
    from mind_train.checkpoint import TRAINER
    from mind_train.shards import said

    with as_written(found / TRAINER):
        before = read_json(found / TRAINER)["inputs"].get("shards")
    if before != fingerprint:
        raise MindError(
            f"{said(shards)} is not what the run was trained on",
            cause="a place in other text means nothing",
            hint="give the same shards, in the same order; --from takes the weights alone",
        )


def continued_phases(
    history: Sequence[Mapping[str, Any]], at: int, phases: Sequence[Phase], names: Sequence[str]
) -> list[Phase]:
    """Put what was read up to step ``at`` before the rest of new phases, which count from step 0.

    A phase in which the run was cut goes on where it was if nothing of it changed but its length.
    """
    from mind_train.mixture import Phase

    known = {name for kept in history for name in kept["weights"]}
    if odd := known - set(names):
        raise MindError(
            f"the run read {', '.join(sorted(odd))}, the recipe names {', '.join(names)}",
            cause="what was read as one source has no place in its parts, nor in the whole",
            hint="name the sources as the run did (no shares at all are one source); --from takes "
            "the weights alone, and reads from the first row",
        )
    done: list[tuple[int, Phase]] = []
    first = 0
    # Counted in steps of the whole run: phases follow each other.
    for kept in history:
        if first >= at:
            break
        weights = tuple(int(kept["weights"].get(name, 0)) for name in names)
        whole = Phase(kept["steps"], weights, kept["order"], kept["batch"], kept["planned"])
        steps = min(whole.steps, at - first)
        # Cut at the step, but with the length it was planned for: a blocked order depends on that.
        done.append((first, replace(whole, steps=steps, planned=whole.planned or whole.steps)))
        first += whole.steps
    rest: list[Phase] = []
    first = 0
    for phase in phases:
        stop = first + phase.steps
        if stop > at:
            last_first, last = done[-1] if done else (-1, phase)
            same = (last.weights, last.order, last.batch) == (
                phase.weights, phase.order, phase.batch,
            )  # fmt: skip
            # A uniform order is the same for any length, a blocked one for the planned length
            # alone.
            planned = phase.order == "uniform" or last.planned == phase.steps
            if first < at and last_first == first and same and planned:
                done.pop()
                rest.append(phase)
            else:
                # What lies before the step is read already: only the rest of the phase is left.
                rest.append(replace(phase, steps=stop - max(first, at)))
        first = stop
    if not rest:
        raise MindError(
            f"the run goes on after step {at:,} and is to end at step {first:,}",
            hint=f"steps count from the first run's beginning: --set train.steps={at * 2}",
        )
    return [phase for _, phase in done] + rest


def branch_changes(spec: str, decay: float, values: Mapping[str, Any]) -> list[str]:
    """Give the --set values that make a branch of a trunk: a WSD run which decays from STEP on."""
    _, step = split_spec(spec)
    if step is None:
        raise UsageError(f"--branch {spec} names no step", hint="write RUN@STEP")
    if not 0.0 < decay < 1.0:
        raise UsageError(
            f"--decay {decay:g} is not in (0, 1)", hint="it is a share of all steps: 0.2 is usual"
        )
    if values.get("phase"):
        raise UsageError(
            "a trunk with phases cannot be branched", hint="--continue with a [[phase]] of its own"
        )
    schedule = values.get("schedule", {})
    # Rounded up, but not for a float that is above a whole number by its last digits.
    total = math.ceil(step / (1.0 - decay) - 1e-9)
    floor = schedule.get("floor", 0.0) if schedule.get("name") == "wsd" else 0.0
    warmup = schedule.get("warmup", 0.0)
    return [
        f"schedule={{name='wsd', warmup={warmup}, floor={floor}, decay={decay}}}",
        f"train.steps={total}",
        "train.epochs=0.0",
    ]
