"""What mind-eval offers by itself, through the door that plugins use."""

from __future__ import annotations

from pathlib import Path

from mind_core import Offers
from mind_eval.benchmarks.benchmark import Benchmark, benchmark_folder
from mind_eval.hookspecs import hookimpl

FOLDER = Path(__file__).parent / "benchmarks"


@hookimpl
def register_benchmarks() -> Offers[Benchmark]:
    """Offer the benchmarks whose samples ship with the package."""
    return {name: benchmark_folder(FOLDER / name) for name in ("gaokao", "mmlu", "piqa")}
