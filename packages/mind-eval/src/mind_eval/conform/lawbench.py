"""LawBench's published outputs, scored here, beside the scores that its authors publish."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mind_eval.benchmarks.layouts.law import scored_answer
from mind_eval.benchmarks.rows import find, has, read_object, read_text
from mind_eval.conform.checks import Check, close
from mind_eval.metrics.law import CHARGES, TASKS, charges_of, labels_of, rule_of

LAWBENCH = "lawbench-predictions"
SOURCE = "open-compass/LawBench, README and predictions/zero_shot"
TABLE = "SCORES.md"
BOUND = 0.0051
"""Both figures have two decimals."""


def lawbench_checks(folder: Path | None) -> list[Check]:
    """Score each task of each model in a folder: `<model>/<task>.json` beside a table of scores."""
    if folder is None or not folder.is_dir() or find_spec("jieba") is None:
        need = "" if find_spec("jieba") else ", needs mind-eval[law]"
        return [Check(f"LawBench, tasks of published models{need}", "-", None, SOURCE)]
    published = read_scores(read_text(folder / TABLE))
    checks = []
    for model in sorted(path for path in folder.iterdir() if path.is_dir()):
        scores = next(
            # The longest name first: one model's name may begin another's.
            (published[name] for name in sorted(published, key=len, reverse=True)
             if model.name.startswith(name)), {},
        )  # fmt: skip
        for task in TASKS:
            if task in scores and has(model, f"{task}.json"):
                got = score_of(task, read_object(find(model, f"{task}.json")))
                what = f"LawBench {task}, {model.name}"
                checks.append(close(what, scores[task], got, SOURCE, BOUND))
    return checks


def read_scores(table: str) -> dict[str, dict[str, float]]:
    """Read a Markdown table of scores: {model: {task: score in per cent}}."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")]
            for line in table.split("\n") if line.startswith("|")]  # fmt: skip
    models = rows[0][1:]
    found: dict[str, dict[str, float]] = {model: {} for model in models}
    for task, *values in rows[2:]:
        for model, value in zip(models, values, strict=True):
            found[model][task] = float(value)
    return found


def score_of(task: str, outputs: Mapping[str, Any]) -> float:
    """Score what a model wrote for a task, in per cent; unscored answers are left out."""
    rows = [row for row in outputs.values() if isinstance(row, dict) and "refr" in row]
    if task == CHARGES:
        options = charges_of(row["refr"] for row in rows)
    else:
        options = labels_of(_prompt(rows[0]["origin_prompt"]))
    rule = rule_of(task, options)
    scores = [
        rule(row["prediction"], row["refr"])[0] for row in rows if scored_answer(task, row["refr"])
    ]
    return 100 * math.fsum(scores) / len(scores)


def _prompt(asked: Any) -> str:
    return str(asked if isinstance(asked, str) else asked[0]["prompt"])
