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
Figure = tuple[float | None, float | None]
"""A value and its standard error; None where there is none."""


@dataclass
class TaskMetrics:
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
) -> TaskMetrics:
    """Measure a task; `average` says whether items or subjects count the same, in every metric."""
    results: dict[str, Any] = {"alias": spec.name, "sample_len": len(records)}
    corpora = any(name in TRANSLATION for name in spec.metrics)
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(str(record.get("subject") or ALL), []).append(record)
    subjects = {name: _group(spec, group, corpora) for name, group in groups.items()}
    # The headline that a benchmark names may not be a metric of this form of it.
    chosen = metric if metric in spec.metrics else spec.metrics[0]
    measured = TaskMetrics(results, subjects if set(groups) != {ALL} else {})
    for name in spec.metrics:
        items: Figure = (None, None)
        if name not in TRANSLATION:  # which have no value of a single item
            items = mean_and_error(values_of(name, records))
        means = _mean_of_subjects(name, subjects)
        # BLEU and chrF are of a corpus, which is a subject here.
        by_subject = average == "subjects" or name in TRANSLATION
        value, error = means if by_subject else items
        if value is not None:
            results[f"{name},none"] = value
            results[f"{name}_stderr,none"] = error
        if name == chosen:
            measured.headline = {
                "metric": name, "average": average, "value": value, "stderr": error,
                "by_item": items[0], "by_subject": means[0],
            }  # fmt: skip
    measured.categories = _categories(chosen, subjects, categories, average)
    return measured


def averages(
    measured: Mapping[str, TaskMetrics], groups: Mapping[str, Sequence[str]]
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


def values_of(metric: str, records: Sequence[Record]) -> list[float]:
    """Collect a metric of items; those that do not have it are left out."""
    return [record["metrics"][metric] for record in records if metric in record["metrics"]]


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
            value, error = mean_and_error(values_of(name, group))
            found[name], found[f"{name}_stderr"] = value, error
    if corpora:
        scores = corpus_scores(
            [str(record["picked"]) for record in group],
            [str(record["target"]) for record in group],
            str(group[0].get("target_language", "en")),
            spec.metadata.get("spm"),
        )
        for name, score in scores.items():
            found[name], found[f"{name}_stderr"] = score["value"], score["error"]
            found[f"{name}_signature"] = score["signature"]
    return found


def _mean_of_subjects(name: str, subjects: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Average a metric over subjects, each counting the same; its error adds up their variances.

    A subject of one item has the variance within the others, pooled; where all have one, the error
    is that of the mean of so many items, which counts the differences between subjects as well.
    """
    found = [
        (s[name], s[f"{name}_stderr"], s["items"]) for s in subjects.values() if s[name] is not None
    ]
    if not found:
        return None, None
    value = math.fsum(value for value, _, _ in found) / len(found)
    known = [(error * error, items) for _, error, items in found if error is not None]
    # Some subjects have one item, which has no variance of its own.
    if len(known) < len(found):
        if name in TRANSLATION:
            return value, None
        if not known:
            return value, mean_and_error([value for value, _, _ in found])[1]
        within = math.fsum(square * items * (items - 1) for square, items in known)
        # Squared errors times items are variances of an item, weighted by degrees of freedom.
        pooled = within / sum(items - 1 for _, items in known)
        known += [(pooled, 1)] * (len(found) - len(known))
    return value, math.sqrt(math.fsum(square for square, _ in known)) / len(found)


def _categories(
    metric: str,
    subjects: Mapping[str, Mapping[str, Any]],
    categories: Mapping[str, Sequence[str]],
    average: str,
) -> dict[str, dict[str, Any]]:
    """Average subjects by category: each the same, or weighted by items, as MMLU's authors do."""
    found = {}
    for name, members in categories.items():
        there = [subjects[m] for m in members if m in subjects and subjects[m][metric] is not None]
        items = sum(subject["items"] for subject in there)
        if items:
            weights = [1 if average == "subjects" else subject["items"] for subject in there]
            total = math.fsum(
                subject[metric] * weight for subject, weight in zip(there, weights, strict=True)
            )
            found[name] = {"items": items, "subjects": len(there), metric: total / sum(weights)}
    return found
