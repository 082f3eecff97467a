"""The records of each arm: clusters at the budget, the band and its baselines at equal tokens.

Clusters are of one language each. The band and its baselines hold all languages: they are made of
as many answer tokens in each of them, or their losses would tell of the mixture of languages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mind_core.errors import UsageError
from mind_sft_select.choosing import Chosen, SelectionRules, baseline, choose, within
from mind_sft_select.loop.data import LoopData
from mind_sft_select.loop.plan_file import DIFFERENTIAL
from mind_sft_select.loop.state import Loop
from mind_sft_select.pool import hash_of, overlapping
from mind_sft_select.scorers.conversations import questions_of

Arm = dict[int, list[int]]
"""Places of records in the pool by seed."""


def evaluation_overlap(data: LoopData) -> Any:
    """Tell which records ask what an evaluation item asks [N]."""
    return overlapping(data.pool, [questions_of(item["messages"]) for item in data.items])


def candidates(data: LoopData) -> list[int]:
    """Return the places of records that may be tuned on: scored, no copy, in no evaluation."""
    return choose(data.pool, SelectionRules(), evaluation_overlap(data)).kept


def cluster_arms(loop: Loop) -> dict[str, Arm]:
    """Return the records of each cluster by seed, drawn at the budget."""
    plan, allowed = loop.plan, set(candidates(loop.data))
    tokens = loop.data.pool.number("tokens")
    arms: dict[str, Arm] = {}
    for number, cluster in enumerate(loop.clusters):
        # Fewer answer tokens than the budget: its loss would tell of the size as well.
        if cluster.is_too_small:
            continue
        members = [i for i in cluster.members if i in allowed]
        arms[f"cluster-{number:02d}"] = {
            seed: drawn(members, tokens, plan.budget, seed) for seed in range(plan.seeds)
        }
    # Where every record is longer than the budget, or not allowed, nothing was drawn.
    return {name: by_seed for name, by_seed in arms.items() if all(by_seed.values())}


def drawn(members: Sequence[int], tokens: Any, budget: float, seed: int) -> list[int]:
    """Draw records up to a budget of answer tokens."""
    order = np.random.default_rng(seed).permutation(len(members))
    return within([members[i] for i in order], tokens, budget)


def band_arm(loop: Loop, chosen: Chosen) -> Arm:
    """Return the records of the band by seed: the budget in equal parts to the languages of the
    items. What the band has too few records for goes to the others, as baselines have the band's
    tokens in each language whatever they are.
    """
    tokens, plan = loop.data.pool.number("tokens"), loop.plan
    # The poorest first, so that what it leaves is known before the others take theirs.
    places = sorted(by_language(loop, chosen.kept).values(), key=lambda p: float(tokens[p].sum()))
    arm: Arm = {}
    for seed in range(plan.baseline_seeds):
        taken: list[int] = []
        for done, members in enumerate(places):
            left = plan.budget - float(tokens[taken].sum())
            taken += drawn(members, tokens, left / (len(places) - done), seed)
        arm[seed] = sorted(taken)
    return arm


def by_language(loop: Loop, places: Sequence[int]) -> dict[str, list[int]]:
    """Return places by language, for each language of the evaluation items."""
    words = loop.data.pool.words["language"]
    return {
        language: [i for i in places if words[i] == language]
        for language in sorted(set(loop.data.item_languages))
    }


def baseline_arms(loop: Loop, band: Arm) -> dict[str, Arm]:
    """Return the records of each baseline that needs no tuned model, by seed: in each language as
    many answer tokens as the band of that seed has, or where the band is empty, the budget's part.
    """
    usable = by_language(loop, candidates(loop.data))
    # Random records of the right size stand in for an empty band, so the baselines still run.
    like = {seed: by_language(loop, band[seed] or _any(loop, usable, seed)) for seed in band}
    arms: dict[str, Arm] = {}
    for name in loop.plan.baselines:
        # `differential` needs a tuned model first; without a band there are no lengths to copy.
        if name == DIFFERENTIAL or (name == "random-length" and not all(band.values())):
            continue
        try:
            arms[name] = {
                seed: sorted(
                    place
                    for language, places in usable.items()
                    for place in baseline(name, loop.data.pool, places, like[seed][language], seed)
                )
                for seed in band
            }
        except UsageError:  # no record has an IFD up to 1
            continue
    return {name: by_seed for name, by_seed in arms.items() if all(by_seed.values())}


def _any(loop: Loop, usable: dict[str, list[int]], seed: int) -> list[int]:
    tokens, budget = loop.data.pool.number("tokens"), loop.plan.budget / len(usable)
    return [i for places in usable.values() for i in drawn(places, tokens, budget, seed)]


def cell_name(arm: str, seed: int, places: Sequence[int]) -> str:
    """Return the folder's name of a cell. With more seeds the fit may find another band: cells that
    depend on it are named by their records, too.
    """
    name = f"{arm}-seed{seed}"
    return name if arm.startswith("cluster-") else f"{name}-{hash_of(str(places)):016x}"


def tokens_by_language(loop: Loop, places: Sequence[int]) -> dict[str, int]:
    """Return answer tokens of records by language."""
    tokens = loop.data.pool.number("tokens")
    return {k: int(tokens[v].sum()) for k, v in by_language(loop, places).items()}
