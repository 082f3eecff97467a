"""Run lm-eval's own tasks through lm-eval: our model behind, its metrics out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lm_eval.evaluator import evaluate as lm_evaluate

from mind_core.errors import UsageError
from mind_core.progress import Progress
from mind_eval.benchmarks.benchmark import names_file
from mind_eval.encoding import PromptEncoder
from mind_eval.finite import without_bad_errors
from mind_eval.lm import MindLM
from mind_eval.models.model import Model
from mind_eval.options import RunOptions
from mind_eval.prompts.chat import TURNS
from mind_eval.prompts.sources import yaml_task
from mind_eval.prompts.spec import CUT, GENERATE_UNTIL, LIMIT
from mind_eval.results import plain

BOOTSTRAP_DRAWS = 1000
"""Draws for metrics without a closed-form error; lm-eval's 100,000 can take an hour."""

Loaded = dict[str, Any]
"""What lm-eval's evaluator takes: `tasks` by name, and where there are any `groups` of them."""


def prepare(model: Model, options: RunOptions) -> Loaded:
    """Load the tasks of `--task`; a name that comes twice is refused.

    lm-eval's index of its own tasks, which takes many seconds, is built only if one is named.
    """
    fits = PromptEncoder(model).fits
    found = [
        yaml_task(
            Path(task), fits, shots=options.shots, seed=options.seed, hub=options.hub,
            allow_code=options.allow_task_code,
        )
        for task in options.tasks
        if names_file(task)
    ]  # fmt: skip
    loaded: Loaded = {"tasks": {}, "groups": {}, "group_map": {}}
    named = [str(task) for task in options.tasks if not names_file(task)]
    if named:
        from mind_eval.prompts.named_tasks import load_named

        loaded = load_named(named, fits, shots=options.shots, seed=options.seed, hub=options.hub)
    for task in found:
        name = str(task.config.task)
        if name in loaded["tasks"]:
            raise UsageError(f"two tasks have the name {name!r}", hint="rename one in its YAML")
        loaded["tasks"][name] = task
    for task in loaded["tasks"].values():
        if options.max_new_tokens is not None and task.OUTPUT_TYPE == GENERATE_UNTIL:
            limit = {LIMIT: options.max_new_tokens}
            task.set_config(key="generation_kwargs", value=limit, update=True)
    return loaded


def about_task(task: Any) -> dict[str, Any]:
    """Describe a task for `scores.json`; one that is Python code keeps no notes."""
    about: dict[str, Any] = {"language": "und", "form": "task", **getattr(task, "about", {})}
    notes = getattr(task, "notes", None)
    if notes is None:
        return {**about, "chance": None, "bad_items": 0}
    return {**about, "chance": notes.chance, "shots": notes.as_dict(), "bad_items": 0}


def headline(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give the first metric of a row of lm-eval's results as a task's one number; None: no number.

    What its filters make of the answers is the first filter's.
    """
    for name, value in values.items():
        metric, comma, rest = name.partition(",")
        if comma and isinstance(value, (int, float)) and not metric.endswith("_stderr"):
            error = values.get(f"{metric}_stderr,{rest}")
            error = error if isinstance(error, (int, float)) else None
            return {"metric": metric, "average": "items", "value": value, "stderr": error,
                    "by_item": value, "by_subject": None}  # fmt: skip
    return None


def evaluate(
    model: Model, loaded: Mapping[str, Any], options: RunOptions, progress: Progress
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run the tasks; return lm-eval's result dictionary as JSON values, and its samples."""
    lm = MindLM(
        model,
        batch_tokens=options.batch_tokens,
        done=lambda count: progress.count(count, "requests"),
    )
    found = lm_evaluate(
        lm,
        {key: value for key, value in loaded.items() if value},
        limit=options.limit,
        bootstrap_iters=BOOTSTRAP_DRAWS,
        apply_chat_template=options.chat is not None,
        fewshot_as_multiturn=options.chat == TURNS,
    )
    assert found is not None, "this is the only rank"
    samples = found.pop("samples")
    results: dict[str, Any] = plain(found)
    for key in ("results", "groups"):
        if key in results:
            results[key] = {n: without_bad_errors(row) for n, row in results[key].items()}
    for name in ("config", "git_hash", "date", "pretty_env_info"):
        results.pop(name, None)
    results["bootstrap_iters"] = BOOTSTRAP_DRAWS
    results["requests"] = lm.encoder.counts()
    for name, count in lm.written.items():
        results["results"][name][f"{CUT},none"] = lm.cut[name] / count
    return results, samples
