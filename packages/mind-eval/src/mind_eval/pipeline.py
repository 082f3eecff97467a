"""The corridor of `run`: checkpoint → held-out text → tasks → scores."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mind_core.files import atomic_folder
from mind_core.plugins import Plugins
from mind_core.progress import Progress
from mind_core.recipe import Recipe
from mind_core.stream import read_records
from mind_eval.gates import Gate
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
    gates: Sequence[Gate] = ()
    progress: bool | None = None


def run_scores(options: RunOptions, recipe: Recipe, plugins: Plugins) -> dict[str, Any]:
    """Measure what was asked for, write the folder if one is wanted, and return the scores.

    What cannot work (an unknown benchmark, an output in the way) fails before the model is read.
    Gates are checked afterwards, so that a missed one leaves its scores behind.
    """
    started = time.monotonic()
    benchmarks = make_benchmarks(recipe, plugins)
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


def _heldout(checkpoint: Checkpoint, options: RunOptions, progress: Progress) -> dict[str, Any]:
    from mind_eval.heldout import measure

    held = measure(
        checkpoint,
        read_records(options.heldout, limit=options.limit),
        overlap=options.overlap,
        batch_tokens=options.batch_tokens,
        done=lambda count: progress.count(count, "held-out documents"),
    )
    return {"inputs": list(options.heldout), "limit": options.limit, **held.as_dict()}


def _notes(prepared: Sequence[Prepared]) -> dict[str, Any]:
    return {one.name: {**one.about, "shots": one.task.notes.as_dict()} for one in prepared}
