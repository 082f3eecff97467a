"""Score a run again from its answer log, without the model: after a change of what is measured."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mind_core import MindError, Record
from mind_core.files import atomic_folder, read_json, write_json
from mind_core.output import write_records
from mind_core.plugins import Plugins
from mind_core.recipe import Recipe
from mind_core.stream import read_records
from mind_eval.contamination import check_training
from mind_eval.evaluation import (
    LoadedBenchmark,
    Lost,
    look_for_contamination,
    open_benchmark,
    score_benchmark,
    set_aside,
)
from mind_eval.finite import check_scores
from mind_eval.kept_prompts import KeptPrompts
from mind_eval.metrics.latex.comparisons import comparison
from mind_eval.models.chat_layouts import chat_section
from mind_eval.models.endpoint import Endpoint
from mind_eval.models.model import Model
from mind_eval.options import RunOptions
from mind_eval.prompts.builder import Instance
from mind_eval.response_cache import Answer, read_answers
from mind_eval.results import EvalResults, enter_outcome, versions, write_scores
from mind_eval.runner import CachedInstance
from mind_eval.suites import MATH, METRICS, SPM, chat_of, make_benchmarks, math_of, spm_of

RUN = "run.json"
FORMAT = "mind-answers"


def note_run(folder: Path, options: RunOptions, recipe: Recipe, model: Model | Endpoint) -> None:
    """Write down what the answers of a log were asked for."""
    write_json(
        folder / RUN,
        {
            "format": FORMAT,
            "version": 1,
            "suite": recipe.name,
            "recipe": recipe.values,
            "model": model.section(),
            **chat_section(model, chat_of(recipe)),
            "model_name": options.model,
            "data_root": None if options.data_root is None else str(options.data_root.resolve()),
            "seed": options.seed,
            "limit": options.limit,
            "spread": options.spread,
            "keep_going": options.keep_going,
        },
    )


def note_items(
    folder: Path | None,
    opened: LoadedBenchmark,
    keyed: Sequence[CachedInstance],
    lost: Sequence[Lost] = (),
) -> None:
    """Write down where the answers of each item stand; before scoring, so that it may fail."""
    if folder is None:
        return
    notes = {"overlong": opened.builder.notes.overlong}
    lines: list[Record] = [
        {"id": one.asked.id, "keys": one.keys, "prompts": list(one.asked.prompts),
         "shots": one.asked.shots, "tokens": list(one.asked.tokens), **notes}
        for one in keyed
    ]  # fmt: skip
    lines += [{"id": one.id, "lost": one.why, "kind": one.kind, "shots": one.shots} for one in lost]
    write_records(folder / f"items-{opened.name}.jsonl.zst", lines)


def rescore(
    folder: Path,
    data_root: Path | None,
    plugins: Plugins,
    math: str | None = None,
    metrics: str | None = None,
    spm: str | None = None,
) -> tuple[dict[str, Any], Recipe, EvalResults]:
    """Score what a log holds: what was noted of the run, its recipe, and the outcome.

    Raises `MindError` for a folder that is no log, and for a benchmark whose run did not end.
    """
    if not (folder / RUN).is_file():
        raise MindError(
            f"{folder} is no answer log", hint="mind-eval run -o scores/ leaves scores.answers/"
        )
    run = read_json(folder / RUN)
    if not isinstance(run, dict) or run.get("format") != FORMAT:
        raise MindError(f"{folder / RUN} is not of an answer log")
    recipe = Recipe(str(run["suite"]), run["recipe"])
    if math is not None:
        recipe.values[MATH] = math
    if metrics is not None:
        recipe.values[METRICS] = metrics
    if spm is not None:
        recipe.values[SPM] = spm
    # Both raise for a name that is not known, before any data is read.
    spm_of(recipe)
    comparison(math_of(recipe))
    root = data_root or (Path(run["data_root"]) if run["data_root"] else None)
    answers, outcome = read_answers(folder), EvalResults(prompts=KeptPrompts())
    for name, benchmark in make_benchmarks(recipe, plugins).items():
        path = folder / f"items-{name}.jsonl.zst"
        if not path.is_file():
            outcome.failed[name] = "the run did not come to its end"
            continue
        opened = open_benchmark(
            name,
            benchmark,
            root,
            run["seed"],
            run["keep_going"],
            recipe,
        )
        opened.builder.spread = run["spread"]
        _settle(opened, list(read_records([path])), answers, outcome, run["limit"])
    return run, recipe, outcome


def score_log(
    folder: Path,
    data_root: Path | None,
    plugins: Plugins,
    output: Path | None,
    contamination: Sequence[Path] = (),
    math: str | None = None,
    metrics: str | None = None,
    spm: str | None = None,
) -> dict[str, Any]:
    """Score a log again, write the folder if one is wanted, and return the scores."""
    started = time.monotonic()
    check_training(contamination)
    run, recipe, outcome = rescore(folder, data_root, plugins, math, metrics, spm)
    model = run["model"]
    scores: dict[str, Any] = {
        "format": "mind-scores",
        "model": model,
        "library_versions": versions(),
        "suite": recipe.name,
        "recipe": recipe.values,
        "components": plugins.used(),
        "model_name": run["model_name"],
        "max_length": model["context"],
        "chat_template": run.get("chat_template"),
        "fewshot_as_multiturn": run.get("fewshot_as_multiturn", False),
        "config": {
            "model": "mind-eval",
            "model_args": {"answers": str(folder)},
            "model_sha": model["fingerprint"],
            "model_dtype": model["dtype"],
            "limit": run["limit"],
            "spread": run["spread"],
            "fewshot_seed": run["seed"],
        },
    }
    if contamination:
        look_for_contamination(outcome, contamination)
    enter_outcome(scores, outcome, recipe)
    check_scores(scores)
    if output is not None:
        with atomic_folder(output) as made:
            seconds = time.monotonic() - started
            write_scores(
                made, scores, outcome.records, seconds, outcome.submissions, outcome.prompts
            )
    return scores


def _settle(
    opened: LoadedBenchmark,
    noted: list[dict[str, Any]],
    answers: dict[str, Answer],
    outcome: EvalResults,
    limit: int | None,
) -> None:
    built = {one.id: one for one in opened.builder.build(None, limit, opened.data.bad.append)}
    set_aside(opened, [Lost(o["id"], o["lost"], o["kind"]) for o in noted if "lost" in o], outcome)
    # Prompts were built here without a model's context: how many examples fitted, the log knows.
    opened.builder.notes.kept = Counter(one["shots"] for one in noted)
    noted = [one for one in noted if "lost" not in one]
    items, given = [], []
    for one in noted:
        asked = built.get(one["id"])
        if asked is None:
            raise MindError(
                f"{opened.name}: item {one['id']} of the log is not in the data",
                hint="give the --data-root that the run had",
            )
        _keep_prompts(f"{opened.name}/{asked.id}", asked, one["prompts"], outcome)
        items.append(_as_noted(asked, one))
        given.append(_given(one["keys"], answers, f"{opened.name}, item {one['id']}"))
    opened.builder.notes.overlong = noted[0]["overlong"] if noted else []
    score_benchmark(opened, items, given, outcome)


def _keep_prompts(name: str, asked: Instance, marks: list[str], outcome: EvalResults) -> None:
    """Keep an item's prompts if they are those that the run asked with, by their hashes.

    With fewer examples (a shorter context) or in a conversation they were others.
    """
    hashes = [hashlib.sha256(text.encode()).hexdigest() for text in asked.prompts]
    if outcome.prompts is not None and hashes == marks:
        outcome.prompts.add(name, asked.prompts)


def _as_noted(asked: Instance, one: dict[str, Any]) -> Instance:
    return Instance(
        asked.id, asked.number, asked.doc, tuple(one["prompts"]), asked.continuations,
        asked.choices, asked.gold, one["shots"], tuple(one.get("tokens", ())),
    )  # fmt: skip


def _given(keys: list[list[str]], answers: dict[str, Answer], where: str) -> list[Answer]:
    try:
        found = [[answers[key] for key in windows] for windows in keys]
    except KeyError:
        raise MindError(f"{where}: its answer is not in the log", hint="run it again") from None
    given: list[Answer] = []
    for parts in found:
        if isinstance(parts[0], str):
            given.append(parts[0])
        else:
            pairs = [part for part in parts if not isinstance(part, str)]
            given.append((sum(nats for nats, _ in pairs), all(greedy for _, greedy in pairs)))
    return given
