"""Measure a task from its items: means with errors, subjects, categories, corpus scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mind_core import Record
from mind_eval.metrics.items import TRANSLATION
from mind_eval.metrics.translation import corpus_scores
from mind_eval.prompts.spec import Spec

ALL = "all"


@dataclass
class Measured:
    """What a task came to: lm-eval's result row, subjects, and the headline."""

    results: dict[str, Any]
    subjects: dict[str, dict[str, Any]] = field(default_factory=dict)
    categories: dict[str, dict[str, Any]] = field(default_factory=dict)
    headline: dict[str, Any] = field(default_factory=dict)


def measure_task(
    spec: Spec,
    records: Sequence[Record],
    *,
    metric: str | None,
    average: str,
    categories: Mapping[str, Sequence[str]],
) -> Measured:
    """Measure a task; `average` says whether items or subjects count the same in the headline."""
    results: dict[str, Any] = {"alias": spec.name, "sample_len": len(records)}
    corpora = any(name in TRANSLATION for name in spec.metrics)
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(str(record.get("subject") or ALL), []).append(record)
    subjects = {name: _group(spec, group, corpora) for name, group in groups.items()}
    for name in spec.metrics:
        if name in TRANSLATION:
            values = [subject[name] for subject in subjects.values()]
            errors = [subject[f"{name}_stderr"] for subject in subjects.values()]
            value = math.fsum(values) / len(values) if values else None
            error: float | None = None
            if values and None not in errors:
                error = math.sqrt(math.fsum(e * e for e in errors)) / len(errors)
        else:
            value, error = mean_and_error([r["metrics"][name] for r in records if r["metrics"]])
        if value is not None:
            results[f"{name},none"] = value
            results[f"{name}_stderr,none"] = error
    chosen = metric if metric in spec.metrics else spec.metrics[0]
    measured = Measured(results, subjects if set(groups) != {ALL} else {})
    measured.categories = _categories(chosen, subjects, categories)
    measured.headline = _headline(chosen, results, subjects, average)
    return measured


def averages(
    measured: Mapping[str, Measured], groups: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Average headlines by group; a group with a member missing says so and has no value.

    BLEU runs to 100 and accuracies to 1, so a group holds one kind or the other.
    """
    found = {}
    for name, members in groups.items():
        there = [measured[m].headline["value"] for m in members if m in measured]
        missing = [m for m in members if m not in measured]
        whole = bool(there) and not missing and None not in there
        found[name] = {
            "value": math.fsum(there) / len(there) if whole else None,
            "of": list(members),
            "missing": missing,
        }
    return found


def mean_and_error(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Return the mean and its standard error with n - 1, as lm-eval's `mean_stderr`."""
    n = len(values)
    if not n:
        return None, None
    mean = math.fsum(values) / n
    if n == 1:
        return mean, None
    squares = math.fsum((value - mean) ** 2 for value in values)
    return mean, math.sqrt(squares / (n - 1) / n)


def _group(spec: Spec, group: Sequence[Record], corpora: bool) -> dict[str, Any]:
    """Measure the items of one subject."""
    found: dict[str, Any] = {"items": len(group)}
    for name in spec.metrics:
        if name not in TRANSLATION:
            value, error = mean_and_error([r["metrics"][name] for r in group if r["metrics"]])
            found[name], found[f"{name}_stderr"] = value, error
    if corpora:
        scores = corpus_scores(
            [str(record["picked"]) for record in group],
            [str(record["target"]) for record in group],
            str(group[0].get("target_language", "en")),
        )
        for name, score in scores.items():
            found[name], found[f"{name}_stderr"] = score["value"], score["error"]
            found[f"{name}_signature"] = score["signature"]
    return found


def _headline(
    metric: str, results: Mapping[str, Any], subjects: Mapping[str, Mapping[str, Any]], average: str
) -> dict[str, Any]:
    """Give the one number of a task, and both averages."""
    values = [
        (s[metric], s[f"{metric}_stderr"]) for s in subjects.values() if s[metric] is not None
    ]
    by_subject = math.fsum(value for value, _ in values) / len(values) if values else None
    by_item = results.get(f"{metric},none")
    error = results.get(f"{metric}_stderr,none")
    if average == "subjects" and values and all(e is not None for _, e in values):
        error = math.sqrt(math.fsum(e * e for _, e in values)) / len(values)
    return {
        "metric": metric,
        "average": average,
        "value": by_subject if average == "subjects" else by_item,
        "stderr": error,
        "by_item": by_item,
        "by_subject": by_subject,
    }


def _categories(
    metric: str,
    subjects: Mapping[str, Mapping[str, Any]],
    categories: Mapping[str, Sequence[str]],
) -> dict[str, dict[str, Any]]:
    """Average subjects by category, weighted by items, as MMLU's authors do."""
    found = {}
    for name, members in categories.items():
        there = [subjects[m] for m in members if m in subjects and subjects[m][metric] is not None]
        items = sum(subject["items"] for subject in there)
        if items:
            total = math.fsum(subject[metric] * subject["items"] for subject in there)
            found[name] = {"items": items, "subjects": len(there), metric: total / items}
    return found
