"""Scores as a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mind_core.render.terminal import align_columns
from mind_eval.models.endpoint import REFUSALS
from mind_eval.significance import NO_SIGNAL, chance_of, detectable_between, has_signal, interval

SHOWN = (
    "acc", "acc_norm", "acc_mean", "acc_slln", "probability", "bits_per_byte", "margin",
    "exact_match", "exact_match_flexible", "accuracy_from_text", "regex", "f1", "rouge_l",
    "rouge_zh", "bleu", "chrf", "score", "unparsed", "abstained", "cut",
)  # fmt: skip
SIGNAL = {None: "-", True: "yes", False: "no"}


def scores_table(scores: Mapping[str, Any]) -> str:
    """Lay out held-out text by language and source, then one row a task and metric."""
    parts = []
    if held := scores.get("heldout"):
        parts.append(_heldout(held))
    if results := scores.get("results"):
        parts.append(_tasks(results, scores["benchmarks"], scores["n-samples"],
                            scores.get("headlines", {})))  # fmt: skip
    if "own" in scores.get("headlines", {}):
        parts.append(_own(scores))
    if columns := scores.get("contamination"):
        parts.append(_contamination(columns))
    if found := {k: v for k, v in scores.get("averages", {}).items() if v["value"] is not None}:
        rows = [["average", "of", "value"]]
        rows += [[k, ", ".join(v["of"]), f"{v['value']:.4f}"] for k, v in found.items()]
        parts.append(aligned(rows, 1))
    if notes := _aside(scores):
        parts.append(notes)
    return "\n".join(parts)


def aligned(rows: Sequence[Sequence[str]], numbers: int) -> str:
    """Align columns: text to the left, the last `numbers` columns to the right."""
    return "\n".join(align_columns(rows, numbers)) + "\n"


def _contamination(columns: Mapping[str, Any]) -> str:
    """Lay out scores of items by whether they stand in the training text."""
    rows = [["task", "metric", "clean", "items", "dirty", "items", "untested"]]
    for task, groups in columns.items():
        metric = next(name for name in groups["clean"] if name != "items")
        row = [task, metric]
        for name in ("clean", "dirty"):
            value = groups[name][metric]
            row += ["-" if value is None else f"{value:.4f}", f"{groups[name]['items']:,}"]
        rows.append([*row, f"{groups['untested']['items']:,}"])
    return aligned(rows, 5)


def _aside(scores: Mapping[str, Any]) -> str:
    """Say what was set aside, which prompts were cut to fit the context, what has no score."""
    lines = []
    for name, about in scores.get("benchmarks", {}).items():
        if about.get("lacking"):
            lines.append(f"{name}: {about['lacking']}")
        if about.get("bad_items"):
            lines.append(f"{name}: {about['bad_items']:,} items set aside, first {about['bad'][0]}")
        lines += [
            f"{name}: {count:,} items {REFUSALS.get(kind, kind)}, not scored"
            for kind, count in about.get("refused", {}).items()
        ]
        if cut := about.get("shots", {}).get("overlong_without_shots"):
            lines.append(f"{name}: {cut:,} prompts longer than the context, cut from the left")
        if share := scores.get("results", {}).get(name, {}).get("cut,none"):
            limit = f"{about['max_new_tokens']:,} " if "max_new_tokens" in about else ""
            lines.append(
                f"{name}: {share:.1%} of the texts were cut by the limit of {limit}new tokens, or "
                "by the context (--max-new-tokens)"
            )
    lines += [
        f"{name}: {count:,} answers, for its authors to score: -o FOLDER writes them to "
        f"FOLDER/submission-{name}.json"
        for name, count in scores.get("submissions", {}).items()
    ]
    lines += [f"{name}: set aside, {why}" for name, why in scores.get("failed", {}).items()]
    return "".join(f"{line}\n" for line in lines)


def _heldout(held: Mapping[str, Any]) -> str:
    head = ["held-out text", "source", "documents", "tokens", "nats/token", "bits/byte", "± error"]
    rows = [[*head, *(f"in top {k}" for k in held["all"].get("in_top", ()))]]
    for language, values in held["languages"].items():
        sources = values["sources"]
        rows.append(_heldout_row(language, "all" if len(sources) > 1 else next(iter(sources)),
                                 values))  # fmt: skip
        if len(sources) > 1:
            rows += [_heldout_row(language, name, inner) for name, inner in sources.items()]
    if len(held["languages"]) > 1:
        rows.append(_heldout_row("all", "all", held["all"]))
    return aligned(rows, len(rows[0]) - 2)


def _heldout_row(language: str, source: str, values: Mapping[str, Any]) -> list[str]:
    ratios = (
        values["nats_per_token"], values["bits_per_byte"], values.get("bits_per_byte_stderr"),
        *values.get("in_top", {}).values(),
    )  # fmt: skip
    return [
        language,
        source,
        f"{values['documents']:,}",
        f"{values['tokens']:,}",
        *("-" if ratio is None else f"{ratio:.4f}" for ratio in ratios),
    ]


def _tasks(
    results: Mapping[str, Any],
    notes: Mapping[str, Any],
    counts: Mapping[str, Any],
    headlines: Mapping[str, Any],
) -> str:
    """Lay out a row a task and metric; the headline metric of a task, its one figure, has a `*`."""
    rows = [
        ["task", "lang", "form", "data", "metric", "mean over", "items", "shots", "chance", "value",
         "± error", "detects", "signal"]
    ]  # fmt: skip
    for task, values in results.items():
        about = notes.get(task, {})  # lm-eval's groups have none, its tasks in Python few
        for name in values:
            metric, comma, _ = name.partition(",")
            if not comma or metric not in SHOWN:
                continue
            error = values.get(f"{metric}_stderr,{name.partition(',')[2]}")
            items = counts[task]["effective"] if task in counts else None
            rows.append(
                [
                    task,
                    about.get("language", "-"),
                    about.get("form", "group"),
                    "shipped" if about.get("data") == "shipped" else "given",
                    f"{metric} *" if headlines.get(task, {}).get("metric") == metric else metric,
                    headlines.get(task, {}).get("average", "items"),
                    "-" if items is None else f"{items:,}",
                    _kept(about),
                    _chance(metric, about),
                    f"{values[name]:.4f}",
                    f"{error:.4f}" if isinstance(error, float) else "-",
                    f"{found:.4f}" if (found := detectable_between(error)) else "-",
                    SIGNAL[has_signal(values[name], error, chance_of(metric, about), items)],
                ]
            )
    note = f"signal no: {NO_SIGNAL}, for chance lies within 1.96 standard errors\n"
    told = (
        "detects: the difference that two such runs would show (80 % power; compare shows less)\n"
    )
    told = told if any(row[-2] not in ("-", "detects") for row in rows) else ""
    return aligned(rows, 7) + told + (note if any(row[-1] == "no" for row in rows) else "")


def _own(scores: Mapping[str, Any]) -> str:
    """Say what a user's own questions came to, with the interval."""
    found = interval(scores, "own")
    if found is None:
        return ""
    items = scores["n-samples"]["own"]["effective"]
    metric = scores["headlines"]["own"]["metric"]
    return (
        f"own questions: {metric} {found[0]:.4f} of {items:,}, 95 % interval {found[1]:.4f} … "
        f"{found[2]:.4f}\n"
    )


def _kept(about: Mapping[str, Any]) -> str:
    """Show how many shots an item had on the mean, of those asked for."""
    shots = about.get("shots")
    return "-" if shots is None else f"{shots['kept_mean'] or 0:.1f} of {shots['asked']}"


def _chance(metric: str, about: Mapping[str, Any]) -> str:
    """Show what guessing gives; scores of earlier versions do not say."""
    chance = chance_of(metric, about)
    return "-" if chance is None else f"{chance:.4f}"
