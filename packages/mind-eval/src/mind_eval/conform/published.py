"""Answers written by other models, and labelled formulas, scored here beside what was published."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import mind_eval.metrics.latex
from mind_core.errors import UsageError
from mind_eval.benchmarks.rows import find, listed, read_object, read_rows
from mind_eval.conform.checks import Check, close
from mind_eval.conform.lawbench import LAWBENCH, lawbench_checks
from mind_eval.conform.prompts import prompt_checks
from mind_eval.conform.wmt import WMT, wmt_checks
from mind_eval.metrics.extract import EXTRACTORS
from mind_eval.metrics.latex.equality import same

PAIRS = Path(mind_eval.metrics.latex.__file__).parent / "pairs.tsv"
"""Label (1: the same), one answer, another; a pair a line."""

MIN_SHARE = 0.95


def read_pairs() -> list[tuple[bool, str, str]]:
    """Read the labelled pairs."""
    rows = (line.split("\t") for line in PAIRS.read_text("utf-8").split("\n") if line)
    return [(label == "1", one, two) for label, one, two in rows]


def formula_checks() -> list[Check]:
    """Check how many pairs are told rightly, and that none is taken for the same wrongly."""
    pairs = read_pairs()
    found = [same(one, two) for _, one, two in pairs]
    right = sum(got == label for got, (label, _, _) in zip(found, pairs, strict=True))
    wrong = sum(got and not label for got, (label, _, _) in zip(found, pairs, strict=True))
    source = "metrics/latex/pairs.tsv, labelled by hand"
    return [
        Check(f"MATH, {len(pairs)} pairs of answers: right", f">= {MIN_SHARE:.0%}",
              f"{right / len(pairs):.1%}", source, right >= MIN_SHARE * len(pairs)),
        Check(f"MATH, {len(pairs)} pairs of answers: false positives", "0", f"{wrong}", source,
              wrong == 0),
    ]  # fmt: skip


CODEX = "bbh-codex-cot"
CODEX_SOURCE = "suzgunmirac/BIG-Bench-Hard, code-davinci-002-outputs"
CODEX_MEAN = 73.71
"""Mean of the 27 accuracies that the authors publish beside the outputs."""

METRICS = "_eval_metrics"


def published_checks(external: Path | None) -> list[Check]:
    """Check every set of outputs that a folder has; raise `UsageError` if it is no folder."""
    if external is not None and not external.is_dir():
        raise UsageError(f"--external {external} is no folder")
    if external is None:
        return [*_codex(None), *lawbench_checks(None), *wmt_checks(None)]
    return [
        *_codex(external / CODEX),
        *lawbench_checks(external / LAWBENCH),
        *wmt_checks(external / WMT),
    ]


def _codex(folder: Path | None) -> list[Check]:
    """Score what Codex wrote for BBH: each task's accuracy in per cent, and their mean."""
    if folder is None or not folder.is_dir():
        return [Check("BBH, Codex, mean of 27 tasks", f"{CODEX_MEAN:.2f}", None, CODEX_SOURCE)]
    checks, values = [], []
    for name, path in listed(folder, ".json"):
        rows: list[dict[str, Any]] = read_object(path)["outputs"]
        right = sum(EXTRACTORS["stated"](row["prediction"]) == row["target"] for row in rows)
        value = 100 * right / len(rows)
        wanted = read_rows(find(folder, f"{name}{METRICS}.jsonl"))[0]["accuracy"]
        task = name.partition("_few_shot")[0]
        checks.append(close(f"BBH, Codex, {task}", wanted, value, CODEX_SOURCE, 0.005))
        values.append(value)
    mean = math.fsum(values) / len(values)
    name = f"BBH, Codex, mean of {len(values)} tasks"
    return [*checks, close(name, CODEX_MEAN, mean, CODEX_SOURCE, 0.005)]


def run_checks(data_root: Path | None, external: Path | None) -> list[Check]:
    """Make every check for which there are data."""
    return [*prompt_checks(data_root), *formula_checks(), *published_checks(external)]
