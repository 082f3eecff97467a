"""Going back to an earlier checkpoint and past the rows where a run went wrong.

As in PaLM: a run that met a loss which is not finite, or a spike, takes a checkpoint from before it
and passes over the rows of the steps around it. What was decided lies in ``rewinds.json``, written
before anything else changes, so that a kill in between, and a restart, end the same way.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from mind_core import MindError
from mind_core.files import MANIFEST, read_json, sync_folder, write_json
from mind_core.progress import log
from mind_core.untrusted import as_written
from mind_train.checkpoint import TRAINER, checkpoints, sound_checkpoints
from mind_train.components import TOOL

REWINDS = "rewinds.json"
MAX_REWINDS = 20  # rewinds of a run; more would say that it is not the rows that are wrong


class RewindAsked(Exception):
    """Ask to go back from a step, whose update was not made."""

    def __init__(self, step: int, cause: str) -> None:
        super().__init__(cause)
        self.step, self.cause = step, cause


@dataclass(frozen=True)
class Rewound:
    """One decision: at step ``at`` back to ``to``; the rows of ``first`` … ``last`` are skipped."""

    at: int
    to: int
    first: int
    last: int
    cause: str

    def steps(self) -> range:
        """Give the steps whose rows are passed over."""
        return range(self.first, self.last + 1)


def rewinds_of(run: Path) -> list[Rewound]:
    """Read what was decided in a run so far."""
    path = run / REWINDS
    if not path.exists():
        return []
    with as_written(path):
        found = [Rewound(**kept) for kept in read_json(path)]
        for one in found:
            numbers = (one.at, one.to, one.first, one.last)
            if any(type(number) is not int or number < 0 for number in numbers):
                raise ValueError(f"{one!r:.120}")
            # A longer range would be built in memory before anything could refuse it.
            if len(one.steps()) > one.at + 1:
                raise ValueError(f"step {one.at} passes over {len(one.steps()):,} steps")
        return found


def newest_of_course(run: Path, before: int | None = None) -> Path | None:
    """Find the newest sound checkpoint that is no part of a course given up; None if there is none.

    With ``before`` only those of that step or earlier count.
    """
    decided = rewinds_of(run)
    for folder, manifest in sound_checkpoints(run):
        with as_written(folder):
            step = int(manifest["step"])
            # A checkpoint counts the rewinds decided before it: any later one may have given it up.
            known = int(read_json(folder / TRAINER).get("rewinds", 0))
        given_up = any(step > later.to for later in decided[known:])
        if not given_up and (before is None or step <= before):
            return folder
    return None


def decide(run: Path, asked: RewindAsked, steps: int) -> None:
    """Decide to go back ``steps`` steps or more, and note it; remove what is given up.

    Raises MindError where there is no checkpoint to go back to, or it was done too often.
    """
    decided = rewinds_of(run)
    found = newest_of_course(run, asked.step - steps)
    if found is None:
        raise MindError(
            f"step {asked.step:,}: {asked.cause}; no checkpoint of step "
            f"{max(asked.step - steps, 0):,} or before is left to go back to",
            hint="raise train.keep, save more often, or rewind fewer steps",
        )
    if len(decided) >= MAX_REWINDS:
        raise MindError(
            f"step {asked.step:,}: {asked.cause}, after {len(decided)} rewinds",
            cause="passing over rows does not help",
            hint="lower optimizer.lr in a run that goes on from an earlier step: --continue",
        )
    to = int(found.name.removeprefix("step-"))
    # Rows up to ``to`` are learned already, and cannot be passed over.
    first = max(asked.step - steps + 1, to + 1)
    decided.append(Rewound(asked.step, to, first, asked.step, asked.cause))
    write_json(run / REWINDS, [asdict(one) for one in decided])
    log(
        TOOL,
        f"step {asked.step:,}: {asked.cause}; back to step {to:,}, and the rows of steps "
        f"{first:,} to {asked.step:,} will be passed over",
    )
    for folder in checkpoints(run):
        # Newer than where the run goes on from: they belong to the course that was given up.
        if int(folder.name.removeprefix("step-")) > to:
            # The manifest goes first: half removed, a folder is no checkpoint.
            (folder / MANIFEST).unlink(missing_ok=True)
            sync_folder(folder)
            shutil.rmtree(folder, ignore_errors=True)
