"""What models of others wrote, scored here, beside the scores that were published with it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from mind_core.errors import UsageError
from mind_eval.benchmarks.rows import find, listed, read_object, read_rows
from mind_eval.conform.checks import Check, close
from mind_eval.conform.lawbench import LAWBENCH, lawbench_checks
from mind_eval.metrics.extract import EXTRACTORS

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
        return [*_codex(None), *lawbench_checks(None)]
    return [*_codex(external / CODEX), *lawbench_checks(external / LAWBENCH)]


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
