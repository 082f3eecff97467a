"""Drop texts by their perplexity under a checkpoint of `mind-train`, with bounds by language."""

from __future__ import annotations

from mind_clean import Filter, hookimpl
from mind_core import Offers


@hookimpl
def register_filters() -> Offers[Filter]:
    """Offer the filter to mind-clean; torch is imported when it is used."""
    return {"perplexity": "mind_filter_perplexity.perplexity:Perplexity"}
