"""trackio: metrics in SQLite files of the user's own, shown by ``trackio show``; no account.

A run that goes on after a stop is a run of its own in the same group, named after the step that it
goes on from: so no step stands in one curve twice, also where a rewind has changed what followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mind_train.hookspecs import TrackedRun
from mind_train.trackers.tracking import require_package, scalars


@dataclass
class Trackio:
    """Log to trackio (`mind-train[trackio]`), on this machine.

    ``project`` groups runs; ``run`` names this one (default: its folder). Where files lie says
    TRACKIO_DIR; with TRACKIO_SPACE_ID or TRACKIO_SERVER_URL trackio itself sends them there.
    """

    project: str = "mind-train"
    run: str = ""
    _run: Any = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        require_package("trackio", "trackio")

    def start(self, run: TrackedRun) -> None:
        """Begin a run of the project, with the recipe as its configuration."""
        import trackio

        name = self.run or run.name
        self._run = trackio.init(
            project=self.project,
            # A name of its own for each part: what came after the step in an earlier part stays
            # there.
            name=f"{name} from step {run.step}" if run.step else name,
            group=name,
            config={**run.recipe, "parameters": run.parameters, "versions": dict(run.versions)},
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )

    def log(self, line: Mapping[str, Any]) -> None:
        """Log one line's numbers at its step."""
        self._run.log(dict(scalars(line)), step=int(line["step"]))

    def finish(self) -> None:
        """Have trackio write all metrics of the run that it holds."""
        self._run.finish()
