"""What a loop would cost, before anything starts: runs, tokens, minutes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from mind_sft_select.loop.cells import recipe_of
from mind_sft_select.loop.margins import open_benchmarks
from mind_sft_select.loop.plan_file import LoopPlan

BENCH_SECONDS = 1.0


def estimate_lines(plan: LoopPlan) -> list[str]:
    """Return lines on the runs of a plan; minutes are from a second of `mind-train bench`."""
    from mind_train.bench import bench
    from mind_train.checkpoint import find_checkpoint, read_config
    from mind_train.components import load_plugins

    folder, _ = find_checkpoint(Path(plan.model_path))
    architecture, config = read_config(folder)
    recipe = recipe_of(plan, 0)
    fields = dataclasses.asdict(config)  # type: ignore[call-overload]
    recipe.values["model"] = {"architecture": architecture, **fields}
    rate = bench(recipe, load_plugins(), config.vocab, BENCH_SECONDS)["tokens_per_second"]
    choices = sum(min(plan.benchmark_items, len(one.builder.rows)) for one in open_benchmarks(plan))
    # How many languages the pool has is known only after it was scored; two are assumed.
    clusters = 2 * plan.clusters * plan.seeds
    baselines = (len(plan.baselines) + 1) * plan.baseline_seeds
    tokens = plan.steps * plan.batch * config.context
    minutes = (clusters + baselines) * tokens / rate / 60
    return [
        f"{clusters} runs of clusters (two languages), {baselines} of baselines and the band",
        f"{plan.steps} steps of {plan.batch} × {config.context} tokens: {tokens:,} tokens a run",
        f"about {minutes:.1f} minutes of training at {rate:,.0f} tokens/s, scoring and evaluation "
        "aside",
        *([f"{choices:,} items of {', '.join(plan.benchmarks)} under each"] if choices else []),
    ]
