"""A benchmark that is only data: what comes next in the Chinese calendar."""

from __future__ import annotations

from pathlib import Path

from mind_core import Offers
from mind_eval import Benchmark, benchmark_folder, hookimpl


@hookimpl
def register_benchmarks() -> Offers[Benchmark]:
    """Offer the folder beside this file; nothing else of the plugin is code."""
    return {"calendar_zh": benchmark_folder(Path(__file__).parent / "calendar_zh")}
