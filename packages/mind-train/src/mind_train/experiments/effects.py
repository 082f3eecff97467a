"""The effects that a plan has predicted, measured on its results.

Every measure of held-out documents is a sum of coefficients over (arm, set), so that one formula
gives its error over documents: the same documents are scored by all arms, and what they have in
common cancels. The error over seeds comes from what is left of each arm's value after its arm and
its seed are taken out, pooled over arms.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from mind_train.experiments.curves import CURVES, NotTestable
from mind_train.experiments.measures import bits_per_byte
from mind_train.experiments.outcomes import (
    CONFIRMED,
    CONTRADICTED,
    LEVEL,
    NOT_DECIDED,
    Effect,
    Outcome,
    judge,
    permutation_level,
    spearman,
)
from mind_train.experiments.plan_file import Hypothesis
from mind_train.experiments.results import Results

Floats = npt.NDArray[np.float64]
Form = dict[tuple[str, str], float]
DOCUMENT_MEASURES = ("bits_per_byte", "generalisation")


def outcomes_of(results: Results) -> list[Outcome]:
    """Return the outcome of each prediction of the plan, Holm's level shared among them."""
    claims: list[tuple[str, Effect | str]] = []
    ranks: dict[int, Outcome] = {}
    for number, prediction in enumerate(results.plan.predictions):
        try:
            if prediction.test == "rank":
                ranks[number] = rank_outcome(results, prediction)
                continue
            claims.append((prediction.claim, effect_of(results, prediction)))
        except NotTestable as error:
            claims.append((prediction.claim, str(error)))
    judged = iter(judge(claims))
    return [ranks[n] if n in ranks else next(judged) for n in range(len(results.plan.predictions))]


def effect_of(results: Results, prediction: Hypothesis) -> Effect:
    """Return the effect that a prediction names; raises NotTestable."""
    arms = rivals(results, prediction)
    seeds = _common_seeds(results, [prediction.of, *arms])
    if len(seeds) < 2:
        # One seed says nothing about how far seeds lie apart.
        raise NotTestable(f"{len(seeds)} seed(s) where an interval is asked")
    # Turned so that what was claimed is always a value above 0.
    sign = -1.0 if prediction.direction == "lower" else 1.0
    weights = {prediction.of: sign, **{arm: -sign / len(arms) for arm in arms}}
    table, names = _pooled(results, prediction, weights, seeds), results.arms
    _check_whole(table[[names.index(arm) for arm in weights]], seeds)
    value = sum(weight * table[names.index(arm)].mean() for arm, weight in weights.items())
    spread, freedom = _left_over(table)
    seed_error = spread * np.sqrt(sum(w**2 for w in weights.values()) / len(seeds))
    document_error = 0.0
    if prediction.measure in DOCUMENT_MEASURES:
        form: Form = {}
        for arm, weight in weights.items():
            for key, part in form_of(results, prediction.measure, prediction.on, arm).items():
                form[key] = form.get(key, 0.0) + weight * part
        document_error = document_error_of(results, form)
    return Effect(
        float(value), float(seed_error), document_error, freedom, len(seeds),
        prediction.smallest_effect, prediction.direction == "same",
    )  # fmt: skip


def rivals(results: Results, prediction: Hypothesis) -> list[str]:
    """Return the arms that a prediction's arm is held against."""
    if prediction.of not in results.arms:
        why = results.plan.leave_out.get(prediction.of, "it has no finished cell")
        raise NotTestable(f"{prediction.of}: {why}")
    others = [a for a in results.arms if a not in (prediction.of, "mixed")]
    if prediction.against == ("others",):
        found = others
    elif prediction.against == ("closest",):
        seeds = _common_seeds(results, results.arms)
        table = values_of(results, prediction.measure, prediction.on, others, seeds)
        means = {arm: float(row.mean()) for arm, row in zip(others, table, strict=True)}
        best = min if prediction.direction == "lower" else max
        found = [best(means, key=lambda arm: means[arm])] if means else []
    else:
        found = list(prediction.against)
    missing = [arm for arm in found if arm not in results.arms]
    if missing or not found:
        why = ", ".join(
            f"{arm}: {results.plan.leave_out.get(arm, 'it has no finished cell')}"
            for arm in missing
        )
        raise NotTestable(why or "there is no arm to hold it against")
    return found


