"""Run lm-eval's own tasks through lm-eval: our model behind, its metrics out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lm_eval.evaluator import evaluate as lm_evaluate

from mind_core.errors import UsageError
from mind_core.progress import Progress
from mind_eval.encoding import Encoder
from mind_eval.lm import MindLM
from mind_eval.models.model import Model
from mind_eval.options import RunOptions
from mind_eval.prompts.sources import Prepared, yaml_task
from mind_eval.results import plain

BOOTSTRAP_DRAWS = 1000
"""Draws for metrics without a closed-form error; lm-eval's 100,000 can take an hour."""


def prepare(model: Model, options: RunOptions) -> list[Prepared]:
    """Load the tasks of `--task`; a name that comes twice is refused."""
    fits = Encoder(model).fits
    prepared = [
        yaml_task(path, fits, shots=options.shots, seed=options.seed) for path in options.tasks
    ]
    names = [one.name for one in prepared]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two tasks have the name {name!r}", hint="rename one in its YAML")
    return prepared


def evaluate(
    model: Model, prepared: Sequence[Prepared], options: RunOptions, progress: Progress
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run the tasks; return lm-eval's result dictionary as JSON values, and its samples."""
    lm = MindLM(
        model,
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
    for name in ("config", "git_hash", "date", "pretty_env_info"):
        results.pop(name, None)
    results["bootstrap_iters"] = BOOTSTRAP_DRAWS
    results["requests"] = lm.encoder.counts()
    return results, samples
