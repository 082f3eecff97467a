"""What mind-train offers by itself, through the hooks that plugins use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mind_core import Offers
from mind_train.hookspecs import hookimpl

if TYPE_CHECKING:
    from mind_train.hookspecs import OptimizerFactory, Schedule, Tracker
    from mind_train.models.language_model import Config


@hookimpl
def register_architectures() -> Offers[Config]:
    """Offer the two architectures of the paper, and those of transformers to be tuned."""
    return {
        "gpt-neo": "mind_train.models.gpt_neo:GPTNeoConfig",
        "huggingface": "mind_train.huggingface.model:HuggingFaceConfig",
        "mindllm": "mind_train.models.mindllm:MindLLMConfig",
    }


@hookimpl
def register_optimizers() -> Offers[OptimizerFactory]:
    """Offer AdamW, and Muon for those who want fewer steps."""
    return {
        "adamw": "mind_train.optim.adamw:AdamW",
        "muon": "mind_train.optim.muon:Muon",
    }


@hookimpl
def register_schedules() -> Offers[Schedule]:
    """Offer the four usual shapes."""
    return {
        "constant": "mind_train.optim.schedules:Constant",
        "linear": "mind_train.optim.schedules:Linear",
        "cosine": "mind_train.optim.schedules:Cosine",
        "wsd": "mind_train.optim.schedules:WarmupStableDecay",
    }


@hookimpl
def register_trackers() -> Offers[Tracker]:
    """Offer TensorBoard's files, and trackio where it is installed."""
    return {
        "tensorboard": "mind_train.trackers.event_file:TensorBoard",
        "trackio": "mind_train.trackers.trackio:Trackio",
    }
