"""Run tasks through lm-eval: our rows and prompts in, our model behind, its metrics out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lm_eval.evaluator import evaluate as lm_evaluate

from mind_core.errors import UsageError
from mind_core.progress import Progress
from mind_eval.benchmarks.benchmark import Benchmark
from mind_eval.model import CheckpointLM
from mind_eval.prompts.sources import Prepared, benchmark_task, yaml_task
from mind_eval.results import plain

if TYPE_CHECKING:
    from mind_eval.pipeline import RunOptions
    from mind_train import Checkpoint

BOOTSTRAP_DRAWS = 1000
"""Draws for metrics without a closed-form error; lm-eval's 100,000 can take an hour."""


def prepare(
    checkpoint: Checkpoint, benchmarks: Mapping[str, Benchmark], options: RunOptions
) -> list[Prepared]:
    """Load the data of every task, benchmarks first; a name that comes twice is refused."""

    def fits(text: str) -> bool:
        # The model reads all tokens but the last one, which it only predicts.
        return len(checkpoint.tokenizer.encode(text)) <= checkpoint.context + 1

    prepared = [
        benchmark_task(name, benchmark, fits, data_root=options.data_root, seed=options.seed)
        for name, benchmark in benchmarks.items()
    ]
    prepared += [
        yaml_task(path, fits, shots=options.shots, seed=options.seed) for path in options.tasks
    ]
    names = [one.name for one in prepared]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two tasks have the name {name!r}", hint="rename one in its YAML")
    return prepared


def evaluate(
    checkpoint: Checkpoint, prepared: Sequence[Prepared], options: RunOptions, progress: Progress
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run the tasks; return lm-eval's result dictionary as JSON values, and its samples."""
    lm = CheckpointLM(
        checkpoint,
        batch_tokens=options.batch_tokens,
        done=lambda count: progress.count(count, "requests"),
    )
    found = lm_evaluate(
        lm,
        {"tasks": {one.name: one.task for one in prepared}},
        limit=options.limit,
        bootstrap_iters=BOOTSTRAP_DRAWS,
    )
    assert found is not None, "this is the only rank"
    samples = found.pop("samples")
    results: dict[str, Any] = plain(found)
    results["config"] = {
        "model": "mind-train",
        "model_args": {"checkpoint": options.model},
        "model_sha": checkpoint.fingerprint,
        "model_dtype": "float32",
        "batch_size": f"{options.batch_tokens} tokens",
        "device": options.device,
        "limit": options.limit,
        "bootstrap_iters": BOOTSTRAP_DRAWS,
        "fewshot_seed": options.seed,
    }
    results |= {
        "model_name": options.model,
        "max_length": checkpoint.context,
        "eot_token_id": lm.eot_token_id,
        "chat_template": None,
        "requests": {
            "cut_from_the_left": lm.cut,
            "boundary_merged": lm.merged,
            "scored_in_windows": lm.windowed,
        },
    }
    return results, samples
