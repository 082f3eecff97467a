"""Tables and plots of what `domain_end_to_end.py --into FOLDER` left, for finance and law.

usage: python benchmarks/domain_figures.py FOLDER [--to docs/benchmarks]

Writes `domain-PART.json` (what the figures come from) and `domain-PART.svg`, and prints tables.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from mind_core.render.svg import COLOURS, picture, svg_text, ticks
from mind_core.safe_html import Safe, markup
from mind_domain.comparing import holm

WIDTH, LEFT, RIGHT, ROW, GAP, BOTTOM = 460, 118, 16, 18, 26, 40
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and questions, both drawn from many: its error is of both."""

    mean: float
    error: float
    freedom: float

    @classmethod
    def of(cls, seeds: Sequence[Values], questions: Values) -> Estimate:
        """Make one of the means of each seed (of one model, or of two) and of each question.

        Variances of both means add up (more than it is, by their interaction: on the safe side);
        degrees of freedom by Welch and Satterthwaite.
        """
        parts = [(float(one.var(ddof=1)) / len(one), len(one) - 1) for one in seeds if len(one) > 1]
        parts.append((float(questions.var(ddof=1)) / len(questions), len(questions) - 1))
        total = sum(variance for variance, _ in parts)
        freedom = total**2 / sum(variance**2 / free for variance, free in parts)
        return cls(float(questions.mean()), math.sqrt(total), freedom)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval."""
        half = self.error * float(student.ppf(0.975, self.freedom))
        return self.mean - half, self.mean + half

    @property
    def p(self) -> float:
        """Two-sided, of no difference."""
        return float(2 * student.sf(abs(self.mean) / self.error, self.freedom))

    @property
    def detectable(self) -> float:
        """The difference that four of five such tests would find at 5 %."""
        return self.error * float(student.ppf([0.975, 0.8], self.freedom).sum())


def law_cells(tests: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return each cell of training by test bucket, and the differences between training buckets."""
    cells, differences = [], []
    for test, found in tests.items():
        by_bucket: dict[str, Values] = {}
        for name, bits in found["bits_per_byte"].items():
            bucket = name.rpartition("-")[0]
            row = np.array([bits], dtype=np.float64)
            by_bucket[bucket] = np.vstack([by_bucket[bucket], row]) if bucket in by_bucket else row
        for bucket, values in by_bucket.items():
            one = Estimate.of([values.mean(1)], values.mean(0))
            cells.append({"train": bucket, "test": test, "mean": one.mean,
                          "low": one.interval[0], "high": one.interval[1]})  # fmt: skip
        for first, second in combinations(by_bucket, 2):
            a, b = by_bucket[first], by_bucket[second]
            gap = Estimate.of([a.mean(1), b.mean(1)], a.mean(0) - b.mean(0))
            differences.append(
                {"test": test, "first": first, "second": second, "difference": gap.mean,
                 "low": gap.interval[0], "high": gap.interval[1], "p": gap.p,
                 "detectable": gap.detectable}
            )  # fmt: skip
    adjusted = holm({str(n): one["p"] for n, one in enumerate(differences)})
    for n, one in enumerate(differences):
        one["p_holm"] = adjusted[str(n)]
        one["resolved"] = one["p_holm"] < 0.05
    return cells, differences


def by_kind(tests: Mapping[str, Any], least: int = 10) -> None:
    """Print means of the test questions of one source: is it the length, or where it comes from."""
    for test, found in tests.items():
        kinds = np.array(found["kinds"])
        for kind in sorted(set(kinds)):
            if (chosen := kinds == kind).sum() < least:
                continue
            means: dict[str, list[float]] = {}
            for name, bits in found["bits_per_byte"].items():
                mean = float(np.array(bits)[chosen].mean())
                means.setdefault(name.rpartition("-")[0], []).append(mean)
            row = " | ".join(f"{np.mean(values):.3f}" for values in means.values())
            print(f"| {test} | {kind} | {chosen.sum()} | {row} |")


