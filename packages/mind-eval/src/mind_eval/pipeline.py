"""The corridor of `run`: checkpoint → held-out text → tasks → scores."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mind_core.errors import UsageError
from mind_core.files import atomic_folder
from mind_core.plugins import Plugins
from mind_core.progress import Progress
from mind_core.recipe import Recipe
from mind_core.stream import check_inputs
from mind_eval.benchmarks.benchmark import Benchmark, check_task_file
from mind_eval.offline import stay_offline
from mind_eval.suites import make_benchmarks

if TYPE_CHECKING:
    from mind_eval.prompts.sources import Prepared
    from mind_train import Checkpoint

TOOL = "mind-eval"


@dataclass(frozen=True)
class RunOptions:
    """What `mind-eval run` was asked for."""

    model: str
    tasks: Sequence[Path] = ()
    shots: int | None = None
    heldout: Sequence[str] = ()
    overlap: int | None = None
    data_root: Path | None = None
    limit: int | None = None
    seed: int = 0
    batch_tokens: int = 8192
    device: str = "cpu"
    output: Path | None = None
    progress: bool | None = None


def run_scores(options: RunOptions, recipe: Recipe, plugins: Plugins) -> dict[str, Any]:
    """Measure what was asked for, write the folder if one is wanted, and return the scores.

    What cannot work (an unknown benchmark, an output in the way) fails before the model is read.
    Gates are checked afterwards, so that a missed one leaves its scores behind.
    """
    started = time.monotonic()
    benchmarks = chosen_benchmarks(options, recipe, plugins)
    stay_offline()
    from mind_eval.results import items_of, model_section, versions, write_scores
    from mind_train import load_checkpoint

    with ExitStack() as stack:
        folder = stack.enter_context(atomic_folder(options.output)) if options.output else None
        progress = stack.enter_context(Progress(TOOL, options.progress))
        checkpoint = load_checkpoint(options.model, options.device)
        scores: dict[str, Any] = {
            "format": "mind-scores",
            "model": model_section(checkpoint, options.model),
            "library_versions": versions(),
            "suite": recipe.name,
            "recipe": recipe.values,
            "components": plugins.used(),
            "results": {},
        }
        if options.heldout:
            scores["heldout"] = _heldout(checkpoint, options, progress)
        samples: dict[str, Any] = {}
        if benchmarks or options.tasks:
            from mind_eval.evaluation import evaluate, prepare

            prepared = prepare(checkpoint, benchmarks, options)
            results, samples = evaluate(checkpoint, prepared, options, progress)
            scores.update(results)
            scores["benchmarks"] = _notes(prepared)
        if folder is not None:
            write_scores(folder, scores, items_of(samples), time.monotonic() - started)
    return scores


def chosen_benchmarks(
    options: RunOptions, recipe: Recipe, plugins: Plugins
) -> dict[str, Benchmark]:
    """Make the benchmarks; raise `UsageError` for what is wrong, or for nothing to measure."""
    benchmarks = make_benchmarks(recipe, plugins)
    if not benchmarks and not options.tasks and not options.heldout:
        raise UsageError(
            "nothing to measure",
            hint="give --heldout FILE, --benchmark NAME, --task FILE.yaml or another --suite",
        )
    return benchmarks


def describe_run(options: RunOptions, recipe: Recipe, plugins: Plugins) -> str:
    """Check everything that a run needs, without scoring; return the plan as TOML with comments.

    Looked for are the model, the held-out files, the data of each benchmark, and the task files.
    """
    benchmarks = chosen_benchmarks(options, recipe, plugins)
    check_inputs(options.heldout)
    for path in options.tasks:
        check_task_file(path)
    lines = [
        f"# benchmark {name}: {benchmark.load(options.data_root).origin} data"
        for name, benchmark in benchmarks.items()
    ]
    lines += [f"# task: {path}" for path in options.tasks]
    lines += [f"# held-out text: {path}" for path in options.heldout]
    from mind_train.checkpoint import find_checkpoint

    _, manifest = find_checkpoint(Path(options.model))
    lines.insert(0, f"# model: {options.model}, step {manifest['step']}")
    return "\n".join(lines) + "\n" + recipe.to_toml()


def _heldout(checkpoint: Checkpoint, options: RunOptions, progress: Progress) -> dict[str, Any]:
    from mind_eval.heldout import measure, read_texts

    held = measure(
        checkpoint,
        read_texts(options.heldout, options.limit),
        overlap=options.overlap,
        batch_tokens=options.batch_tokens,
        done=lambda count: progress.count(count, "held-out documents"),
    )
    return {"inputs": list(options.heldout), "limit": options.limit, **held.as_dict()}


def _notes(prepared: Sequence[Prepared]) -> dict[str, Any]:
    return {
        one.name: {**one.about, "chance": one.task.notes.chance, "shots": one.task.notes.as_dict()}
        for one in prepared
    }
