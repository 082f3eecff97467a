"""The learning rate by size: c·N^−a from the two smallest sizes, checked on the third.

N are the parameters of body and head. A size whose best rate lies on the edge of its grid is marked
and left out: a better one may lie beyond.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mind_core.render.terminal import align_columns
from mind_train.experiments.cell import Cell
from mind_train.experiments.plan_file import Plan
from mind_train.experiments.results import gather
from mind_train.experiments.store import CellStore


@dataclass(frozen=True)
class BestRate:
    """The best rate of a size: its parameters, the mean loss at each rate of the grid."""

    size: str
    parameters: int
    losses: dict[float, float]

    @property
    def rate(self) -> float:
        """Return the rate with the lowest loss."""
        return min(self.losses, key=lambda rate: self.losses[rate])

    @property
    def is_edge(self) -> bool:
        """Tell whether the best rate is the lowest or the highest that was tried."""
        return self.rate in (min(self.losses), max(self.losses))


@dataclass(frozen=True)
class RateRule:
    """The rule rate = c·N^−a, and what it says of the third size; None where there is none."""

    c: float
    a: float
    third: float | None


def rule_of(best: Sequence[BestRate]) -> RateRule | None:
    """Return how the best learning rate falls with the size, from the two smallest sizes.

    Sizes whose best rate is at the edge of their grid say nothing.
    """
    inside = sorted((one for one in best if not one.is_edge), key=lambda one: one.parameters)
    if len(inside) < 2:
        return None
    first, second = inside[:2]
    # The slope of log rate over log size, through two points.
    a = -math.log(second.rate / first.rate) / math.log(second.parameters / first.parameters)
    c = first.rate * first.parameters**a
    third = c * inside[2].parameters ** -a if len(inside) > 2 else None
    return RateRule(c, a, third)


def best_rates(plan: Plan, cells: Sequence[Cell], store: CellStore) -> list[BestRate]:
    """Read the loss at each rate of each size: the mean over seeds and held-out sets."""
    found = []
    for size in plan.sizes:
        results = gather(plan, cells, store, size.name)
        own = [cell for cell in cells if cell.size == size.name]
        losses: dict[float, list[float]] = {}
        for cell in own:
            scores = results.final.get((cell.arm, cell.seed))
            if scores:
                rate = float(cell.recipe["optimizer"]["lr"])
                losses.setdefault(rate, []).append(
                    float(np.mean([one.bits for one in scores.values()]))
                )
        if losses:
            means = {rate: float(np.mean(values)) for rate, values in sorted(losses.items())}
            found.append(BestRate(size.name, own[0].sizes["body_and_head"], means))
    return found


def rates_text(best: Sequence[BestRate]) -> str:
    """Lay out the grids, mark edges, and say the rule and how it does on the third size."""
    rates = sorted({rate for one in best for rate in one.losses})
    rows = [("size", "body+head", *(f"{rate:g}" for rate in rates), "best")]
    for one in best:
        cells = [f"{one.losses[r]:.4f}" if r in one.losses else "–" for r in rates]
        mark = " (edge: left out)" if one.is_edge else ""
        rows.append((one.size, f"{one.parameters:,}", *cells, f"{one.rate:g}{mark}"))
    lines = ["bits per byte by rate", *align_columns(rows, len(rates) + 2)]
    rule = rule_of(best)
    if rule is None:
        lines.append("no rule: fewer than two sizes whose best rate lies inside the grid")
    else:
        lines.append(f"rate = {rule.c:.4g} · N^−{rule.a:.3f}: [options.rate] c = {rule.c:.4g}, "
                     f"a = {rule.a:.3f}")  # fmt: skip
        inside = sorted((b for b in best if not b.is_edge), key=lambda b: b.parameters)
        if rule.third is not None:
            off = math.log(rule.third / inside[2].rate, 2)
            lines.append(f"third size: {rule.third:.3g} by the rule, {inside[2].rate:g} measured, "
                         f"{off:+.2f} in powers of two")  # fmt: skip
        else:
            lines.append("not checked: there is no third size")
    return "\n".join(lines) + "\n"
