"""The loop from its plan to its page."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mind_core.chats import ChatFormat
from mind_core.files import make_folder, read_json, write_json, write_manifest
from mind_core.output import write_records
from mind_core.progress import log
from mind_core.runner import StreamOptions
from mind_core.stream import read_records
from mind_core.untrusted import as_written, check_stays_inside
from mind_sft_select.choosing import SelectionRules, choose
from mind_sft_select.fitting.cells import Cells
from mind_sft_select.fitting.verdict import PEAK, FitConclusion, judge_curve
from mind_sft_select.loop.arms import (
    Arm,
    band_arm,
    baseline_arms,
    candidates,
    cell_name,
    cluster_arms,
    evaluation_overlap,
    tokens_by_language,
)
from mind_sft_select.loop.cells import AGAIN, TOOL, run_cell
from mind_sft_select.loop.data import draw_instructions, load_data
from mind_sft_select.loop.differential_arm import differential_arm, differentials, tuned_cell
from mind_sft_select.loop.margins import open_benchmarks
from mind_sft_select.loop.page import write_page
from mind_sft_select.loop.plan_file import DIFFERENTIAL, LoopPlan
from mind_sft_select.loop.state import BAND, Loop
from mind_sft_select.loop.summary import summary_of
from mind_sft_select.reference_measure import measure_pool, measure_texts
from mind_sft_select.scoring.run import ScoreOptions, open_answer_model, run_scores
from mind_sft_select.strata import cluster_pool

FORMAT = "mind-sft-loop"
GROWING = ("seeds", "baseline_seeds", "baselines")


def run_loop(
    plan: LoopPlan, folder: Path, say: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Run a loop in a folder, from where it stands; return what `loop.json` says."""
    say = say or (lambda line: log(TOOL, line))
    open_benchmarks(plan)  # an unknown one is refused before anything starts
    _same_plan(plan, folder)
    # Whatever is in the folder already is read, not made again; the order below is fixed, as the
    # band needs the fits, and the baselines the band's tokens.
    loop = prepare(plan, folder, say)
    for name, by_seed in cluster_arms(loop).items():
        tune_arm(loop, name, by_seed, say)
    verdicts = {
        language: fit_language(loop, language)
        for language in sorted({cluster.stratum for cluster in loop.clusters})
    }
    rules = SelectionRules(band=band_of(plan, verdicts), reference=loop.own)
    chosen = choose(loop.data.pool, rules, evaluation_overlap(loop.data))
    band = band_arm(loop, chosen)
    tune_arm(loop, BAND, band, say)
    arms = baseline_arms(loop, band)
    for name, by_seed in arms.items():
        tune_arm(loop, name, by_seed, say)
    if DIFFERENTIAL in plan.baselines and "random" in arms:
        loop.differentials = differentials(loop, tuned_cell(folder, loop.cells["random"]), say)
        usable = candidates(loop.data)
        arm = differential_arm(loop, loop.differentials, usable, arms["random"])
        tune_arm(loop, DIFFERENTIAL, arm, say)
    result = {"format": FORMAT, **summary_of(loop, rules, chosen, verdicts)}
    write_json(folder / "loop.json", result)
    write_page(loop, result, folder)
    write_manifest(folder, {"format": FORMAT, "version": 1, "verdict": result["verdict"]})
    return result


def _same_plan(plan: LoopPlan, folder: Path) -> None:
    """Keep the plan beside its results; refuse to go on under another one.

    More or fewer seeds or baselines are no other plan: no cell depends on how many there are.
    """
    from dataclasses import asdict

    from mind_core.errors import UsageError

    values = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(plan).items()}
    values["base"] = str(plan.base.resolve())
    # Written anew even if it is there: seeds and baselines may have grown.
    path = folder / "plan.json"
    check_stays_inside(folder)
    if path.exists():
        with as_written(path, AGAIN):
            before = dict(read_json(path))
        changed = [k for k in values if before.get(k) != values[k] and k not in GROWING]
        if changed:
            raise UsageError(
                f"{folder} was begun with another plan: {', '.join(changed)}",
                hint="give another -o folder, or the plan as it was with more seeds or baselines",
            )
    make_folder(folder)
    write_json(path, values)


