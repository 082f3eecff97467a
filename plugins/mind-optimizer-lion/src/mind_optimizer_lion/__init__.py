"""Lion for mind-train: the sign of a momentum, half of Adam's memory (Chen et al. 2023)."""

from __future__ import annotations

from mind_core import Offers
from mind_train import OptimizerFactory, hookimpl


@hookimpl
def register_optimizers() -> Offers[OptimizerFactory]:
    """Offer the optimizer; torch is imported when it is asked for."""
    return {"lion": "mind_optimizer_lion.optimizer:Lion"}
