"""What mind-eval offers by itself, through the hooks that plugins use."""

from __future__ import annotations

from pathlib import Path

from mind_core import Offers
from mind_eval.benchmarks.benchmark import Benchmark, benchmark_folder
from mind_eval.benchmarks.own_questions import NAME as OWN
from mind_eval.benchmarks.own_questions import own_questions
from mind_eval.hookspecs import hookimpl

FOLDER = Path(__file__).parent / "benchmarks"
NAMES = (
    "agieval", "agieval_jec", "agieval_math", "arithmetic", "bbh", "blimp", "ceval", "ceval_test",
    "cmmlu",
    "disc_law", "disc_law_single", "fineval", "flores", "gaokao", "gsm8k", "hellaswag", "lawbench",
    "logiqa", "logiqa_zh", "math", "mathqa", "mmlu", "piqa", "pubmedqa", "winogrande", "zhoblimp",
)  # fmt: skip


@hookimpl
def register_benchmarks() -> Offers[Benchmark]:
    """Offer the benchmarks of the paper and of its fields; samples of three ship with it."""
    found = {name: benchmark_folder(FOLDER / name) for name in NAMES}
    return {**found, OWN: own_questions(FOLDER / OWN)}
