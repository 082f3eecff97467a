"""Show how the models score: held-out text, benchmarks, and the domain task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mind_core.files import read_json
from mind_core.safe_html import Safe, joined, markup
from mind_eval.finite import is_finite
from mind_eval.report.curves import language_name
from mind_eval.report.page import Section, number, table
from mind_eval.report.words import say

DOMAIN_METRICS = ("accuracy", "majority_accuracy", "gain", "macro_f1", "mcc", "unparsed")
NOT_FINITE = markup("<b>not finite</b>")
"""In the place of a figure that was NaN or infinite, which JSON holds as null."""

METRICS = ("acc", "acc_norm", "exact_match", "f1", "bleu", "chrf", "score", "cut")


def read_all_scores(run: Path) -> dict[str, dict[str, Any]]:
    """Return the scores of a run folder by name: every `*/scores.json`."""
    return {path.parent.name: read_json(path) for path in sorted(run.glob("*/scores.json"))}


def scores_section(runs: Mapping[str, Mapping[str, Any]]) -> Section | None:
    """Return one section with the held-out text and the benchmarks of every scores folder."""
    if not runs:
        return None
    body = joined(
        part
        for name, scores in runs.items()
        for part in (
            markup("<h3>{}</h3>", name) if len(runs) > 1 else "",
            _heldout(scores.get("heldout")),
            _benchmarks(scores),
        )
    )
    return Section(
        "scores",
        say("How it scores"),
        body,
        say("lead.run"),
    )


def domain_section(scores: Mapping[str, Any]) -> Section:
    """Return the section of the domain task: metrics with intervals, and the confusions."""
    rows = []
    known = [name for name in DOMAIN_METRICS if name in scores["metrics"]]
    # The usual ones in a fixed order, then those that a domain adds.
    for name in [*known, *sorted(set(scores["metrics"]) - set(known))]:
        metric = scores["metrics"][name]
        there = is_finite(metric.get("low")) and is_finite(metric.get("high"))
        interval = f"{metric['low']:.3f} … {metric['high']:.3f}" if there else ""
        value = number(metric["value"]) if is_finite(metric["value"]) else NOT_FINITE
        rows.append((name.replace("_", " "), value, interval))
    body = table(["metric", "value", "95 % interval"], rows)
    confusion = scores["confusion"]
    columns = list(next(iter(confusion.values())))
    taken = table(
        ["truth \\ answer", *columns],
        [(truth, *(number(row[c]) for c in columns)) for truth, row in confusion.items()],
    )
    body = markup("{}<h3>{}</h3>{}", body, say("What was taken for what"), taken)
    return Section(
        "domain",
        say("The domain task"),
        body,
        say("lead.domain").format(scores["records"], scores["method"]),
    )


def _value(value: object, error: object) -> str:
    if not isinstance(value, (int, float)) or not is_finite(value):
        return NOT_FINITE
    there = isinstance(error, float) and is_finite(error)
    return f"{value:.3f}" + (f" ± {error:.3f}" if there else "")


def _heldout(held: Mapping[str, Any] | None) -> Safe:
    if not held:
        return markup("")
    rows = []
    for language, values in held["languages"].items():
        rows.append(_heldout_row(markup("<b>{}</b>", language_name(language)), values))
        if len(values["sources"]) > 1:
            rows += [_heldout_row(n, v) for n, v in values["sources"].items()]
    head = ["held-out text", "documents", "tokens", "nats per token", "bits per byte"]
    found = held["all"].get("in_top", ()) if isinstance(held.get("all"), dict) else ()
    return table([*head, *(f"in top {k}" for k in found)], rows)


def _heldout_row(name: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    ratios = (values["nats_per_token"], values["bits_per_byte"], *values.get("in_top", {}).values())
    cells = ("–" if ratio is None else number(ratio) for ratio in ratios)
    return (name, number(values["documents"]), number(values["tokens"]), *cells)


def _benchmarks(scores: Mapping[str, Any]) -> Safe:
    results: Mapping[str, Mapping[str, Any]] = scores.get("results", {})
    if not results:
        return markup("")
    rows: list[Sequence[str]] = []
    for task, values in results.items():
        about = scores.get("benchmarks", {}).get(task, {})
        for key, value in values.items():
            metric, comma, rest = key.partition(",")
            # Keys are lm-eval's `metric,filter`; others, such as `alias`, are no figures.
            if not comma or metric not in METRICS:
                continue
            error = values.get(f"{metric}_stderr,{rest}")
            rows.append(
                (
                    markup("<b>{}</b>", task),
                    language_name(about.get("language", "")),
                    metric,
                    number(scores["n-samples"][task]["effective"]),
                    "–" if about.get("chance") is None else number(about["chance"]),
                    _value(value, error),
                )
            )
    head = ["benchmark", "language", "metric", "items", "chance", "score"]
    return markup("<h3>{}</h3>{}", say("Benchmarks"), table(head, rows, text_columns=3))
