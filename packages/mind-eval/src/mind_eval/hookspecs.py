"""What a plugin can add to mind-eval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

from mind_core import Offers

if TYPE_CHECKING:
    from mind_eval.benchmarks.benchmark import Benchmark

hookspec = pluggy.HookspecMarker("mind_eval")
hookimpl = pluggy.HookimplMarker("mind_eval")


@hookspec
def register_benchmarks() -> Offers[Benchmark]:
    """Benchmarks: a folder of lm-eval task YAML with its data rules, made by `benchmark_folder`."""
