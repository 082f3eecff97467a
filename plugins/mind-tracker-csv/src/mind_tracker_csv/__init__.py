"""A tracker for mind-train: metrics.csv in the run folder, for spreadsheets and pandas."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mind_core import Offers
from mind_core.files import atomic_file
from mind_train import TrackedRun, Tracker, hookimpl

COLUMNS = ("step", "loss", "lr", "grad_norm", "tokens", "tokens_per_second", "held_out")


@dataclass
class Csv:
    """Write a row for each step into metrics.csv; a run that goes on continues its rows."""

    _path: Path = field(default=Path(), init=False, repr=False)

    def start(self, run: TrackedRun) -> None:
        """Begin the file; of a run that goes on, keep the rows up to its step."""
        self._path = run.folder / "metrics.csv"
        rows: list[dict[str, str]] = []
        # Later rows are of steps that will be done again.
        if run.step and self._path.is_file():
            # A row without its line end was cut by a kill: "12" may have been to be 123.
            whole, _, _ = self._path.read_bytes().decode("utf-8", "replace").rpartition("\n")
            found = csv.DictReader(io.StringIO(whole, newline=""))
            rows = [row for row in found if int(row["step"]) <= run.step]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
        # Under another name first: a kill in between leaves the rows that were there.
        with atomic_file(self._path) as file:
            file.write(text.getvalue().encode())

    def log(self, line: Mapping[str, Any]) -> None:
        """Take one line of metrics.jsonl: a step's numbers, or those of an evaluation."""
        row = {name: line[name] for name in COLUMNS if name in line}
        if "all" in line:
            row["held_out"] = line["all"]["nats_per_token"]
        # Opened for each line: a run that is killed leaves whole rows.
        with self._path.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, COLUMNS).writerow(row)

    def finish(self) -> None:
        """End; every row was written when it came."""


@hookimpl
def register_trackers() -> Offers[Tracker]:
    """Offer the tracker."""
    return {"csv": Csv}
