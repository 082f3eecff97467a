"""What a plugin can add to mind-train."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

from mind_core import Offers

if TYPE_CHECKING:
    import torch
    from torch import nn

    from mind_train.models.language_model import Config

hookspec = pluggy.HookspecMarker("mind_train")
hookimpl = pluggy.HookimplMarker("mind_train")


class OptimizerFactory(Protocol):
    """Make an optimizer over a model; every group's ``lr`` is its peak rate."""

    def __call__(self, model: nn.Module) -> torch.optim.Optimizer: ...


class Schedule(Protocol):
    """Give the factor on the peak rate at a step (1 … total); pure."""

    def __call__(self, step: int, total: int) -> float: ...


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker is told of a run: where it stands, and what it is.

    ``step`` is the last step done: 0 at a start, more where a run goes on.
    """

    folder: Path
    name: str
    step: int
    recipe: Mapping[str, Any]
    parameters: int
    versions: Mapping[str, str]


class Tracker(Protocol):
    """Show a run somewhere else.

    It is called on the first rank alone, in a thread of its own: ``start`` once at each start of a
    process and after each rewind, ``log`` for each line of the metrics in order, ``finish`` at the
    end. What it raises, or how long it takes, never stops the run.
    """

    def start(self, run: TrackedRun) -> None:
        """Begin to track a run: at each start of a process, and after each rewind."""

    def log(self, line: Mapping[str, Any]) -> None:
        """Take one line of metrics.jsonl; ``mind_train.scalars`` gives its numbers."""

    def finish(self) -> None:
        """End, when everything is written."""


@hookspec
def register_architectures() -> Offers[Config]:
    """Models: a frozen config dataclass whose ``build()`` gives a module, ids → hidden states.

    docs/plugins/architecture.md is the contract, ``mind_train.testing`` its test.
    """


@hookspec
def register_optimizers() -> Offers[OptimizerFactory]:
    """Optimisers: options → ``(model) -> torch.optim.Optimizer``."""


@hookspec
def register_schedules() -> Offers[Schedule]:
    """Learning-rate schedules: options → ``(step, total) -> factor``."""


@hookspec
def register_trackers() -> Offers[Tracker]:
    """Trackers: options → ``start(run)``, ``log(line)``, ``finish()``."""