def prepare(plan: LoopPlan, folder: Path, say: Callable[[str], None]) -> Loop:
    """Read and score the data and the evaluation items, measure the reference, cluster."""
    options = ScoreOptions(plan.model_path, plan.device, long=plan.long, unconditional=True,
                           plain=True)  # fmt: skip
    for name, paths, limit in (
        ("pool", plan.data, plan.limit),
        ("items", plan.evaluation, plan.items),
    ):
        out = folder / f"{name}.scored.jsonl.zst"
        # The scored stream appears when it is whole.
        if out.is_file():
            continue
        records = draw_instructions(plan.paths(paths), limit, plan.seed)
        write_records(folder / f"{name}.jsonl.zst", records)
        say(f"scoring {len(records):,} records ({name})")
        stream = StreamOptions(
            (str(folder / f"{name}.jsonl.zst"),), out, quiet=True, progress=False
        )
        run_scores(ScoreOptions(**{**options.__dict__, "scores": folder / f"{name}-scores"}),
                   ChatFormat(), stream)  # fmt: skip
    data = load_data(plan, folder / "pool.scored.jsonl.zst", folder / "items.scored.jsonl.zst")
    path = folder / "reference.json"
    if not path.is_file():
        say("measuring the reference")
        model = open_answer_model(options)
        found = measure_texts(model, read_records(plan.paths(plan.heldout)), plan.seed)
        write_json(path, {"format": "mind-sft-reference", "uses": plan.use,
                          "model": model.model.section(), **found,
                          "pool": measure_pool(data.records)})  # fmt: skip
    with as_written(path, AGAIN):
        loop = Loop(plan, folder, data, dict(read_json(path)))
        if not all(math.isfinite(value) for value in loop.own.values.values()):
            raise ValueError("a reference is no finite number")
    loop.clusters = cluster_pool(
        data.pool, plan.clusters, by=plan.by, budget=plan.budget, small="merge", seed=plan.seed
    )
    return loop


def tune_arm(loop: Loop, name: str, by_seed: Arm, say: Callable[[str], None]) -> None:
    """Tune and evaluate every seed of an arm; an arm without a record is left out."""
    tokens = loop.data.pool.number("tokens")
    for seed, places in by_seed.items():
        if not places:
            say(f"{name} has no record: it is left out")
            return
        spent = int(tokens[places].sum())
        folder = loop.folder / "cells" / cell_name(name, seed, places)
        if not (folder / "cell.json").is_file():
            say(f"tuning {name}, seed {seed}: {len(places):,} records, {spent:,} answer tokens")
        records = [loop.data.records[i] for i in places]
        cell = run_cell(loop.plan, folder, name, seed, records, spent, loop.data.items)
        loop.cells.setdefault(name, []).append(cell)
        loop.spent.setdefault(name, []).append(tokens_by_language(loop, places))


def fit_language(loop: Loop, language: str) -> FitConclusion | None:
    """Fit the loss of the first half of the items in a language against the clusters' gaps.

    None where fewer than four clusters of the language were tuned.
    """
    data, own = loop.data, loop.own.of(language)
    pool_scores = data.pool.number("entropy")
    inside = np.array([word == language for word in data.item_languages]) & data.halves
    chosen = [(f"cluster-{n:02d}", c) for n, c in enumerate(loop.clusters) if c.stratum == language
              and f"cluster-{n:02d}" in loop.cells]  # fmt: skip
    if len(chosen) < 4 or own is None or inside.sum() < 2:
        return None
    # Mean 1 over these items, so that a plain mean of weighted losses is the weighted mean.
    weights = data.weights[inside] / data.weights[inside].mean()
    values = np.array([
        [cell.losses[inside] * weights for cell in loop.cells[name]] for name, _ in chosen
    ])  # fmt: skip
    gaps = np.array([pool_scores[c.members].mean() - own for _, c in chosen])
    return judge_curve(Cells(tuple(n for n, _ in chosen), gaps, values), seed=loop.plan.seed)


def band_of(plan: LoopPlan, verdicts: dict[str, FitConclusion | None]) -> tuple[float, float]:
    """Return the band that the fits recommend, if all languages have a peak; else the plan's."""
    bands = [v.band for v in verdicts.values() if v is not None and v.verdict == PEAK and v.band]
    # One band for all languages, so it holds those of each; with one undecided it stays the plan's.
    if bands and len(bands) == len(verdicts):
        return min(b[0] for b in bands), max(b[1] for b in bands)
    return plan.band
