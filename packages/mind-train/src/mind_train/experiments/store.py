"""The folder where cells, prepared shards and what is known of plans lie; plans may share it.

STORE/cells/NAME/     one cell: run/ (a run folder), cell.json, and, when it is finished,
                      documents.jsonl and, written last, records.jsonl
STORE/data/NAME/      prepared shards
STORE/plans/NAME.json what a plan said when its first cell was run
STORE/speed.json      tokens a second of each size, as `mind-train bench` measured it here
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from mind_core.errors import MindError
from mind_core.files import atomic_file, make_folder, read_json, write_json
from mind_core.locks import open_lock, take_lock
from mind_core.untrusted import as_written, check_stays_inside
from mind_core.whole_files import read_whole
from mind_train.experiments.cell import Cell
from mind_train.experiments.plan_file import Plan

RECORDS, DOCUMENTS, FAILED, ABOUT, LOCK = (
    "records.jsonl", "documents.jsonl", "failed.json", "cell.json", ".lock",
)  # fmt: skip

AGAIN = "remove the cell's folder and run the plan"


class CellStore:
    """A store of cells in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def cell(self, cell: Cell) -> Path:
        """Give a cell's folder."""
        return self.folder / "cells" / cell.name

    def is_finished(self, cell: Cell) -> bool:
        """Tell whether a cell's records are there."""
        return (self.cell(cell) / RECORDS).exists()

    def state(self, cell: Cell) -> str:
        """Return how far a run of an experiment is: finished, failed, begun or missing."""
        folder = self.cell(cell)
        # In this order: a cell that was tried again and is finished has failed no more.
        for name, state in ((RECORDS, "finished"), (FAILED, "failed"), ("run", "begun")):
            if (folder / name).exists():
                return state
        return "missing"

    def cause(self, cell: Cell) -> str:
        """Return why a failed cell has failed."""
        path = self.cell(cell) / FAILED
        with as_written(path, AGAIN):
            return str(read_json(path)["cause"])

    @contextmanager
    def hold(self, cell: Cell) -> Iterator[bool]:
        """Keep other processes out of a cell; gives False where one is at work in it."""
        folder = self.cell(cell)
        check_stays_inside(self.folder)
        make_folder(folder)
        with open_lock(folder / LOCK) as lock:
            # Not waiting: the process takes another cell instead.
            yield take_lock(lock, folder / LOCK)

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Wait until no other process of this store does the named thing."""
        check_stays_inside(self.folder)
        make_folder(self.folder)
        path = self.folder / f".{name}.lock"
        with open_lock(path) as lock:
            take_lock(lock, path, wait=True)
            yield

    def records(self, cell: Cell, plan: str) -> list[dict[str, Any]]:
        """Read the records of a finished cell, as those of a plan, under its name of the arm."""
        lines = _lines(self.cell(cell) / RECORDS)
        # The name of the arm is the plan's: one cell may stand for arms of several plans.
        return [{"experiment": plan, **one, "arm": cell.arm} for one in lines]

    def documents(self, cell: Cell) -> list[dict[str, Any]]:
        """Read the scores of the held-out documents of a finished cell."""
        return _lines(self.cell(cell) / DOCUMENTS)

    def write_lines(self, path: Path, lines: Iterable[Any]) -> None:
        """Write JSON Lines, whole or not at all."""
        with atomic_file(path) as file:
            for line in lines:
                file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def register(self, plan: Plan, shards: str) -> None:
        """Note what a plan says at its first run; raise MindError where it was changed since."""
        path = self.folder / "plans" / f"{plan.name}.json"
        now = {
            "sha256": plan.sha256, "prediction_sha256": plan.prediction_sha256, "shards": shards,
        }  # fmt: skip
        if not self.check(plan, shards):
            check_stays_inside(self.folder)
            make_folder(path.parent)
            write_json(path, now)

    def check(self, plan: Plan, shards: str) -> bool:
        """Tell whether a plan was run here; raise MindError where it says another thing now."""
        path = self.folder / "plans" / f"{plan.name}.json"
        if not path.exists():
            return False
        with as_written(path, AGAIN):
            told = read_json(path)
            known = {name: str(told[name]) for name in ("shards", "prediction_sha256", "sha256")}
        # The shards first, then the predictions: the graver reason is the one that is told.
        if known["shards"] != shards:
            raise MindError(
                f"plan {plan.name!r} was begun on other shards",
                cause=f"they were {known['shards'][:12]}, they are {shards[:12]}",
                hint="give the plan another name: no cell of the old shards is used for it",
            )
        if known["prediction_sha256"] != plan.prediction_sha256:
            raise MindError(
                f"the predictions of plan {plan.name!r} were changed after its cells were begun",
                cause="a claim is written before the runs",
                hint="put them back, or give the plan another name and say so",
            )
        if known["sha256"] != plan.sha256:
            raise MindError(
                f"plan {plan.name!r} was changed after its cells were begun",
                hint="give it another name: cells that both ask for are not trained again",
            )
        return True


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        if not path.exists():
            raise MindError(f"{path} is missing", hint="mind-train experiment run PLAN")
        lines = [orjson.loads(line) for line in read_whole(path).splitlines()]
    except orjson.JSONDecodeError as error:
        raise MindError(f"{path} is damaged", cause=error, hint=AGAIN) from None
    if not all(isinstance(line, dict) for line in lines):
        raise MindError(f"{path} is damaged", cause="a line is no object", hint=AGAIN)
    return lines
