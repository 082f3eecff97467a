"""What other tools and plugin authors import from mind-train.

Everything is imported on first use, so that ``import mind_train`` alone does not load torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mind_train.checkpoint import Checkpoint, load_checkpoint
    from mind_train.hookspecs import OptimizerFactory, Schedule, TrackedRun, Tracker, hookimpl
    from mind_train.loss import token_losses
    from mind_train.models.language_model import Config, LanguageModel
    from mind_train.trackers.tracking import scalars

__all__ = [
    "Checkpoint",
    "Config",
    "LanguageModel",
    "OptimizerFactory",
    "Schedule",
    "TrackedRun",
    "Tracker",
    "hookimpl",
    "load_checkpoint",
    "scalars",
    "token_losses",
]

_HOMES = {
    "Checkpoint": "mind_train.checkpoint",
    "load_checkpoint": "mind_train.checkpoint",
    "hookimpl": "mind_train.hookspecs",
    "OptimizerFactory": "mind_train.hookspecs",
    "Schedule": "mind_train.hookspecs",
    "TrackedRun": "mind_train.hookspecs",
    "Tracker": "mind_train.hookspecs",
    "scalars": "mind_train.trackers.tracking",
    "token_losses": "mind_train.loss",
    "Config": "mind_train.models.language_model",
    "LanguageModel": "mind_train.models.language_model",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'mind_train' has no attribute {name!r}")
