"""The arm of differential entropy: what a little fine-tuning makes most expected.

InstructDiff (arXiv:2601.23006) scores a pool by the entropy under a model that was tuned on a part
of it, less that under the base; the lowest won there. The paper's band is one member of this family
of rules, so a page shows where the band stands in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mind_core import MindError
from mind_core.files import read_json, write_json
from mind_core.untrusted import as_written
from mind_sft_select.choosing import Chosen, within
from mind_sft_select.loop.arms import Arm, by_language
from mind_sft_select.loop.cells import AGAIN, RUN, TunedModel
from mind_sft_select.loop.plan_file import DIFFERENTIAL
from mind_sft_select.loop.state import Loop
from mind_sft_select.score_stats import rank_correlation
from mind_sft_select.scoring.answer_model import AnswerModel
from mind_sft_select.scoring.templates import ConversationTemplate

Floats = NDArray[np.float64]
FILE = "differential.json"


def differentials(loop: Loop, tuned: TunedModel, say: Callable[[str], None]) -> Floats:
    """Return nats per answer token under the tuned model less those under the base [N].

    NaN where a record was not scored. What was measured once for the same weights is read again.
    """
    path = loop.folder / FILE
    if path.is_file():
        with as_written(path, AGAIN):
            kept = read_json(path)
            # A pool under the tuned model takes as long as the first scoring, so it is read again.
            if kept["tuned"] != tuned.fingerprint or len(kept["values"]) != len(loop.data.records):
                raise MindError(f"{path} was measured with another model or pool", hint=AGAIN)
            known: Floats = np.array(kept["values"], dtype=np.float64)  # null is NaN
            if known.ndim != 1 or np.isinf(known).any():
                raise ValueError("the values are no list of finite numbers")
            return known
    from mind_eval.models.model import open_model, usable_device

    say(f"scoring the pool under {tuned.arm}, seed {tuned.seed}, for {DIFFERENTIAL}")
    model = open_model(str(tuned.folder / RUN), usable_device(loop.plan.device))
    scorer = AnswerModel(model, ConversationTemplate(model.tokenizer), loop.plan.long)
    sums = scorer([record["messages"] for record in loop.data.records])
    after = np.array([np.nan if s is None else s.total.entropy() or np.nan for s in sums])
    before = loop.data.pool.number("entropy")
    # Scored under the base, so the record is not too long: the tuned weights are at fault.
    if bad := np.flatnonzero(np.isfinite(before) & ~np.isfinite(after)).tolist():
        raise MindError(
            f"record {bad[0]} of the pool has no finite loss under {tuned.folder / RUN}",
            hint="the run diverged: lower lr in the plan",
        )
    values: Floats = (after - before).round(6)
    write_json(path, {"format": "mind-sft-differential", "tuned": tuned.fingerprint,
                      "values": [None if np.isnan(v) else v for v in values.tolist()]})  # fmt: skip
    return values


def differential_arm(loop: Loop, values: Floats, usable: Sequence[int], random: Arm) -> Arm:
    """Return the records of the lowest differentials by seed: in each language as many answer
    tokens as the arm `random` has.

    What the tuned model learned from is left out: its loss fell because it was seen.
    """
    tokens, seen = loop.data.pool.number("tokens"), set(random[0])
    unseen = [i for i in usable if i not in seen and not np.isnan(values[i])]
    # The place settles ties, so that a second run chooses alike.
    ordered = sorted(unseen, key=lambda i: (values[i], i))
    places = by_language(loop, ordered)
    arm: Arm = {}
    for seed, drawn in random.items():
        budgets = {k: float(tokens[v].sum()) for k, v in by_language(loop, drawn).items()}
        arm[seed] = sorted(
            i for language, own in places.items() for i in within(own, tokens, budgets[language])
        )
    return arm


def standing(loop: Loop, values: Floats, chosen: Chosen) -> dict[str, dict[str, Any]]:
    """Tell, by language, where the band's records stand among the differentials of the pool.

    `spearman` is the rank correlation of entropy with the differential; `band_rank` the mean share
    of the pool that lies below a record of the band, 0.5 if the band knows nothing of it.
    """
    entropy = loop.data.pool.number("entropy")
    kept = set(chosen.kept)
    found = {}
    for language in loop.data.pool.languages():
        own = np.flatnonzero(loop.data.pool.in_language(language) & ~np.isnan(values)).tolist()
        if len(own) < 2:
            continue
        # `argsort` twice gives each value's rank; 0 is the lowest, 1 the highest.
        ranks = np.argsort(np.argsort(values[own], kind="stable"), kind="stable") / (len(own) - 1)
        band = [rank for place, rank in zip(own, ranks.tolist(), strict=True) if place in kept]
        found[language] = {
            "records": len(own),
            "median": round(float(np.median(values[own])), 6),
            "spearman": rank_correlation(list(zip(entropy[own], values[own], strict=True))),
            "band_rank": round(float(np.mean(band)), 4) if band else None,
        }
    return found


def tuned_cell(folder: Path, cells: Sequence[TunedModel]) -> TunedModel:
    """Return the model that differentials are measured with: `random`, seed 0."""
    for cell in cells:
        if cell.seed == 0:
            return cell
    raise MindError(f"{folder} has no cell of random, seed 0", hint=f"{DIFFERENTIAL} needs it")
