"""What a loop's arms come to: comparisons of the band, and what `loop.json` says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mind_core.summary import version_of
from mind_sft_select.choosing import Chosen, SelectionRules, stability
from mind_sft_select.fitting.verdict import FitConclusion
from mind_sft_select.loop.cells import TunedModel
from mind_sft_select.loop.compare import Difference, compare, rule_verdict
from mind_sft_select.loop.differential_arm import standing
from mind_sft_select.loop.margins import columns
from mind_sft_select.loop.state import BAND, Loop


def compare_arms(loop: Loop) -> list[Difference]:
    """Compare the band with the other arms on the second half of the items; [] without a band."""
    if BAND not in loop.cells:
        return []
    second = ~loop.data.halves
    losses = {name: np.array([cell.losses[second] for cell in cells])
              # Clusters are of one language each: they made the band, and are not compared with it.
              for name, cells in loop.cells.items() if not name.startswith("cluster-")}  # fmt: skip
    languages = [w for w, keep in zip(loop.data.item_languages, second, strict=True) if keep]
    return compare(losses, languages, loop.data.weights[second], BAND)


def compare_margins(loop: Loop) -> list[Difference]:
    """Compare the band's margins of right choices with the other arms', by language.

    Every item counts alike and none was seen by the fit; above 0 the band is better.
    """
    if BAND not in loop.cells or not loop.plan.benchmarks:
        return []
    arms = {name: [columns(cell.margins) for cell in cells]
            for name, cells in loop.cells.items() if not name.startswith("cluster-")}  # fmt: skip
    languages = arms[BAND][0][0]
    margins = {name: np.array([cell[1] for cell in cells]) for name, cells in arms.items()}
    return compare(margins, languages, np.ones(len(languages)), BAND)


def choice_figures(cells: Sequence[TunedModel]) -> dict[str, Any]:
    """Return an arm's mean margin, accuracy and chance by language, over items and seeds."""
    found: dict[str, Any] = {}
    languages = columns(cells[0].margins)[0]
    for language in sorted(set(languages)):
        inside = np.array([own == language for own in languages])
        margins, right, chance = (
            np.array([columns(cell.margins)[i][inside] for cell in cells]) for i in (1, 2, 3)
        )
        found[language] = {
            "items": int(inside.sum()),
            "margin": [round(float(row.mean()), 6) for row in margins],
            "accuracy": [round(float(row.mean()), 6) for row in right],
            "chance": round(float(chance.mean()), 6),
        }
    return found


def summary_of(
    loop: Loop, rules: SelectionRules, chosen: Chosen, verdicts: dict[str, FitConclusion | None]
) -> dict[str, Any]:
    """Return what `loop.json` says."""
    differences = compare_arms(loop)
    scores, second = loop.data.pool.number("entropy"), ~loop.data.halves
    weights = loop.data.weights[second]
    spent = {name: [cell.tokens for cell in cells] for name, cells in loop.cells.items()}
    verdict, detectable = rule_verdict(differences, spent, (loop.spent.get(BAND) or [{}])[0])
    return {
        "verdict": verdict,
        "detectable_difference": round(detectable, 6) if math.isfinite(detectable) else None,
        "band": list(rules.band or ()),
        "band_records": len(chosen.kept),
        "pool_records": len(loop.data.pool),
        "evaluation_items": {"fit": int(loop.data.halves.sum()), "compare": int(second.sum())},
        "reference": {k: loop.reference[k] for k in ("text", "chat", "pool", "uses")},
        "clusters": [c.as_dict(n, scores) for n, c in enumerate(loop.clusters)],
        "fits": {k: None if v is None else v.as_dict() for k, v in verdicts.items()},
        "arms": {
            name: {
                "seeds": len(cells), "tokens": spent[name], "by_language": loop.spent[name][0],
                "loss": [round(float(np.average(c.losses[second], weights=weights)), 6)
                         for c in cells],
            }
            for name, cells in sorted(loop.cells.items())
        },
        "differences": [row.as_dict() for row in differences],
        "choices": {name: choice_figures(cells) for name, cells in sorted(loop.cells.items())}
                   if loop.plan.benchmarks else {},
        "margin_differences": [row.as_dict() for row in compare_margins(loop)],
        "differential": standing(loop, loop.differentials, chosen)
                        if loop.differentials is not None else {},
        "stability": stability(loop.data.pool, chosen, rules),
        "ifd_median": _median(loop.data.pool.number("ifd")),
        "versions": {name: version_of(name) for name in ("mind-sft-select", "mind-train",
                                                         "mind-eval", "torch", "numpy")},
    }  # fmt: skip


def _median(values: Any) -> float | None:
    known = values[~np.isnan(values)]
    return round(float(np.median(known)), 4) if len(known) else None
