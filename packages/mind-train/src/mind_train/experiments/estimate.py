"""What a plan will cost before it is run: cells, tokens, FLOPs, minutes on this machine, disk."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mind_core.files import make_folder, read_json, write_json
from mind_core.plugins import Plugins
from mind_core.progress import log
from mind_core.recipe import Recipe
from mind_core.render.terminal import align_columns
from mind_core.untrusted import as_written, check_stays_inside
from mind_train.bench import bench
from mind_train.components import TOOL
from mind_train.experiments.cell import Cell
from mind_train.experiments.plan_file import Plan, digest
from mind_train.experiments.store import CellStore

BENCH_SECONDS = 1.0
BYTES_PER_PARAMETER = 12
"""Of a checkpoint: weights and Adam's two moments in fp32."""
EVALUATION_SHARE = 1 / 3
"""What a token costs that is only scored, next to one that is trained on."""


@dataclass(frozen=True)
class Cost:
    """What cells that are not finished take; of `cells`, `finished` are there already."""

    cells: int
    finished: int
    tokens: int
    flops: float
    minutes: float
    bytes: int


def cost_of(
    plan: Plan, cells: Sequence[Cell], store: CellStore, plugins: Plugins, vocab: int,
    seconds: float = BENCH_SECONDS,
) -> Cost:  # fmt: skip
    """Work out what is left to do; a size that was never timed here is timed now."""
    # Arms that are one run share a cell, which is paid for once.
    by_name = {cell.name: cell for cell in cells}
    left = [cell for cell in by_name.values() if not store.is_finished(cell)]
    tokens = sum(cell.trained_tokens for cell in left)
    work = sum(cell.flops["causal"] * cell.trained_tokens for cell in left)
    minutes = 0.0
    held_out = plan.held_out_bytes / 3  # tokens of one set: three bytes each, about
    in_course = min(held_out, plan.curve_tokens) * (plan.checkpoints + 1)
    for cell in left:
        rate = speed_of(plan, cell, store, plugins, vocab, seconds)
        sets = 2 * (len(cell.preparation.tokens) or 8)  # of two languages
        scored = sets * (held_out + in_course)
        minutes += (cell.trained_tokens + EVALUATION_SHARE * scored) / rate / 60
    size = sum(
        BYTES_PER_PARAMETER * cell.sizes["total"] * (plan.checkpoints if cell.measures else 1)
        for cell in left
    )
    return Cost(len(by_name), len(by_name) - len(left), tokens, work, minutes, size)


def speed_of(
    plan: Plan, cell: Cell, store: CellStore, plugins: Plugins, vocab: int, seconds: float
) -> float:
    """Return tokens a second of a cell's model on this machine, measured once for a store."""
    train = {k: cell.recipe["train"][k] for k in ("batch", "sequence", "micro_batch", "dtype")}
    # All that the speed depends on: another torch or number of threads is measured anew.
    key = digest([cell.recipe["model"], train, vocab, plan.threads, torch.__version__])[:16]
    path = store.folder / "speed.json"
    with as_written(path, "remove it: the speed is measured again"):
        known: dict[str, Any] = dict(read_json(path)) if path.exists() else {}
        if not all(0 < float(rate) < math.inf for rate in known.values()):
            raise ValueError("a speed is no number above 0")
    check_stays_inside(store.folder)
    if key not in known:
        log(TOOL, f"timing the step of {cell.size}")
        torch.set_num_threads(plan.threads)
        # Neither phases nor shares: the rows of a benchmark are random, of one source.
        values = {k: v for k, v in cell.recipe.items() if k != "phase"}
        values["data"] = {**values["data"], "shares": {}}
        found = bench(Recipe(plan.name, values), plugins, vocab, seconds)
        known[key] = found["tokens_per_second_all_in"]
        make_folder(store.folder)
        write_json(path, known)
    return float(known[key])


def cost_text(plan: Plan, cells: Sequence[Cell], cost: Cost) -> str:
    """Lay out the cells of a plan and what is left to do."""
    kinds: dict[tuple[str, str, int], list[Cell]] = {}
    for cell in cells:
        kinds.setdefault((cell.arm, cell.size, cell.tokens), []).append(cell)
    rows = [("arm", "size", "body", "body+head", "tokens", "seeds", "FLOPs each")]
    for (arm, size, tokens), some in kinds.items():
        first = some[0]
        rows.append(
            (arm, size, f"{first.sizes['body']:,}", f"{first.sizes['body_and_head']:,}",
             f"{tokens:,}", f"{len(some)}", f"{first.flops['causal'] * first.trained_tokens:.2e}")
        )  # fmt: skip
    lines = [f"plan {plan.name} ({plan.kind}), {plan.sha256[:12]}", *align_columns(rows, 5)]
    lines.append(
        f"{cost.cells} cells, {cost.finished} finished; to do: {cost.tokens:,} tokens, "
        f"{cost.flops:.2e} FLOPs, about {cost.minutes:,.1f} minutes on {plan.threads} thread(s) of "
        f"this machine, {cost.bytes / 2**20:,.0f} MiB"
    )
    for prediction in plan.predictions:
        lines.append(f"predicted: {prediction.claim}")
    return "\n".join(lines) + "\n"
