"""TensorBoard: event files in the run folder, written without TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mind_train.hookspecs import TrackedRun
from mind_train.trackers.event_file import EventFile

FOLDER = "tensorboard"


@dataclass
class TensorBoard:
    """Write event files into the folder ``tensorboard`` of the run; needs no package."""

    _file: EventFile | None = field(default=None, init=False, repr=False)

    def start(self, run: TrackedRun) -> None:
        """Begin a file; of a run that goes on, at the step after the last one done."""
        self._file = EventFile(run.folder / FOLDER, run.step + 1 if run.step else 0)

    def log(self, line: Mapping[str, Any]) -> None:
        """Write one line's numbers as one event."""
        assert self._file is not None
        self._file.add(line)

    def finish(self) -> None:
        """End; each event was written when it came."""
        self._file = None
