"""PLAN.toml: what a loop is run on, checked before anything starts."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mind_core import MindError
from mind_core.errors import UsageError, did_you_mean
from mind_core.stream import check_inputs
from mind_core.untrusted import as_written
from mind_core.whole_files import MAX_JSON_BYTES, read_whole
from mind_sft_select.choosing import BASELINES
from mind_sft_select.scoring.answer_model import LONG, check_choice, check_model

DIFFERENTIAL = "differential"
LOOP_BASELINES = (*BASELINES, DIFFERENTIAL)
SCALES: dict[str, dict[str, Any]] = {
    "ci": {"limit": 150, "items": 40, "clusters": 4, "seeds": 2, "baseline_seeds": 2,
           "budget": 1500, "steps": 6, "baselines": ["random", "random-length"]},
    # Of eight clusters in each language nine were left in both: those under the budget are merged.
    "cpu": {"limit": 5000, "items": 60, "clusters": 8, "by": "kmeans", "seeds": 3,
            "baseline_seeds": 5, "budget": 20000, "steps": 20, "baselines": list(LOOP_BASELINES)},
}  # fmt: skip


@dataclass(frozen=True)
class LoopPlan:
    """What a loop does. Paths are relative to the plan's folder.

    `data` are instructions to choose from, `heldout` texts for the reference, `evaluation`
    instructions of other sources. `limit` records of each data file and `items` of each evaluation
    file are read, drawn by seed. Each of `clusters` (in each language) and each baseline is tuned
    on `budget` answer tokens for `steps` steps, once for each seed. `benchmarks` are those of
    mind-eval whose choices tell the margin of the right one, `benchmark_items` of each, from
    `benchmark_data` where that is given. `dtype` is what cells are tuned in; they are scored in
    float32.
    """

    model: str
    data: tuple[str, ...]
    heldout: tuple[str, ...]
    evaluation: tuple[str, ...]
    limit: int = 5000
    items: int = 60
    clusters: int = 8
    by: str = "kmeans"
    seeds: int = 3
    baseline_seeds: int = 5
    budget: int = 20000
    steps: int = 20
    batch: int = 8
    lr: float = 3e-4
    baselines: tuple[str, ...] = LOOP_BASELINES
    benchmarks: tuple[str, ...] = ()
    benchmark_data: str = ""
    benchmark_items: int = 200
    band: tuple[float, float] = (1.0, 1.5)
    use: str = "text"
    long: str = "window"
    device: str = "auto"
    dtype: str = "auto"
    seed: int = 0
    base: Path = field(default=Path())

    def paths(self, names: tuple[str, ...]) -> list[str]:
        """Return paths of the plan as they are from here."""
        return [str(self.base / name) for name in names]

    @property
    def model_path(self) -> str:
        """Return the model's path."""
        return str(self.base / self.model)

    def check(self) -> None:
        """Raise for what cannot be read, and for numbers that make no sense."""
        if shared := set(self.data) & set(self.evaluation):
            raise UsageError(
                f"{sorted(shared)[0]} is data and evaluation",
                hint="a pool's own held-out part is fitted best by its densest cluster: evaluate "
                "on other sources",
            )
        check_model(self.model_path)
        check_inputs([*self.paths(self.data), *self.paths(self.heldout),
                      *self.paths(self.evaluation)])  # fmt: skip
        check_choice("long", self.long, LONG)
        check_choice("use", self.use, ("text", "chat", "pool"))
        for name in self.baselines:
            check_choice("baselines", name, LOOP_BASELINES)
        if DIFFERENTIAL in self.baselines and "random" not in self.baselines:
            raise UsageError(
                "baselines: differential without random",
                hint='it is measured with the first model of random: add "random"',
            )
        for name in ("limit", "items", "seeds", "baseline_seeds", "budget", "steps", "batch",
                     "benchmark_items"):  # fmt: skip
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}", hint="1 at least")


def read_plan(path: Path, scale: str | None = None) -> LoopPlan:
    """Read a plan; `scale` (ci or cpu) takes the place of its sizes.

    Raises `MindError` for a file that cannot be read, `UsageError` for an unknown or missing key.
    """
    try:
        values: dict[str, Any] = tomllib.loads(read_whole(path, MAX_JSON_BYTES).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise MindError(f"cannot read the plan {path}", cause=error) from None
    known = {f.name: f for f in dataclasses.fields(LoopPlan) if f.name != "base"}
    for key in values:
        if key not in known:
            hint = did_you_mean(key, known) or f"known: {', '.join(known)}"
            raise UsageError(f"{path}: there is no key {key!r}", hint=hint)
    for key in ("model", "data", "heldout", "evaluation"):
        if not values.get(key):
            raise UsageError(f"{path} has no {key!r}", hint="a plan has model, data, heldout, "
                             "evaluation")  # fmt: skip
    if scale is not None:
        check_choice("--scale", scale, tuple(SCALES))
        # Before types are checked, so that both sources are held to them.
        values |= SCALES[scale]
    for key, value in values.items():
        default = known[key].default
        if isinstance(value, list):
            values[key] = tuple(value)
        # TOML's `seeds = 2.5` or `true` would go far before it failed.
        elif isinstance(default, int) and (not isinstance(value, int) or isinstance(value, bool)):
            raise UsageError(f"{path}: {key} is {value!r}", hint="a whole number")
    with as_written(path, "docs/tools/mind-sft-select.md shows a plan"):
        plan = LoopPlan(**values, base=path.parent)
        plan.check()
    return plan
