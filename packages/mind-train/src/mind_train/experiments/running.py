"""Train the cells of a plan that are not there yet, and write their records.

A cell is finished when its records are there, which are written last. Killed at any moment, the
same command goes on: the run from its checkpoint, the measures from their beginning. Several
processes may share the work: each takes cells that nobody holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch

from mind_core.errors import MindError
from mind_core.files import write_json
from mind_core.plugins import Plugins
from mind_core.progress import Progress, log
from mind_core.recipe import Recipe
from mind_train.checkpoint import checkpoints, keep_newest, load_checkpoint
from mind_train.components import TOOL
from mind_train.device import choose_device
from mind_train.experiments.cell import Cell
from mind_train.experiments.designs import parallel_files
from mind_train.experiments.measures import (
    DocumentScore,
    bits_per_byte,
    document_scores,
    measured,
    parallel_pairs,
)
from mind_train.experiments.plan_file import Plan
from mind_train.experiments.prepared_data import prepare
from mind_train.experiments.store import ABOUT, DOCUMENTS, FAILED, RECORDS, CellStore
from mind_train.interrupt import TrainingInterrupted
from mind_train.jobs import prepare_pretrain
from mind_train.metrics import METRICS, read_metrics
from mind_train.pipeline import train
from mind_train.run_folder import is_complete
from mind_train.shards import Shards

FLOPS = {
    "body_and_head": "weights", "with_causal_attention": "causal",
    "with_full_attention": "full", "six_n": "six_n", "six_n_body": "six_n_body",
}  # fmt: skip


def run_cells(
    plan: Plan, cells: Sequence[Cell], store: CellStore, plugins: Plugins, live: Progress,
    quiet: bool = False, retry: bool = False,
) -> None:  # fmt: skip
    """Run the cells that are not finished, one after another; a failed one is noted and passed.

    `retry` tries failed ones again. Raises `TrainingInterrupted` after Ctrl-C or SIGTERM, with
    the step saved.
    """
    torch.set_num_threads(plan.threads)
    for number, cell in enumerate(cells, 1):
        # A failed cell would fail again: the same seed computes the same bits.
        if store.is_finished(cell) or (not retry and store.state(cell) == "failed"):
            continue
        with store.hold(cell) as mine:
            # Asked again under the lock: another process may have finished it in between.
            if not mine or store.is_finished(cell):
                continue
            if not quiet:
                log(TOOL, f"{plan.name}, cell {number} of {len(cells)}: {said(cell)}")
            try:
                run_cell(plan, cell, store, plugins, live)
            except TrainingInterrupted:
                raise
            except MindError as error:
                cause = "; ".join(filter(None, (error.message, error.cause)))
                write_json(store.cell(cell) / FAILED, {"cause": cause})
                log(TOOL, f"{said(cell)} has failed: {cause}")


def said(cell: Cell) -> str:
    """Name a cell for people."""
    return f"{cell.arm}, {cell.size}, {cell.tokens:,} tokens, seed {cell.seed} ({cell.name})"


def run_cell(plan: Plan, cell: Cell, store: CellStore, plugins: Plugins, live: Progress) -> None:
    """Train and measure one cell; the caller holds it. Its records are written last."""
    folder = store.cell(cell)
    # The shards are shared by all cells: one process makes them, the others wait and find them.
    with store.alone("data"):
        shards = prepare(cell.preparation, plan.shard_folders(), store.folder)
    # It is tried again, so the old reason is none any more.
    (folder / FAILED).unlink(missing_ok=True)
    run = folder / "run"
    if not is_complete(run):
        recipe = Recipe(plan.name, cell.recipe)
        if cell.parent is None:
            job = prepare_pretrain(recipe, plugins, shards, run=run)
        else:
            trunk = store.cell(cell.parent)
            if not store.is_finished(cell.parent):
                raise MindError(f"its trunk {cell.parent.name} is not finished")
            spec = f"{trunk / 'run'}@{cell.step}"
            job = prepare_pretrain(recipe, plugins, shards, continued=spec, run=run, is_branch=True)
        train(job, run, live, quiet=True)
    write_json(folder / ABOUT, about(cell))
    pairs = _pairs(plan, cell)
    opened = Shards.open(shards, "text")
    model = load_checkpoint(run, device_of(cell), plugins)
    sequence = int(cell.recipe["train"]["sequence"])
    scores = list(document_scores(model, opened, sequence))
    # Documents first, records last: with the records a cell is finished.
    store.write_lines(folder / DOCUMENTS, map(asdict, scores))
    records = [
        *curve_records(cell, store),
        *final_records(cell, scores),
        *_measure_records(cell, store, plugins, opened, pairs),
    ]
    store.write_lines(folder / RECORDS, records)
    # Only now: a cell that is killed before measures all of them once more.
    if cell.measures:
        keep_newest(run, 1)


def device_of(cell: Cell) -> torch.device:
    """Return where a cell is measured: where it was trained."""
    train = cell.recipe["train"]
    return choose_device(str(train["device"]), str(train["dtype"])).device


def about(cell: Cell) -> dict[str, Any]:
    """Describe a cell: all that its name is made of."""
    parent = cell.parent
    return {
        "name": cell.name, "arm": cell.arm, "size": cell.size, "tokens": cell.tokens,
        "seed": cell.seed, "recipe": cell.recipe, "preparation": asdict(cell.preparation),
        "tokenizer": cell.tokenizer, "threads": cell.threads, "measures": list(cell.measures),
        "parent": parent and parent.name, "step": cell.step, "torch": torch.__version__,
    }  # fmt: skip


def _pairs(plan: Plan, cell: Cell) -> list[tuple[str, str]]:
    if not any(name.startswith("alignment") for name in cell.measures):
        return []
    return parallel_pairs(*parallel_files(plan))


def _record(cell: Cell, step: int) -> dict[str, Any]:
    train = cell.recipe["train"]
    tokens = step * int(train["batch"]) * int(train["sequence"])
    return {
        "cell": cell.name,
        "arm": cell.arm,
        "size": cell.sizes,
        "tokens": tokens,
        "flops": {name: cell.flops[key] * tokens for name, key in FLOPS.items()},
        "seed": cell.seed,
        "step": step,
        "tokenizer": cell.tokenizer,
    }


def curve_records(cell: Cell, store: CellStore) -> list[dict[str, Any]]:
    """Return the held-out losses that the trainer wrote, a record for each step and set.

    They are of a part of the documents, `documents` "some".
    """
    found = []
    for line in read_metrics(store.cell(cell) / "run" / METRICS):
        for name, score in line.get("validation", {}).items():
            if score["bits_per_byte"] is None:
                continue
            found.append(
                {
                    **_record(cell, line["step"]),
                    "source": name,
                    "documents": "some",
                    "nats_per_token": score["nats_per_token"],
                    "bits_per_byte": score["bits_per_byte"],
                    "tokens_evaluated": score["tokens"],
                    "bytes": score["bytes"],
                }
            )
    return found


def final_records(cell: Cell, scores: Sequence[DocumentScore]) -> list[dict[str, Any]]:
    """Return a record for each held-out set at the last step, over all its documents."""
    sets: dict[str, list[DocumentScore]] = {}
    for score in scores:
        sets.setdefault(score.source, []).append(score)
    found = []
    # Of all documents together, not the mean of their ratios: long ones count for what they hold.
    for name, some in sets.items():
        size, tokens = sum(one.bytes for one in some), sum(one.tokens for one in some)
        found.append(
            {
                **_record(cell, int(cell.recipe["train"]["steps"])),
                "source": name,
                "documents": "all",
                "nats_per_token": sum(one.all_nats for one in some) / tokens,
                "bits_per_byte": bits_per_byte(sum(one.nats for one in some), size),
                "tokens_evaluated": tokens,
                "bytes": size,
            }
        )
    return found


def _measure_records(
    cell: Cell, store: CellStore, plugins: Plugins, shards: Shards, pairs: list[tuple[str, str]]
) -> list[dict[str, Any]]:
    """Return the measures of the kept checkpoints: few-shot at each, alignment at the last."""
    found: list[dict[str, Any]] = []
    if not cell.measures:
        return found
    sequence = int(cell.recipe["train"]["sequence"])
    every = sorted(checkpoints(store.cell(cell) / "run"))
    for place, folder in enumerate(every, 1):
        model = load_checkpoint(folder, device_of(cell), plugins)
        for measure in cell.measures:
            name = measure.partition("@")[0]
            # Each pair costs a pass over twenty candidates: only the last checkpoint is asked.
            if name == "alignment" and place < len(every):
                continue
            for source, value in measured(name, model, shards, sequence, pairs).items():
                what, _, where = source.partition(" ")
                record = _record(cell, model.step)
                if where:
                    record |= {"measure": what, "source": where, "value": value}
                else:
                    record |= {"measure": name, "source": source, "value": value}
                found.append(record)
    return found
