"""What mind-sft-select offers by itself, through the hooks that plugins use."""

from __future__ import annotations

from mind_core import Offers
from mind_sft_select.hookspecs import Scorer, hookimpl


@hookimpl
def register_scorers() -> Offers[Scorer]:
    """Offer the entropy of the paper, what tuning changes in it, and the length beside it."""
    return {
        "differential": "mind_sft_select.scorers.differential:Differential",
        "entropy": "mind_sft_select.scorers.entropy:Entropy",
        "length": "mind_sft_select.scorers.entropy:Length",
    }
