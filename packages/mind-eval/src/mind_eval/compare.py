"""Compare runs on the same items: paired, because each item is its own control; see `paired`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mind_core import Record
from mind_core.errors import UsageError
from mind_eval.power import detectable, least_one_sided
from mind_eval.results import read_items, read_scores
from mind_eval.significance import Z_LEVEL, Z_POWER, holm, mcnemar, paired_bootstrap, paired_means
from mind_eval.table import aligned

METRICS = (
    "acc", "acc_norm", "acc_slln", "exact_match", "exact_match_flexible", "accuracy_from_text",
    "regex",
)  # fmt: skip
"""Right or wrong by item."""

GRADED = ("score", "f1", "rouge_l", "rouge_zh", "probability", "margin")
"""Graded by item: the paired mean with a normal interval, in place of McNemar's test."""


def compare(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Compare the first folder with each other one, on every task and metric that both have.

    Raises `UsageError` for fewer than two folders, and if they share nothing.
    """
    if len(folders) < 2:
        raise UsageError("compare takes two or more scores folders")
    first = folders[0]
    rows: list[dict[str, Any]] = []
    base, base_items = read_scores(first), _by_id(first)
    for other in folders[1:]:
        pair = {"a": str(first), "b": str(other)}
        scores = read_scores(other)
        rows += [{**pair, **row} for row in _heldout_rows(base, scores)]
        rows += [
            {**pair, **row, **_headlines(row, base, scores)}
            for row in _item_rows(base_items, _by_id(other))
        ]
    if not rows:
        raise UsageError(
            "these scores share no task and no language",
            hint="run both with the same --suite and --heldout",
        )
    # Holm over everything that is told at once: all tasks, metrics and runs beside the first.
    for row, p in zip(
        [row for row in rows if "p" in row],
        holm([row["p"] for row in rows if "p" in row]),
        strict=True,
    ):
        row["p_holm"] = p
    return rows


def notes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say which items and texts two runs do not share, and whose prompts differ: once a task."""
    lines: dict[str, None] = {}
    for row in rows:
        found = []
        if any(row.get("unpaired", ())):
            only_a, only_b = row["unpaired"]
            found.append(f"left out, for the other run lacks them: {only_a:,} items of A, "
                         f"{only_b:,} of B")  # fmt: skip
        if row.get("other_prompts"):
            found.append(f"{row['other_prompts']:,} items were asked with other prompts")
        if "headlines" in row:
            a, b = (f"{value:.4f}" for value in row["headlines"])
            found.append(f"the headline averages subjects, A {a}, B {b}; here each item counts")
        if row["difference"] is None:
            found.append("A and B read other texts, so their figures have no difference")
        lines |= {f"B = {row['b']}, {row['what']}: {one}": None for one in found}
    return list(lines)


def compare_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Lay comparisons out for people."""
    table = [
        ["what", "metric", "A", "B", "B - A", "95 % of B - A", "items", "only A", "only B", "p",
         "p (Holm)", "80 % power"]
    ]  # fmt: skip
    for row in rows:
        table.append(
            [
                row["what"],
                row["metric"],
                f"{row['value_a']:.4f}",
                f"{row['value_b']:.4f}",
                "-" if row["difference"] is None else f"{row['difference']:+.4f}",
                "{:+.4f} … {:+.4f}".format(*row["interval"]) if "interval" in row else "-",
                *(f"{row[name]:,}" if name in row else "-" for name in ("items", "only_a")),
                *(f"{row[name]:,}" if name in row else "-" for name in ("only_b",)),
                *(f"{row[name]:.3g}" if name in row else "-" for name in ("p", "p_holm")),
                f"{row['detectable']:.4f}" if row.get("detectable") is not None else "-",
            ]
        )
    folders = dict.fromkeys(f"A = {row['a']}, B = {row['b']}" for row in rows)
    lines = "".join(f"{line}\n" for line in notes(rows))
    return "\n".join(folders) + "\n" + aligned(table, 10) + lines


def _by_id(folder: Path) -> dict[str, Record]:
    return {item["id"]: item for item in read_items(folder)}


def _item_rows(a: Mapping[str, Record], b: Mapping[str, Record]) -> list[dict[str, Any]]:
    """Compare the items that both runs answered, prompts alike or not; say how many differ.

    An item of one name but another content is another item.
    """
    shared: dict[str, list[str]] = {}
    for key, item in a.items():
        # Ids are numbers in many data sets: after an edit of the data the same one is another
        # question.
        if key in b and b[key]["doc_hash"] == item["doc_hash"]:
            shared.setdefault(item["task"], []).append(key)
    sizes = [Counter(item["task"] for item in side.values()) for side in (a, b)]
    rows = []
    for task, keys in sorted(shared.items()):
        for metric in GRADED:
            one, two = ([side[key] for key in keys] for side in (a, b))
            if all(metric in item["metrics"] for item in (*one, *two)):
                unpaired = [size[task] - len(keys) for size in sizes]
                rows.append(_graded_row(task, metric, one, two, unpaired))
        for metric in METRICS:
            if any(metric not in side[key]["metrics"] for side in (a, b) for key in keys):
                continue  # a metric of other kinds of task
            right_a = [bool(a[key]["metrics"][metric]) for key in keys]
            right_b = [bool(b[key]["metrics"][metric]) for key in keys]
            only_a = sum(x and not y for x, y in zip(right_a, right_b, strict=True))
            only_b = sum(y and not x for x, y in zip(right_a, right_b, strict=True))
            rows.append(
                {
                    "what": task,
                    "metric": metric,
                    "value_a": sum(right_a) / len(keys),
                    "value_b": sum(right_b) / len(keys),
                    "difference": (only_b - only_a) / len(keys),
                    "items": len(keys),
                    "unpaired": [size[task] - len(keys) for size in sizes],
                    "only_a": only_a,
                    "only_b": only_b,
                    "p": mcnemar(only_a, only_b),
                    "interval": list(paired_bootstrap(only_a, only_b, len(keys))),
                    "detectable": detectable(only_a, only_b, len(keys)),
                    "least_one_sided": least_one_sided(),
                    "other_prompts": sum(
                        a[key]["prompt_hash"] != b[key]["prompt_hash"] for key in keys
                    ),
                }
            )
    return rows


def _graded_row(
    task: str, metric: str, a: Sequence[Record], b: Sequence[Record], unpaired: Sequence[int]
) -> dict[str, Any]:
    """Compare a graded metric over pairs of items."""
    values_a, values_b = ([item["metrics"][metric] for item in side] for side in (a, b))
    difference, error, p = paired_means(values_a, values_b)
    return {
        "what": task,
        "metric": metric,
        "value_a": math.fsum(values_a) / len(a),
        "value_b": math.fsum(values_b) / len(b),
        "difference": difference,
        "items": len(a),
        "unpaired": list(unpaired),
        "p": p,
        "interval": [difference - Z_LEVEL * error, difference + Z_LEVEL * error],
        # All differences are one number: there is no spread to tell a power from.
        "detectable": (Z_LEVEL + Z_POWER) * error if error else None,
        "other_prompts": sum(
            x["prompt_hash"] != y["prompt_hash"] for x, y in zip(a, b, strict=True)
        ),
    }


def _headlines(
    row: Mapping[str, Any], a: Mapping[str, Any], b: Mapping[str, Any]
) -> dict[str, Any]:
    """Give both headlines where they are no mean over the items compared, but over subjects."""
    found = [scores.get("headlines", {}).get(row["what"], {}) for scores in (a, b)]
    # A run without a headline here has no `average`, so its `metric` is not looked up.
    if any(one.get("average") != "subjects" or one["metric"] != row["metric"] for one in found):
        return {}
    values = [one["value"] for one in found]
    return {} if None in values else {"headlines": values}


def _heldout_rows(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    held_a, held_b = (scores.get("heldout", {}).get("languages", {}) for scores in (a, b))
    rows = []
    for language in sorted(held_a.keys() & held_b.keys()):
        one, two = held_a[language]["bits_per_byte"], held_b[language]["bits_per_byte"]
        # Texts are not kept, so equal counts stand for equal texts.
        alike = all(held_a[language][n] == held_b[language][n] for n in ("documents", "bytes"))
        if one is not None and two is not None:
            rows.append(
                {
                    "what": f"heldout {language}",
                    "metric": "bits_per_byte",
                    "value_a": one,
                    "value_b": two,
                    "difference": two - one if alike else None,
                }
            )
    return rows
