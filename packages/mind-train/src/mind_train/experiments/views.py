"""Results of a plan as text: status, a table of arms, curves' measures, outcomes of its claims."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence

import numpy as np

from mind_core.render.terminal import align_columns
from mind_core.untrusted import as_written
from mind_train.experiments.cell import Cell
from mind_train.experiments.curves import forgetting, tokens_to_half
from mind_train.experiments.outcomes import LEVEL, Outcome, quantile
from mind_train.experiments.plan_file import Plan
from mind_train.experiments.results import Results, seed_spread
from mind_train.experiments.store import AGAIN, CellStore


def status_text(plan: Plan, cells: Sequence[Cell], store: CellStore) -> str:
    """Say which cells are finished, failed, begun or missing."""
    states = {cell.name: store.state(cell) for cell in cells}
    counts = Counter(states.values())
    rows = [("cell", "arm", "size", "tokens", "seed", "state")]
    rows += [(c.name, c.arm, c.size, f"{c.tokens:,}", str(c.seed), states[c.name]) for c in cells]
    lines = [
        f"plan {plan.name}: " + ", ".join(f"{n} {state}" for state, n in sorted(counts.items()))
    ]
    lines += align_columns(rows, [False, False, False, True, True, False])
    lines += [f"{c.name}: {store.cause(c)}" for c in cells if states[c.name] == "failed"]
    return "\n".join(lines) + "\n"


def arms_text(results: Results) -> str:
    """Lay out the final bits per byte of each arm, averaged over sets, with the seeds' interval."""
    rows = [("arm", "seeds", "bits/byte", "±", *results.sets)]
    for arm in results.arms:
        seeds = results.seeds(arm)
        means = [
            float(np.mean([results.final[arm, seed][name].bits for name in results.sets]))
            for seed in seeds
        ]
        by_set = [
            f"{np.mean([results.final[arm, seed][name].bits for seed in seeds]):.3f}"
            for name in results.sets
        ]
        rows.append((arm, str(len(seeds)), f"{np.mean(means):.4f}", half_width(means), *by_set))
    lines = [f"{results.plan.name}, {results.size}: held-out bits per byte at the end"]
    lines += align_columns(rows, len(rows[0]) - 1)
    lines.append(f"spread over seeds: {seed_spread(results):.4f} bits/byte")
    return "\n".join([*lines, *left_out_lines(results)]) + "\n"


def runs_csv(plan: Plan, cells: Sequence[Cell], store: CellStore) -> str:
    """Return the finished runs of a ladder as the table that `mind-train scaling` reads.

    The loss is the mean over sets of the last bits per byte; trunks are no runs of it. `size` is
    the parameters of body and head.
    """
    lines = ["name,size,body,total,tokens,loss"]
    for cell in cells:
        # A trunk keeps its rate: its loss is that of no finished run.
        if cell.arm.endswith(" trunk") or not store.is_finished(cell):
            continue
        last = [r for r in store.records(cell, plan.name) if r.get("documents") == "all"]
        with as_written(store.cell(cell), AGAIN):
            loss = statistics.fmean([record["bits_per_byte"] for record in last])
        sizes = cell.sizes
        lines.append(
            f"{cell.size} {cell.tokens} seed {cell.seed},{sizes['body_and_head']},"
            f"{sizes['body']},{sizes['total']},{cell.tokens},{loss:.6f}"
        )
    return "\n".join(lines) + "\n"


def half_width(values: Sequence[float]) -> str:
    """Return half of the 95 % interval of a mean, – for one value."""
    if len(values) < 2:
        return "–"
    wide = quantile(LEVEL, len(values) - 1) * float(np.std(values, ddof=1)) / len(values) ** 0.5
    return f"{wide:.4f}"


def left_out_lines(results: Results) -> list[str]:
    """Say what is left out, and why."""
    plan = results.plan
    lines = [f"left out: {line}" for line in results.left_out]
    return lines + [f"left out by the plan: {name}, {why}" for name, why in plan.leave_out.items()]


def measures_text(results: Results) -> str:
    """Lay out what curves and further measures say of each arm: forgetting, few-shot, alignment."""
    names = sorted({place for found in results.values.values() for place in found})
    measures = sorted({name for name, _ in names})
    rows = [("arm", "tokens to half", "forgetting", *measures)]
    for arm in results.arms:
        seeds = results.seeds(arm)
        curves = [points for seed in seeds for points in results.curves[arm, seed].values()]
        known = [points for points in curves if len(points) > 1]
        cells = [
            f"{np.mean([tokens_to_half(points) for points in known]):,.0f}" if known else "–",
            f"{np.mean([forgetting(points) for points in known]):.4f}" if known else "–",
        ]
        for measure in measures:
            last = [
                points[-1][1]
                for seed in seeds
                for (name, _), points in results.values[arm, seed].items()
                if name == measure
            ]
            cells.append(f"{np.mean(last):+.4f}" if last else "–")
        rows.append((arm, *cells))
    return "\n".join(align_columns(rows, len(rows[0]) - 1)) + "\n"


def outcomes_text(plan: Plan, outcomes: Sequence[Outcome]) -> str:
    """Lay out what became of each claim."""
    lines = [f"predictions of {plan.name}, {plan.prediction_sha256[:12]}"]
    for one in outcomes:
        figures = ""
        if one.effect is not None and one.interval is not None:
            low, high = one.interval
            figures = f": {one.effect:+.4f} ({low:+.4f} … {high:+.4f}), {one.seeds} seeds"
        note = f"; {one.note}" if one.note else ""
        lines.append(f"  {one.outcome}: {one.claim}{figures}{note}")
    if not outcomes:
        lines.append("  none was made")
    return "\n".join(lines) + "\n"