def _pooled(
    results: Results, prediction: Hypothesis, claimed: Collection[str], seeds: Sequence[int]
) -> Floats:
    """Return the values of all arms, as the spread of seeds is pooled over them.

    float64 (arms, seeds); nan for an arm outside of the claim that has no such value, as a mixed
    one has no own source.
    """
    table = np.full((len(results.arms), len(seeds)), np.nan)
    for row, arm in enumerate(results.arms):
        try:
            table[row] = values_of(results, prediction.measure, prediction.on, [arm], seeds)[0]
        except NotTestable:
            if arm in claimed:
                raise
    return table


def _common_seeds(results: Results, arms: Sequence[str]) -> list[int]:
    return sorted(set.intersection(*(set(results.seeds(arm)) for arm in arms))) if arms else []


def values_of(
    results: Results, measure: str, on: Sequence[str], arms: Sequence[str], seeds: Sequence[int]
) -> Floats:
    """Return the value of a measure, float64 (arms, seeds); nan where an arm lacks a seed."""
    table = np.full((len(arms), len(seeds)), np.nan)
    for row, arm in enumerate(arms):
        for column, seed in enumerate(seeds):
            if (arm, seed) in results.final:
                table[row, column] = value_of(results, measure, on, arm, seed)
    return table


def value_of(results: Results, measure: str, on: Sequence[str], arm: str, seed: int) -> float:
    """Return a measure of one arm and seed."""
    if measure in DOCUMENT_MEASURES:
        total = 0.0
        # `generalisation` takes the models of other arms too: each of them has to have this seed.
        for (other, name), weight in form_of(results, measure, on, arm).items():
            if (other, seed) not in results.final:
                return float("nan")
            total += weight * results.final[other, seed][name].bits
        return total
    if measure in CURVES:
        curves = results.curves[arm, seed]
        chosen = [curves[name] for name in sets_of(results, on, arm) if name in curves]
        if not chosen:
            raise NotTestable(f"no curve of {', '.join(on)}")
        return float(np.mean([CURVES[measure](points) for points in chosen]))
    found = results.values[arm, seed]
    # A measure of points at several steps counts with its last one.
    wanted = [
        points[-1][1]
        for (name, source), points in found.items()
        if name == measure and (tuple(on) == ("all",) or source in on)
    ]
    if not wanted:
        known = sorted({name for name, _ in found} | {*DOCUMENT_MEASURES, *CURVES})
        raise NotTestable(
            f"no measure {measure!r} of {', '.join(on)}; there are {', '.join(known)}"
        )
    return float(np.mean(wanted))


def sets_of(results: Results, on: Sequence[str], arm: str) -> list[str]:
    """Return the sets that `on` names for an arm: "all", "own", "elsewhere", sources, languages.

    Raises NotTestable where there is none.
    """
    names = results.sets
    if tuple(on) == ("all",):
        return names
    if tuple(on) == ("own",):
        found = [name for name in names if results.source_of(name) == arm]
    elif tuple(on) == ("elsewhere",):
        found = [name for name in names if results.source_of(name) != arm]
    else:
        found = [n for n in names if {n, results.source_of(n), n.rpartition("/")[2]} & set(on)]
    if not found:
        raise NotTestable(f"there is no held-out set {', '.join(on)} of {arm}")
    return found


def form_of(results: Results, measure: str, on: Sequence[str], arm: str) -> Form:
    """Return a measure of an arm as coefficients of bits per byte over (arm, set).

    `generalisation` is the mean over sets of other sources of the loss above that of the source's
    own model: how far a model is from the diagonal off the diagonal.
    """
    chosen = sets_of(results, on, arm)
    if measure == "bits_per_byte":
        return {(arm, name): 1 / len(chosen) for name in chosen}
    chosen = [
        name for name in chosen
        if results.source_of(name) != arm and results.source_of(name) in results.arms
    ]  # fmt: skip
    if not chosen:
        raise NotTestable(f"{arm} has no other source to be tested on")
    found: Form = {}
    for name in chosen:
        found[arm, name] = found.get((arm, name), 0.0) + 1 / len(chosen)
        own = (results.source_of(name), name)
        found[own] = found.get(own, 0.0) - 1 / len(chosen)
    return found


