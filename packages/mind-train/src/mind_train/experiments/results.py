"""What the cells of a plan have given: the finished ones that can be compared, and what cannot.

Tables, fits and figures read this alone. A cell that is missing, has failed or has leapt, and one
with other held-out documents, is left out with a line that says so; nothing stands in for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mind_core.untrusted import as_written
from mind_train.experiments.cell import Cell
from mind_train.experiments.measures import bits_per_byte
from mind_train.experiments.plan_file import HELD_OUT_BYTES, Plan
from mind_train.experiments.store import AGAIN, CellStore

Floats = npt.NDArray[np.float64]
SPIKE_SPREADS = 5.0
"""A last loss that lies so many spreads of the seeds above the others of its arm is a spike."""
MIN_SPREAD = 0.02
"""The smallest spread that is taken for one, in bits per byte."""


@dataclass(frozen=True)
class Scores:
    """Held-out documents of one set as a model scored them: nats (n,), bytes (n,)."""

    nats: Floats
    bytes: Floats

    @property
    def bits(self) -> float:
        """Return bits per byte of all documents together."""
        return bits_per_byte(float(self.nats.sum()), int(self.bytes.sum()))


@dataclass
class Results:
    """Results by arm and seed at one size; `left_out` are lines for the page."""

    plan: Plan
    size: str
    final: dict[tuple[str, int], dict[str, Scores]] = field(default_factory=dict)
    curves: dict[tuple[str, int], dict[str, list[tuple[int, float]]]] = field(default_factory=dict)
    values: dict[tuple[str, int], dict[tuple[str, str], list[tuple[int, float]]]] = field(
        default_factory=dict
    )
    left_out: list[str] = field(default_factory=list)
    arms: list[str] = field(default_factory=list)

    @property
    def sets(self) -> list[str]:
        """Name the held-out sets that any arm was scored on."""
        found: list[str] = []
        for scores in self.final.values():
            found += [name for name in scores if name not in found]
        return sorted(found)

    def seeds(self, arm: str) -> list[int]:
        """Return the seeds at which an arm has a result."""
        return sorted(seed for name, seed in self.final if name == arm)

    def complete_seeds(self) -> list[int]:
        """Return the seeds at which every arm has a result."""
        common = [set(self.seeds(arm)) for arm in self.arms]
        return sorted(set.intersection(*common)) if common else []

    def mean_scores(self, arm: str, name: str) -> Scores:
        """Return the documents' mean nats over an arm's seeds."""
        # Documents are the same for all seeds (`gather` sees to it), so they line up.
        some = [self.final[arm, seed][name] for seed in self.seeds(arm)]
        return Scores(np.mean([one.nats for one in some], axis=0), some[0].bytes)

    def source_of(self, name: str) -> str:
        """Return the source of a set: "math" of "math/zh"."""
        return name.rpartition("/")[0]


def gather(plan: Plan, cells: Sequence[Cell], store: CellStore, size: str | None = None) -> Results:
    """Read the finished cells of one size (the plan's first) and check that they compare."""
    chosen = size or plan.sizes[0].name
    results = Results(plan, chosen)
    documents: dict[str, tuple[tuple[int, int], ...]] = {}
    missing: dict[str, list[int]] = {}
    for cell in cells:
        if cell.size != chosen:
            continue
        state = store.state(cell)
        what = f"{cell.arm}, seed {cell.seed}"
        if state == "failed":
            results.left_out.append(f"{what} is failed: {store.cause(cell)}")
            continue
        if state != "finished":
            missing.setdefault(cell.arm, []).append(cell.seed)
            continue
        with as_written(store.cell(cell), AGAIN):
            scores = _scores(store.documents(cell))
        # The first cell says which documents a set has; its name and bytes have to agree.
        odd = [name for name, (_, ids) in scores.items() if documents.setdefault(name, ids) != ids]
        if odd:
            results.left_out.append(f"{what} was scored on other documents of {', '.join(odd)}")
            continue
        with as_written(store.cell(cell), AGAIN):
            _take(results, cell, store.records(cell, plan.name), scores)
    # Before arms are listed, as an arm may lose its last seed to it.
    _drop_spikes(results)
    if missing:
        named = (f"{arm} (seed {', '.join(map(str, seeds))})" for arm, seeds in missing.items())
        results.left_out.append(f"not finished: {', '.join(named)}")
    # In the order of the plan.
    results.arms = list(
        dict.fromkeys(cell.arm for cell in cells if (cell.arm, cell.seed) in results.final)
    )
    small = {
        name: int(next(iter(results.final.values()))[name].bytes.sum())
        for name in results.sets
        if name in next(iter(results.final.values()))
    }
    few = [f"{name} {size / 1000:,.0f} kB" for name, size in small.items() if size < HELD_OUT_BYTES]
    if few:
        results.left_out.append(
            f"held-out sets under {HELD_OUT_BYTES // 1000} kB, intervals are wide: {', '.join(few)}"
        )
    return results


def _scores(lines: list[dict[str, Any]]) -> dict[str, tuple[Scores, tuple[tuple[int, int], ...]]]:
    sets: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        sets.setdefault(line["source"], []).append(line)
    return {
        name: (
            Scores(
                np.array([_figure(one["nats"], 0.0) for one in some]),
                np.array([_figure(one["bytes"], 1.0) for one in some]),
            ),
            # Which documents, and how many bytes each: two models are compared on equal ones alone.
            tuple((one["document"], one["bytes"]) for one in some),
        )
        for name, some in sets.items()
    }


_MOST = 1e15
"""No loss, and no size of a document, comes near; sums and squares of such stay finite."""


def _figure(value: float, least: float = -_MOST) -> float:
    """Return a figure of a file; raise ValueError for what no run has written."""
    number = float(value)
    if not least <= number <= _MOST:  # not a number compares as False
        raise ValueError(f"{value!r:.40} is no figure of a run")
    return number


def _take(
    results: Results,
    cell: Cell,
    records: list[dict[str, Any]],
    scores: dict[str, tuple[Scores, tuple[tuple[int, int], ...]]],
) -> None:
    key = (cell.arm, cell.seed)
    results.final[key] = {name: one for name, (one, _) in scores.items()}
    curves: dict[str, list[tuple[int, float]]] = {}
    values: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for record in records:
        if "measure" in record:
            place = (record["measure"], record["source"])
            values.setdefault(place, []).append((int(record["tokens"]), _figure(record["value"])))
        elif record["documents"] == "some":
            point = (int(record["tokens"]), _figure(record["bits_per_byte"]))
            curves.setdefault(record["source"], []).append(point)
    # By tokens, whatever the order in which records were written.
    results.curves[key] = {name: sorted(points) for name, points in curves.items()}
    results.values[key] = {name: sorted(points) for name, points in values.items()}


def _drop_spikes(results: Results) -> None:
    """Leave out runs whose last loss leapt: above the best before by five spreads of the seeds."""
    # Seeds that happen to agree would make a spike of every wobble.
    spread = max(MIN_SPREAD, _spread(results))
    for key, curves in list(results.curves.items()):
        means = [
            np.mean([points[i][1] for points in curves.values()]) for i in range(_shared(curves))
        ]
        # Where orders are compared, a loss that rises again is a result and no accident.
        if results.plan.kind in ("scaling", "grid", "rate") and means:
            leap = float(means[-1] - min(means))
            if leap > SPIKE_SPREADS * spread:
                results.left_out.append(
                    f"{key[0]}, seed {key[1]} ends {leap:.3f} bits/byte above its best: a spike"
                )
                del results.final[key], results.curves[key], results.values[key]


def _shared(curves: dict[str, list[tuple[int, float]]]) -> int:
    return min((len(points) for points in curves.values()), default=0)


def _spread(results: Results) -> float:
    """Return the pooled standard deviation over seeds of the mean bits per byte."""
    by_arm: dict[str, list[float]] = {}
    for (arm, _), scores in results.final.items():
        by_arm.setdefault(arm, []).append(float(np.mean([one.bits for one in scores.values()])))
    # Each arm around its own mean, so that the arms' differences are no part of it.
    squares = sum(float(np.var(v, ddof=1)) * (len(v) - 1) for v in by_arm.values() if len(v) > 1)
    freedom = sum(len(v) - 1 for v in by_arm.values())
    return float(np.sqrt(squares / freedom)) if freedom else 0.0


def seed_spread(results: Results) -> float:
    """Return the spread of held-out bits per byte over seeds: what a difference is held against."""
    return _spread(results)
