"""What a plugin can add to mind-train."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pluggy

from mind_core import Offers

if TYPE_CHECKING:
    import torch
    from torch import nn

    from mind_train.models.language_model import Config

hookspec = pluggy.HookspecMarker("mind_train")
hookimpl = pluggy.HookimplMarker("mind_train")


class MakeOptimizer(Protocol):
    """Make an optimizer over a model; every group's ``lr`` is its peak rate."""

    def __call__(self, model: nn.Module) -> torch.optim.Optimizer: ...


class Schedule(Protocol):
    """Give the factor on the peak rate at a step (1 … total); pure."""

    def __call__(self, step: int, total: int) -> float: ...


@hookspec
def register_architectures() -> Offers[Config]:
    """Models: a frozen config dataclass with ``presets`` and ``build() -> LanguageModel``."""


@hookspec
def register_optimizers() -> Offers[MakeOptimizer]:
    """Optimisers: options → ``(model) -> torch.optim.Optimizer``."""


@hookspec
def register_schedules() -> Offers[Schedule]:
    """Learning-rate schedules: options → ``(step, total) -> factor``."""