def document_error_of(results: Results, form: Mapping[tuple[str, str], float]) -> float:
    """Return the standard error over documents of a sum of ratios (the delta method)."""
    parts: dict[str, Floats] = {}
    for (arm, name), weight in form.items():
        scores = results.mean_scores(arm, name)
        # A ratio of sums moves by (nats - ratio · bytes) / Σ bytes when a document is drawn once
        # more.
        size = scores.bytes.sum()
        ratio = scores.nats.sum() / size
        share = weight * (scores.nats - ratio * scores.bytes) / size / np.log(2)
        # Before squaring: what two arms have in common on a document has opposite signs here.
        parts[name] = parts.get(name, 0.0) + share
    total = 0.0
    for share in parts.values():
        count = len(share)
        total += float((share**2).sum()) * count / max(count - 1, 1)
    return float(np.sqrt(total))


def _check_whole(table: Floats, seeds: Sequence[int]) -> None:
    """Raise NotTestable for seeds with no value: `generalisation` takes other arms' models too."""
    lost = [str(seed) for place, seed in enumerate(seeds) if np.isnan(table[:, place]).any()]
    if lost:
        raise NotTestable(f"seed {', '.join(lost)}: an arm that it is compared with is not there")


def _left_over(table: Floats) -> tuple[float, int]:
    """Return the spread of values after arms and seeds are taken out, and its freedom."""
    whole = table[~np.isnan(table).any(axis=1)]
    rows, columns = whole.shape
    # Too few to take both means out: the spread of all values.
    if rows < 2 or columns < 2:
        spread = float(whole.std(ddof=1)) if whole.size > 1 else 0.0
        return spread, max(whole.size - 1, 1)
    rest = whole - whole.mean(axis=1, keepdims=True) - whole.mean(axis=0, keepdims=True)
    rest = rest + whole.mean()
    # Means of rows + columns - 1 kinds are taken out of rows · columns values.
    freedom = (rows - 1) * (columns - 1)
    return float(np.sqrt((rest**2).sum() / freedom)), freedom


def rank_outcome(results: Results, prediction: Hypothesis) -> Outcome:
    """Hold the order of our arms against the claimed one: Spearman, with a permutation test."""
    arms = [arm for arm in prediction.order if arm in results.arms]
    gone = [arm for arm in prediction.order if arm not in results.arms]
    note = f"without {', '.join(gone)}" if gone else ""
    if len(arms) < 4:
        raise NotTestable(f"{len(arms)} of the {len(prediction.order)} arms are there")
    seeds = _common_seeds(results, arms)
    if len(seeds) < 2:
        raise NotTestable(f"{len(seeds)} seed(s) where an interval is asked")
    table = values_of(results, prediction.measure, prediction.on, arms, seeds)
    _check_whole(table, seeds)
    claimed = [float(prediction.order.index(arm)) for arm in arms]
    means = table.mean(axis=1)
    found = spearman(means.tolist(), claimed)
    level = permutation_level(means.tolist(), claimed)
    # The same test for the claimed order turned around.
    against = permutation_level((-means).tolist(), claimed)
    spread, _ = _left_over(table)
    # A fixed seed: a verdict may not change from one look to the next.
    draw = np.random.default_rng(0)
    drawn = [
        spearman((means + spread / np.sqrt(len(seeds)) * draw.standard_normal(len(arms))).tolist(),
                 claimed)
        for _ in range(500)
    ]  # fmt: skip
    low, high = np.quantile(drawn, [LEVEL / 2, 1 - LEVEL / 2])
    outcome = NOT_DECIDED
    if level <= LEVEL and low > prediction.smallest_effect:
        outcome = CONFIRMED
    elif against <= LEVEL and high < -prediction.smallest_effect:
        outcome = CONTRADICTED
    note = "; ".join(filter(None, (f"permutation test p = {level:.3f}", note)))
    return Outcome(prediction.claim, outcome, found, (float(low), float(high)), LEVEL, note,
                   len(seeds))  # fmt: skip


__all__ = [
    "NotTestable",
    "bits_per_byte",
    "effect_of",
    "form_of",
    "outcomes_of",
    "value_of",
    "values_of",
]
