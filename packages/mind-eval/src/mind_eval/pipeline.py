"""The steps of `run`: model → held-out text → benchmarks → tasks → scores."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.files import atomic_folder, check_file, check_folder
from mind_core.plugins import Plugins
from mind_core.progress import Progress, log
from mind_core.recipe import Recipe
from mind_core.servers import check_address
from mind_core.stream import check_inputs
from mind_eval.benchmarks.benchmark import SHIPPED, Benchmark, check_task_file, names_file
from mind_eval.contamination import check_training
from mind_eval.finite import check_scores
from mind_eval.offline import stay_offline
from mind_eval.options import RunOptions, model_line
from mind_eval.suites import chat_of, check_limit, make_benchmarks, small_of

if TYPE_CHECKING:
    from mind_eval.distributed import Ranks
    from mind_eval.models.endpoint import Endpoint
    from mind_eval.models.model import Model
    from mind_eval.results import EvalResults

__all__ = ["RunOptions", "describe_run", "run_scores"]

TOOL = "mind-eval"
LM_EVAL = "pip install 'mind-eval[lm-eval]'"


def run_scores(options: RunOptions, recipe: Recipe, plugins: Plugins) -> dict[str, Any] | None:
    """Measure what was asked for, write the folder if one is wanted, and return the scores.

    What cannot work (an unknown benchmark, an output in the way) fails before the model is read.
    Gates are checked afterwards, so that a missed one leaves its scores behind. Ranks other than
    the first return None.
    """
    started = time.monotonic()
    benchmarks = chosen_benchmarks(options, recipe, plugins)
    # Before the imports below: libraries read the environment when they are imported.
    stay_offline(hub=options.hub)
    from mind_eval.distributed import join_ranks
    from mind_eval.evaluation import look_for_contamination
    from mind_eval.results import enter_outcome, items_of, write_scores

    with ExitStack() as stack:
        ranks = join_ranks()
        stack.callback(ranks.leave)
        output = options.output if ranks.first else None
        # Before any work: an output that is in the way fails now, not after hours.
        folder = stack.enter_context(atomic_folder(output)) if output else None
        progress = stack.enter_context(Progress(TOOL, options.progress))
        model = _open(options)
        scores = _head(options, recipe, plugins, model)
        if options.heldout and ranks.first:
            scores["heldout"] = _heldout(model, options, progress, small_of(recipe))
        outcome = _benchmarks(options, recipe, benchmarks, model, ranks, progress)
        if not ranks.first:
            return None
        if options.contamination:
            look_for_contamination(outcome, options.contamination)
        enter_outcome(scores, outcome, recipe)
        samples: dict[str, Any] = {}
        if options.tasks:
            samples = _lm_tasks(options, model, progress, scores)
        # Before anything is written, as JSON would make a NaN null without a word.
        check_scores(scores)
        if folder is not None:
            records = [*outcome.records, *items_of(samples)]
            if outcome.prompts is not None:
                outcome.prompts.add_samples(samples)
            seconds = time.monotonic() - started
            write_scores(folder, scores, records, seconds, outcome.submissions, outcome.prompts)
    return scores


def chosen_benchmarks(
    options: RunOptions, recipe: Recipe, plugins: Plugins
) -> dict[str, Benchmark]:
    """Make the benchmarks, and look for the texts that are to be read.

    Raises `UsageError` for what is wrong, or for nothing to measure.
    """
    benchmarks = make_benchmarks(recipe, plugins)
    if not benchmarks and not options.tasks and not options.heldout:
        raise UsageError(
            "nothing to measure",
            hint="give --heldout FILE, --benchmark NAME, --task FILE.yaml or another --suite",
        )
    if not options.tasks:
        check_limit(recipe, benchmarks)
    check_inputs(options.heldout)
    check_training(options.contamination)
    return benchmarks


def describe_run(options: RunOptions, recipe: Recipe, plugins: Plugins) -> str:
    """Check everything that a run needs, without scoring; return the plan as TOML with comments.

    Looked for are the model, the held-out files, the data of each benchmark, the task files, and
    whether the outputs can be written.
    """
    if options.output is not None:
        check_folder(options.output)
    if options.answers is not None:
        check_file(options.answers)
    benchmarks = chosen_benchmarks(options, recipe, plugins)
    for task in options.tasks:
        if names_file(task):
            check_task_file(Path(task))
    lines = [model_line(options.model)]
    lines += [
        f"# benchmark {name}: {benchmark.load(options.data_root, options.keep_going).origin} data"
        for name, benchmark in benchmarks.items()
    ]
    lines += [f"# task: {task}" for task in options.tasks]
    lines += [f"# held-out text: {path}" for path in options.heldout]
    return "\n".join(lines) + "\n" + recipe.to_toml()


def _open(options: RunOptions) -> Model | Endpoint:
    from mind_eval.models.model import device_name, is_endpoint, open_model

    if not is_endpoint(options.model):
        model = open_model(options.model, options.device, options.dtype)
        log(TOOL, f"device: {device_name(model.device)}, {model.dtype}")
        return model
    from mind_eval.models.endpoint import APIS, Endpoint

    check_address(options.model, "--api-key-env NAME takes a key from the environment")
    if not options.model_name:
        raise UsageError("an endpoint needs the name of a model", hint="give --model-name NAME")
    if options.api not in APIS:
        raise UsageError(f"there is no --api {options.api!r}", hint=f"known: {', '.join(APIS)}")
    key = None
    if options.api_key_env is not None:
        key = os.environ.get(options.api_key_env)
        if not key:
            raise UsageError(
                # Not repeated: some give the key itself here.
                "--api-key-env: the environment has no such variable",
                hint="give the variable's name; export NAME=…, in a file that only you can read",
            )
    return Endpoint(
        options.model, options.model_name, options.timeout, options.api, options.concurrency, key
    )


def _head(
    options: RunOptions, recipe: Recipe, plugins: Plugins, model: Model | Endpoint
) -> dict[str, Any]:
    from mind_eval.models.chat_layouts import chat_section
    from mind_eval.results import versions

    about = model.section()
    return {
        "format": "mind-scores",
        "model": about,
        "library_versions": versions(),
        "suite": recipe.name,
        "recipe": recipe.values,
        "components": plugins.used(),
        "results": {},
        "model_name": options.model,
        "max_length": about["context"],
        **chat_section(model, chat_of(recipe)),
        "config": {
            "model": "mind-eval",
            "model_args": {"checkpoint": options.model},
            "model_sha": about["fingerprint"],
            "model_dtype": about["dtype"],
            "batch_size": f"{options.batch_tokens} tokens",
            "device": getattr(model, "device", None),
            "limit": options.limit,
            "spread": options.spread,
            "fewshot_seed": options.seed,
        },
    }


def _benchmarks(
    options: RunOptions,
    recipe: Recipe,
    benchmarks: Mapping[str, Benchmark],
    model: Model | Endpoint,
    ranks: Ranks,
    progress: Progress,
) -> EvalResults:
    from mind_eval.evaluation import open_benchmark, run_benchmark
    from mind_eval.kept_prompts import KeptPrompts
    from mind_eval.models.chat_layouts import layout_for
    from mind_eval.models.model import Model
    from mind_eval.rescoring import note_items, note_run
    from mind_eval.response_cache import ResponseCache
    from mind_eval.results import EvalResults
    from mind_eval.runner import RequestRunner

    outcome, layout = EvalResults(), layout_for(model, chat_of(recipe))
    outcome.prompts = KeptPrompts() if options.output is not None else None
    if not benchmarks:
        return outcome
    answer_log = ResponseCache(options.answer_folder, ranks.rank)
    if ranks.first and options.answer_folder is not None:
        note_run(options.answer_folder, options, recipe, model)
    engine = RequestRunner(
        model,
        answer_log,
        ranks,
        options.batch_tokens,
        lambda count: progress.count(count, "items"),
        options.keep_going,
    )
    for name, benchmark in benchmarks.items():
        try:
            opened = open_benchmark(
                name, benchmark, options.data_root, options.seed, options.keep_going, recipe
            )
            opened.builder.spread, opened.builder.chat = options.spread, layout
            if ranks.first and options.data_root and opened.data.origin == SHIPPED:
                _note_sample(benchmark, name, options.data_root)
            run_benchmark(
                opened, engine, outcome, options.limit, options.keep_going,
                partial(note_items, options.answer_folder, opened),
            )  # fmt: skip
        except MindError as error:
            if not options.keep_going or isinstance(error, UsageError):
                raise
            outcome.failed[name] = f"{error.message}" + (f": {error.cause}" if error.cause else "")
            if ranks.first:
                log(TOOL, f"set aside: {name}: {outcome.failed[name]}")
    answer_log.close()
    outcome.requests = engine.encoder.counts() if isinstance(engine.model, Model) else {}
    return outcome


def _note_sample(benchmark: Benchmark, name: str, root: Path) -> None:
    """Say that a sample stands in for data that the given root does not have."""
    if wanted := " or ".join(benchmark.folders):
        log(TOOL, f"{name}: the shipped sample, for there is no folder {wanted} under {root}")


def _lm_tasks(
    options: RunOptions, model: Model | Endpoint, progress: Progress, scores: dict[str, Any]
) -> dict[str, Any]:
    """Run lm-eval tasks through lm-eval; enter their results, and return their samples."""
    try:
        from mind_eval.lm_tasks import about_task, evaluate, headline, prepare
    except ModuleNotFoundError as error:
        raise MindError(
            "--task runs through lm-eval, which is not installed", cause=error, hint=LM_EVAL
        ) from error
    from mind_eval.models.model import Model

    if not isinstance(model, Model):
        raise UsageError("--task needs a model with log-probabilities, not an endpoint")
    loaded = prepare(model, options)
    for name in loaded["tasks"]:
        if name in scores["results"]:
            raise UsageError(f"two tasks have the name {name!r}", hint="rename one in its YAML")
    results, samples = evaluate(model, loaded, options, progress)
    before = scores.get("requests", {})
    results["requests"] = {k: v + before.get(k, 0) for k, v in results["requests"].items()}
    for key, value in results.items():
        scores[key] = {**scores.get(key, {}), **value} if isinstance(value, dict) else value
    for name, task in loaded["tasks"].items():
        scores["benchmarks"][name] = about_task(task)
        if (found := headline(results["results"][name])) is not None:
            scores["headlines"][name] = found
    return samples


def _heldout(
    model: Model | Endpoint, options: RunOptions, progress: Progress, small: bool
) -> dict[str, Any]:
    from mind_eval.models.model import Model
    from mind_eval.perplexity import TOP, measure, read_texts

    if not isinstance(model, Model):
        raise UsageError("--heldout needs a model with log-probabilities, not an endpoint")
    held = measure(
        model,
        read_texts(options.heldout, options.limit),
        overlap=options.overlap,
        batch_tokens=options.batch_tokens,
        done=lambda count: progress.count(count, "held-out documents"),
        top=TOP if small else (),
    )
    return {"inputs": list(options.heldout), "limit": options.limit, **held.as_dict()}
