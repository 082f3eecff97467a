"""Compare runs on the same items: paired, because each item is its own control.

McNemar's exact test asks whether the items that only one side gets right are split evenly
(McNemar 1947; two-sided binomial). Holm 1979 corrects for the number of comparisons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import comb
from pathlib import Path
from typing import Any

from mind_core import Record
from mind_core.errors import UsageError
from mind_eval.results import read_items, read_scores
from mind_eval.table import aligned

METRICS = ("acc", "acc_norm", "exact_match")


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
        rows += [{**pair, **row} for row in _item_rows(base_items, _by_id(other))]
    if not rows:
        raise UsageError(
            "these scores share no task and no language",
            hint="run both with the same --suite and --heldout",
        )
    for row, p in zip(
        [row for row in rows if "p" in row],
        holm([row["p"] for row in rows if "p" in row]),
        strict=True,
    ):
        row["p_holm"] = p
    return rows


def mcnemar(only_a: int, only_b: int) -> float:
    """Return the exact two-sided p-value of McNemar's test from the two discordant counts."""
    n, k = only_a + only_b, min(only_a, only_b)
    tail = sum(comb(n, i) for i in range(k + 1))
    return min(1.0, 2 * tail / (1 << n))


def holm(values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values, in the order given."""
    adjusted = [0.0] * len(values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        highest = max(highest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = highest
    return adjusted


def compare_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Lay comparisons out for people."""
    table = [["what", "metric", "A", "B", "B - A", "items", "only A", "only B", "p", "p (Holm)"]]
    for row in rows:
        table.append(
            [
                row["what"],
                row["metric"],
                f"{row['value_a']:.4f}",
                f"{row['value_b']:.4f}",
                f"{row['difference']:+.4f}",
                *(f"{row[name]:,}" if name in row else "-" for name in ("items", "only_a")),
                *(f"{row[name]:,}" if name in row else "-" for name in ("only_b",)),
                *(f"{row[name]:.3g}" if name in row else "-" for name in ("p", "p_holm")),
            ]
        )
    folders = dict.fromkeys(f"A = {row['a']}, B = {row['b']}" for row in rows)
    return "\n".join(folders) + "\n" + aligned(table, 8)


def _by_id(folder: Path) -> dict[str, Record]:
    return {item["id"]: item for item in read_items(folder)}


def _item_rows(a: Mapping[str, Record], b: Mapping[str, Record]) -> list[dict[str, Any]]:
    """Compare the items that both runs answered, prompts alike or not; say how many differ."""
    shared: dict[str, list[str]] = {}
    for key, item in a.items():
        if key in b:
            shared.setdefault(item["task"], []).append(key)
    rows = []
    for task, keys in sorted(shared.items()):
        for metric in METRICS:
            if any(metric not in side[key]["metrics"] for side in (a, b) for key in keys):
                continue
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
                    "only_a": only_a,
                    "only_b": only_b,
                    "p": mcnemar(only_a, only_b),
                    "other_prompts": sum(
                        a[key]["prompt_hash"] != b[key]["prompt_hash"] for key in keys
                    ),
                }
            )
    return rows


def _heldout_rows(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    held_a, held_b = (scores.get("heldout", {}).get("languages", {}) for scores in (a, b))
    rows = []
    for language in sorted(held_a.keys() & held_b.keys()):
        one, two = held_a[language]["bits_per_byte"], held_b[language]["bits_per_byte"]
        if one is not None and two is not None:
            rows.append(
                {
                    "what": f"heldout {language}",
                    "metric": "bits_per_byte",
                    "value_a": one,
                    "value_b": two,
                    "difference": two - one,
                }
            )
    return rows
