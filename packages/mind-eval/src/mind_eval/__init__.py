"""What a plugin author imports from mind-eval: a benchmark is a folder."""

from mind_eval.benchmarks.benchmark import Benchmark, benchmark_folder
from mind_eval.hookspecs import hookimpl

__all__ = ["Benchmark", "benchmark_folder", "hookimpl"]
