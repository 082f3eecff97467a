"""What a model lost and gained between two checkpoints of one line, before and after training.

Held-out text by language and source, and each benchmark's headline metric, on the same texts and
items. The interval of held-out text is a jackknife over blocks of texts (Student's t over the
blocks that have text); of benchmarks it is `compare`'s. Holm's correction is over all rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mind_core.errors import UsageError
from mind_eval.compare import compare
from mind_eval.metrics.likelihoods import LOWER_IS_BETTER
from mind_eval.results import read_scores
from mind_eval.significance import Z_LEVEL, holm, ratio_over_blocks
from mind_eval.table import aligned

LOST, GAINED, OPEN = "lost", "gained", "no difference shown"
LEVEL = 0.05
Blocks = Sequence[Sequence[float]]
"""Nats and bytes of the texts of each block."""


def forgetting(before: Path, after: Path) -> list[dict[str, Any]]:
    """Compare two scores folders: a row for each text source, language and benchmark of both.

    Raises `UsageError` if they share nothing.
    """
    first, second = read_scores(before), read_scores(after)
    rows = [*_heldout(first, second), *_benchmarks(before, after, first)]
    if not rows:
        raise UsageError(
            "these scores share no benchmark and no held-out text",
            hint="run both with the same --suite and --heldout",
        )
    tested = [row for row in rows if row["p"] is not None]
    for row, p in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_holm"] = p
        better = (row["change"] < 0) == row["lower_is_better"]
        row["verdict"] = (GAINED if better else LOST) if p < LEVEL else OPEN
    return rows


def _heldout(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    one, two = (run.get("heldout") or {} for run in (first, second))
    places = [("all", "all", one.get("all"), two.get("all"))] if one and two else []
    for language, values in one.get("languages", {}).items():
        other = two.get("languages", {}).get(language)
        places.append((language, "all", values, other))
        if len(values["sources"]) > 1 and other:
            places += [
                (language, source, inner, other["sources"].get(source))
                for source, inner in values["sources"].items()
            ]
    # With one language "all" would be the same row twice, and be counted twice by Holm.
    if len(one.get("languages", {})) < 2:
        places = places[1:]
    for language, source, a, b in places:
        if not a or not b or a["bits_per_byte"] is None or b["bits_per_byte"] is None:
            continue
        alike = all(a[name] == b[name] for name in ("documents", "bytes"))
        change, error, count = jackknife(a.get("blocks", ()), b.get("blocks", ()))
        rows.append(
            _row("held-out text", language, source, "bits_per_byte", a["bits_per_byte"],
                 b["bits_per_byte"], change if alike else None, error if alike else None,
                 t_level(count), a["documents"])
        )  # fmt: skip
    return rows


def jackknife(a: Blocks, b: Blocks) -> tuple[float | None, float | None, int]:
    """Return the change in bits per byte from A to B, its standard error, and the blocks used.

    None where the blocks are not those of the same texts, or too few have any.
    """
    if not a or len(a) != len(b) or any(x[1] != y[1] for x, y in zip(a, b, strict=True)):
        return None, None, 0
    there = [(y[0] - x[0], x[1]) for x, y in zip(a, b, strict=True) if x[1]]
    if not there:
        return None, None, 0
    change, error = ratio_over_blocks(there)
    scale = math.log(2)
    return change / scale, None if error is None else error / scale, len(there)


def t_level(count: int) -> float:
    """Return the 97.5 % quantile of Student's t for `count` blocks, to 1 % from 8 on."""
    degrees = max(1, count - 1)
    z = Z_LEVEL
    # The expansion of the quantile in one over the degrees of freedom; scipy is not needed for it.
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)


def _benchmarks(before: Path, after: Path, first: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    try:
        found = compare([before, after])
    except UsageError:
        return []
    for row in found:
        headline = first.get("headlines", {}).get(row["what"], {})
        if row["metric"] != headline.get("metric"):
            continue
        language = first["benchmarks"][row["what"]].get("language", "und")
        made = _row(row["what"], language, "all", row["metric"], row["value_a"], row["value_b"],
                    row["difference"], None, Z_LEVEL, row["items"])  # fmt: skip
        rows.append({**made, "interval": row["interval"], "p": row["p"]})
    return rows


def _row(
    what: str, language: str, source: str, metric: str, before: float, after: float,
    change: float | None, error: float | None, level: float, items: int,
) -> dict[str, Any]:  # fmt: skip
    interval = p = None
    if change is not None and error is not None:
        interval = [change - level * error, change + level * error]
        # scaled so that the bound of the interval is p = 0.05
        z = abs(change) / error * Z_LEVEL / level if error else math.inf
        p = math.erfc(z / math.sqrt(2)) if change else 1.0
    return {
        "what": what, "language": language, "source": source, "metric": metric, "before": before,
        "after": after, "change": change, "interval": interval, "items": items, "p": p,
        "p_holm": None, "verdict": None, "lower_is_better": metric in LOWER_IS_BETTER,
    }  # fmt: skip


def forgetting_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Lay rows out for people, then count what was lost and what was gained."""
    table = [["what", "language", "source", "metric", "verdict", "items", "before", "after",
              "change", "95 %", "p (Holm)"]]  # fmt: skip
    for row in rows:
        table.append(
            [row["what"], row["language"], row["source"], row["metric"], row["verdict"] or "-",
             f"{row['items']:,}", f"{row['before']:.4f}", f"{row['after']:.4f}",
             "-" if row["change"] is None else f"{row['change']:+.4f}",
             "{:+.4f} … {:+.4f}".format(*row["interval"]) if row["interval"] else "-",
             "-" if row["p_holm"] is None else f"{row['p_holm']:.3g}"]
        )  # fmt: skip
    lines = [
        f"{verdict}: {', '.join(found)}\n" for verdict, found in summary(rows).items() if found
    ]
    if any(row["verdict"] is None for row in rows):
        lines.append("-: other texts, or too few for an interval\n")
    return aligned(table, 6) + "".join(lines)


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Name what was lost and what was gained."""
    return {
        verdict: [name_of(row) for row in rows if row["verdict"] == verdict]
        for verdict in (LOST, GAINED)
    }


def name_of(row: Mapping[str, Any]) -> str:
    """Name a row in a few words."""
    parts = [row["what"], *(row[key] for key in ("language", "source") if row[key] != "all")]
    return " ".join(parts[:1] if row["what"] != "held-out text" else parts)
