"""Llama, Qwen2 and Qwen3 for mind-train."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mind_core import Offers
from mind_train import hookimpl

if TYPE_CHECKING:
    from mind_train import Config


@hookimpl
def register_architectures() -> Offers[Config]:
    """Offer the architecture; torch is imported when it is asked for."""
    return {"llama": "mind_architecture_llama.config:LlamaConfig"}
