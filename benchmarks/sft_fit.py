"""How often `mind-sft-select fit` is right on curves that are known.

    python benchmarks/sft_fit.py --times 100

For each shape: verdicts, how often the 95 % interval holds the true best gap, and how often among
those called a peak. Losses have item effects that all clusters share, item and seed noise of their
own, and a little of the cluster's.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from mind_sft_select.fitting.cells import Cells
from mind_sft_select.fitting.verdict import PEAK, judge_curve

SHAPES: dict[str, tuple[Callable[[Any], Any], float | None]] = {
    "quadratic": (lambda x: 0.1 * (x - 0.6) ** 2 / 2.25, 0.6),
    "quadratic, weak": (lambda x: 0.04 * (x - 0.6) ** 2 / 2.25, 0.6),
    "Gaussian": (lambda x: -0.1 * np.exp(-((x - 0.4) ** 2) / 2 / 0.5**2), 0.4),
    "Gaussian, to one side": (lambda x: -0.1 * np.exp(-((x - 1.3) ** 2) / 2 / 0.5**2), 1.3),
    "cusp, uneven": (
        lambda x: -0.1 * np.exp(-np.abs(x - 0.5) / np.where(x < 0.5, 0.3, 0.9)), 0.5
    ),
    "flat": (lambda x: 0 * x, None),
    "linear": (lambda x: 0.03 * x, None),
    "saturating": (lambda x: -0.1 * (1 - np.exp(-2 * (x + 1))), None),
    "exponential": (lambda x: 0.01 * np.exp(1.5 * x), None),
    "step": (lambda x: -0.1 / (1 + np.exp(-6 * (x - 0.5))), None),
}  # fmt: skip


def made_cells(
    curve: Callable[[Any], Any], number: int, clusters: int, seeds: int, items: int
) -> Cells:
    """Make losses of one experiment."""
    rng = np.random.default_rng(number)
    x = np.sort(np.linspace(-1, 2, clusters) + rng.uniform(-0.1, 0.1, clusters))
    base = 5.7 + 0.4 * rng.standard_normal(items)
    noise = 0.1 * rng.standard_normal((clusters, seeds, items))
    seed = 0.009 * rng.standard_normal((clusters, seeds, 1))
    own = 0.005 * rng.standard_normal((clusters, 1, 1))
    values = curve(x)[:, None, None] + base + noise + seed + own
    return Cells(tuple(map(str, range(clusters))), x, values)


def main() -> None:
    """Simulate and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("times", 100), ("clusters", 10), ("seeds", 3), ("items", 200)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--shape", action="append", choices=sorted(SHAPES))
    given = parser.parse_args()
    sys.stdout.write("| curve | verdicts | interval holds the best | of those called peak |\n")
    sys.stdout.write("|---|---|---:|---:|\n")
    for name, (curve, best) in SHAPES.items():
        if given.shape and name not in given.shape:
            continue
        verdicts: Counter[str] = Counter()
        held = peaks = held_peaks = 0
        for number in range(given.times):
            cells = made_cells(curve, number, given.clusters, given.seeds, given.items)
            found = judge_curve(cells)
            verdicts[found.verdict] += 1
            if best is not None:
                inside = found.interval[0] <= best <= found.interval[1]
                held += inside
                peaks += found.verdict == PEAK
                held_peaks += inside and found.verdict == PEAK
        said = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
        share = f"{held} of {given.times}" if best is not None else "–"
        own = f"{held_peaks} of {peaks}" if best is not None else "–"
        sys.stdout.write(f"| {name} | {said} | {share} | {own} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
