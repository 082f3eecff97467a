"""What was measured: a metric by cluster, seed and evaluation item."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mind_core import MindError
from mind_core.errors import UsageError

MIN_CLUSTERS = 4
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cells:
    """Values [C, S, I] float64 of C clusters in rising order of `gaps` [C], S seeds and I items,
    the same items in every cell; `higher` tells whether a larger value is better.
    """

    names: tuple[str, ...]
    gaps: Floats
    values: Floats
    higher: bool = False

    @property
    def means(self) -> Floats:
        """Return the mean of each cluster over its seeds and the items, [C]."""
        found: Floats = self.values.mean(axis=(1, 2))
        return found

    def items(self, chosen: NDArray[np.bool_]) -> Cells:
        """Return the cells with some of the items only."""
        return Cells(self.names, self.gaps, self.values[:, :, chosen], self.higher)


def make_cells(rows: Sequence[Mapping[str, Any]], higher: bool = False) -> Cells:
    """Make cells of rows with `cluster`, `gap`, `seed` and `items` {item: value} (or a `value`).

    Raises `UsageError` for fewer than four clusters, and `MindError` where seeds or items differ
    from cell to cell, a cell is there twice, or a number is not finite.
    """
    gaps: dict[str, float] = {}
    cells: dict[tuple[str, str], dict[str, float]] = {}
    for number, row in enumerate(rows, 1):
        # Rows come from a table of the user's, so every fault is named by its row.
        where = f"row {number}"
        cluster, seed = str(_field(row, "cluster", where)), str(row.get("seed", 0))
        gap = _number(_field(row, "gap", where), f"{where}: gap")
        if gaps.setdefault(cluster, gap) != gap:
            raise MindError(f"{where}: cluster {cluster} has two gaps, {gaps[cluster]} and {gap}")
        items = row.get("items")
        if items is None:
            # A value alone is a single item: it has no noise over items, only over seeds.
            items = {"": _field(row, "value", where)}
        if (cluster, seed) in cells:
            raise MindError(f"{where}: cluster {cluster} with seed {seed} is there twice")
        cells[cluster, seed] = {
            str(k): _number(v, f"{where}: item {k}") for k, v in sorted(items.items())
        }
    if len(gaps) < MIN_CLUSTERS:
        raise UsageError(
            f"{len(gaps)} clusters are too few for a curve",
            hint=f"{MIN_CLUSTERS} at least; 8 to 12 are usual",
        )
    # Through fewer places a bend cannot be fitted.
    if len(set(gaps.values())) < 3:
        raise UsageError("a curve needs three different gaps")
    names = sorted(gaps, key=lambda name: (gaps[name], name))
    seeds = sorted({seed for _, seed in cells})
    # Items were sorted by name above, so equal lists are equal sets.
    items_of = list(next(iter(cells.values())))
    for name in names:
        for seed in seeds:
            if (name, seed) not in cells:
                raise MindError(
                    f"cluster {name} has no seed {seed}, others have",
                    hint="all clusters are compared on the same seeds",
                )
            if list(cells[name, seed]) != items_of:
                raise MindError(
                    f"cluster {name}, seed {seed} was evaluated on other items",
                    hint="every cell needs the same evaluation items: they are compared by pairs",
                )
    values = np.array([[list(cells[n, s].values()) for s in seeds] for n in names])
    return Cells(tuple(names), np.array([gaps[n] for n in names]), values, higher)


def _field(row: Mapping[str, Any], name: str, where: str) -> Any:
    if row.get(name) is None:
        raise MindError(f"{where} has no {name!r}", hint="a row has cluster, gap, seed and items")
    return row[name]


def _number(value: Any, where: str) -> float:
    # A bool is an int too: `true` in a table is no measurement.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise MindError(f"{where} is {value!r}, which is no finite number")
    return float(value)