def law_figures(result: dict[str, Any]) -> Safe:
    """Print the table of 3 × 3 and the differences; return the plot."""
    cells, differences = law_cells(result["tests"])
    result["cells"], result["differences"] = cells, differences
    print("| trained on | " + " | ".join(result["tests"]) + " |")
    for bucket in dict.fromkeys(one["train"] for one in cells):
        row = [
            f"{one['mean']:.3f} ({one['low']:.3f} to {one['high']:.3f})"
            for one in cells
            if one["train"] == bucket
        ]
        print(f"| {bucket} | " + " | ".join(row) + " |")
    for one in differences:
        said = "resolved" if one["resolved"] else f"not decided, detectable {one['detectable']:.4f}"
        print(
            f"| {one['test']} | {one['first']} − {one['second']} | {one['difference']:+.4f} "
            f"({one['low']:+.4f} to {one['high']:+.4f}) | {one['p_holm']:.4f} | {said} |"
        )
    by_kind(result["tests"])
    for test, found in result["tests"].items():
        for row in found["ratings"]:
            print(f"elo {test} {row['rank']} {row['model']} {row['rating']:.0f} "
                  f"{row['low']:.0f} {row['high']:.0f}")  # fmt: skip
    names = list(result["tests"])
    groups = [
        (
            f"test {test}",
            [
                (one["train"], one["mean"], one["low"], one["high"], names.index(one["train"]))
                for one in cells
                if one["test"] == test
            ],
        )
        for test in names
    ]
    return dot_plot(groups, "bits per byte of held-out answers, 95 %", None)


def score_figures(result: dict[str, Any]) -> Safe:
    """Print accuracy and what stands beside it; return a plot of the differences."""
    accuracy = result["metrics"]["accuracy"]
    print(f"accuracy {accuracy}; {result['records']} texts, {result['clusters']} days")
    for name, one in result["versus"].items():
        said = "resolved" if one["resolved"] else f"not decided, detectable {one['detectable']:.3f}"
        print(
            f"| {name} | {one['accuracy']:.3f} | {one['difference']:+.3f} ({one['low']:+.3f} to "
            f"{one['high']:+.3f}) | {one['p_holm']:.3f} | {said} |"
        )
    rows = [
        (name.replace("_", " "), one["difference"], one["low"], one["high"], 1)
        for name, one in result["versus"].items()
    ]
    return dot_plot([("", rows)], "accuracy of the model less theirs, 95 %", 0.0)


Dots = Sequence[tuple[str, float, float, float, int]]
"""Name, value, ends of the interval, and number of the colour."""


def dot_plot(groups: Sequence[tuple[str, Dots]], label: str, line: float | None) -> Safe:
    """Return an SVG with a row for each value and its interval, in groups with a title."""
    values = [value for _, rows in groups for row in rows for value in row[2:4]]
    low, high = min(values), max(values)
    if line is not None:
        low, high = min(low, line), max(high, line)
    low, high = low - (high - low) * 0.05, high + (high - low) * 0.05
    height = BOTTOM + sum(ROW * len(rows) + (GAP if title else 8) for title, rows in groups)

    def across(value: float) -> float:
        return round(LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    parts: list[Safe] = []
    for value in ticks(low, high, 4):
        x = across(value)
        style = "axis" if value == line else "grid"
        parts.append(
            markup('<line class="{}" x1="{}" x2="{}" y1="0" y2="{}"/>',
                   style, x, x, height - BOTTOM)
        )  # fmt: skip
        parts.append(svg_text(x, height - BOTTOM + 16, f"{value:g}", "middle"))
    parts.append(svg_text((LEFT + WIDTH - RIGHT) / 2, height - 6, label, "middle"))
    y = 0.0
    for title, rows in groups:
        if title:
            parts.append(markup('<text class="title" x="4" y="{}">{}</text>', y + 17, title))
        y += GAP if title else 8
        for name, value, start, end, colour in rows:
            middle = y + ROW / 2
            parts.append(svg_text(LEFT - 8, middle + 4, name, "end"))
            parts.append(
                markup(
                    '<g stroke="{c}" fill="{c}"><title>{v:.4f} ({s:.4f} … {e:.4f})</title>'
                    '<line stroke-width="2" x1="{x1}" x2="{x2}" y1="{y}" y2="{y}"/>'
                    '<circle cx="{x}" cy="{y}" r="3.6"/></g>',
                    c=COLOURS[colour % len(COLOURS)], v=value, s=start, e=end, x1=across(start),
                    x2=across(end), x=across(value), y=middle,
                )
            )  # fmt: skip
            y += ROW
    return picture(parts, WIDTH, height, label)


def main() -> None:
    """Write tables, plots and records of all parts that a folder holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--to", type=Path, default=Path("docs/benchmarks"))
    asked = parser.parse_args()
    for part in ("law", "finance", "sentiment", "market"):
        path = asked.folder / part / "result.json"
        if not path.exists():
            continue
        result = json.loads(path.read_text())
        print(f"\n{part}: {result['cpu_minutes']} CPU minutes, {result['machine']}")
        plot = law_figures(result) if part == "law" else score_figures(result)
        (asked.to / f"domain-{part}.svg").write_text(str(plot), encoding="utf-8")
        record = json.dumps(result, ensure_ascii=False, separators=(",", ":"))
        (asked.to / f"domain-{part}.json").write_text(record + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
