"""Verdicts: planted effects are found, null plans confirm nothing, fits rank unseen mixtures."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mind_core import MindError
from mind_train.experiments import mixture_laws, mixtures
from mind_train.experiments import outcomes as verdicts
from mind_train.experiments.curves import NotTestable, early, forgetting, tokens_to_half
from mind_train.experiments.effects import effect_of, outcomes_of
from mind_train.experiments.matrix import _by_seed, cluster_order
from mind_train.experiments.mixture_laws import FITTERS, matrix_only, scores_of
from mind_train.experiments.outcomes import Effect, judge, permutation_level, spearman
from mind_train.experiments.plan_file import Hypothesis, Plan, Size
from mind_train.experiments.proposals import bounded, propose
from mind_train.experiments.rate_rule import BestRate, rates_text, rule_of
from mind_train.experiments.regmix import regmix_scores
from mind_train.experiments.results import Results, Scores, _scores

REGMIX = Path(__file__).parents[4] / "shared" / "data" / "scaling" / "regmix"
ARMS = ("academic", "books", "code", "dialogue", "math", "qa")


def results_of(
    effect: dict[str, float], seeds: int, draw: np.random.Generator, claims: list[Hypothesis]
) -> Results:
    """Simulate results: documents, arms that differ by `effect` bits/byte, seeds' noise."""
    plan = Plan(
        "simulated", "sources", ("x",), (Size("s", {}),), (1,), tuple(range(seeds)), {},
        predictions=tuple(claims),
    )  # fmt: skip
    results = Results(plan, "s", arms=[*ARMS, "mixed"])
    hardness = {name: draw.normal(2.5, 0.3, 12) for name in ARMS}
    sizes = {name: draw.integers(200, 3000, 12).astype(float) for name in ARMS}
    for arm in results.arms:
        for seed in range(seeds):
            noise = draw.normal(0, 0.02)
            scores = {}
            for name in ARMS:
                rate = hardness[name] + effect.get(arm, 0.0) + noise
                rate = rate + draw.normal(0, 0.02, 12)
                scores[f"{name}/en"] = Scores(rate * sizes[name] * np.log(2), sizes[name])
            results.final[arm, seed] = scores
            results.curves[arm, seed] = {}
            results.values[arm, seed] = {}
    return results


def claim(of: str, smallest: float = 0.02, **more: object) -> Hypothesis:
    return Hypothesis(f"{of} is lower", "bits_per_byte", smallest, 3, of, **more)  # type: ignore[arg-type]


def test_a_planted_effect_is_found_in_both_directions() -> None:
    draw = np.random.default_rng(0)
    claims = [claim("math"), claim("books"), claim("code", direction="same", smallest=0.1)]
    results = results_of({"math": -0.2, "books": 0.2}, 3, draw, claims)
    found = [one.outcome for one in outcomes_of(results)]
    assert found == ["confirmed", "contradicted", "confirmed"]


def test_null_plans_confirm_nothing() -> None:
    """Six claims a plan, 100 plans without any effect: at most five plans claim one."""
    draw = np.random.default_rng(1)
    wrong = 0
    for _ in range(100):
        claims = [claim(arm, smallest=0.0) for arm in ARMS]
        outcomes = outcomes_of(results_of({}, 3, draw, claims))
        wrong += any(one.outcome in ("confirmed", "contradicted") for one in outcomes)
    assert wrong <= 5


def test_intervals_hold_the_truth() -> None:
    draw = np.random.default_rng(2)
    held = 0
    for _ in range(100):
        (one,) = outcomes_of(results_of({"math": -0.05}, 3, draw, [claim("math")]))
        assert one.interval is not None
        held += one.interval[0] <= 0.05 <= one.interval[1]
    assert held >= 90


def test_an_undecided_claim_says_how_many_seeds_would_decide_it() -> None:
    effect = Effect(0.05, 0.02, 0.0, 4, 3, 0.02)
    (one,) = judge([("x", effect)])
    assert one.outcome == "not decided" and "seeds would decide" in one.note
    needed = verdicts.seeds_needed(effect, 0.05)
    assert needed is not None and needed > 3
    (stuck,) = judge([("x", Effect(0.05, 0.0, 0.02, 4, 3, 0.02))])
    assert "more held-out documents" in stuck.note


def test_holm_holds_the_clearest_claim_to_the_narrowest_level() -> None:
    effects = [Effect(v, 0.02, 0.0, 12, 3, 0.0) for v in (0.3, 0.05, 0.04)]
    first, second, third = judge([(str(i), e) for i, e in enumerate(effects)])
    assert first.level == pytest.approx(0.05 / 3) and first.outcome == "confirmed"
    # Each of the others would be confirmed alone; with three claims neither is.
    assert judge([("x", effects[1])])[0].outcome == "confirmed"
    assert second.outcome == third.outcome == "not decided"


def test_no_difference_of_that_size_is_an_outcome() -> None:
    (one,) = judge([("x", Effect(0.001, 0.002, 0.001, 10, 3, 0.05))])
    assert one.outcome == "no difference of that size"


def test_ranks_and_their_permutation_level() -> None:
    assert spearman([1, 2, 3, 4], [10, 20, 30, 40]) == pytest.approx(1.0)
    assert spearman([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1.0)
    assert permutation_level([1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6, 7]) < 0.01
    assert permutation_level([2, 1, 4, 3], [3, 1, 2, 4]) > 0.05


def test_curves() -> None:
    points = [(0, 8.0), (100, 6.0), (200, 4.0), (300, 4.2)]
    assert tokens_to_half(points) == pytest.approx(100.0)
    assert forgetting(points) == pytest.approx(0.2)


@pytest.mark.parametrize("of_curve", [tokens_to_half, forgetting, early])
def test_a_curve_of_one_point_says_nothing(of_curve: Callable[..., float]) -> None:
    with pytest.raises(NotTestable, match="one point"):
        of_curve([(100, 3.0)])


@pytest.mark.parametrize("against", [("others",), ("closest",)])
def test_a_mixed_arm_has_no_own_source(against: tuple[str, ...]) -> None:
    """It is no part of the claim: neither of its spread of seeds, nor a reason to refuse it."""
    made = claim("math", on=("own",), against=against)
    results = results_of({}, 3, np.random.default_rng(4), [made])
    for (arm, _), curves in results.curves.items():
        curves |= {f"{name}/en": [(0, 8.0), (100, 4.0 + len(arm) / 10)] for name in ARMS}
    # What is left of six arms and three seeds; a seventh row of zeros would make it 12.
    found = effect_of(results, made)
    assert found.freedom == (len(ARMS) - 1) * 2
    results.arms.remove("mixed")
    assert effect_of(results, made) == found
    results.arms.append("mixed")
    curve = replace(made, measure="early_bits_per_byte")
    assert effect_of(results, curve).freedom == found.freedom
    with pytest.raises(NotTestable, match="own of mixed"):
        effect_of(results, replace(made, of="mixed"))
    # The table of learning speed has no number for what was not measured.
    del results.curves["qa", 0]["qa/en"]
    speeds = dict(zip(ARMS, _by_seed(results, ARMS, "tokens_to_half"), strict=True))
    assert np.isnan(speeds["qa"][0]) and np.isfinite(speeds["math"][0])


def test_rows_that_are_alike_stand_side_by_side() -> None:
    table = np.array([[1.0, 5.0, 5.0], [5.0, 1.0, 5.0], [1.1, 5.0, 5.1], [3.0, 3.0, 3.0]])
    order = cluster_order(table, ["a", "b", "c", "mixed"])
    assert order[-1] == 3 and abs(order.index(0) - order.index(2)) == 1


def test_laws_of_mixing_rank_what_they_have_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixture_laws, "SPLITS", 3)
    monkeypatch.setattr(mixture_laws, "FOLDS", 4)
    monkeypatch.setattr(mixture_laws, "STARTS", 3)
    monkeypatch.setitem(mixture_laws.TREES, "n_estimators", 60)
    have = {name: 1000 * (i + 1) for i, name in enumerate(ARMS)}
    drawn = propose(have, 4000, 48, 4.0, 0, principles=True)
    shares = np.array([[one.shares[name] for name in ARMS] for one in drawn])
    slopes = np.linspace(-1.5, 0.5, len(ARMS))
    losses = 1.0 + np.exp(shares @ slopes) + np.random.default_rng(0).normal(0, 0.002, len(drawn))
    rows = 1.0 + np.exp(slopes)
    found = {one.law: one for one in scores_of([one.name for one in drawn], shares, losses, rows)}
    assert set(found) == {*FITTERS, "matrix"}
    assert found["mixing-law"].spearman > 0.97 and found["matrix"].spearman > 0.9
    for one in found.values():
        assert one.regret >= 0 and one.natural is not None and one.natural >= 0
    assert found["mixing-law"].regret < min(found["mixing-law"].natural or 1, 0.03)
    assert matrix_only(rows)(np.eye(len(ARMS))) == pytest.approx(rows)


def test_the_rule_of_rates_takes_no_size_whose_best_is_on_the_edge() -> None:
    def best(size: int, at: float) -> BestRate:
        grid = (1e-3, 2e-3, 4e-3, 8e-3)
        return BestRate(str(size), size, {rate: abs(np.log(rate / at)) for rate in grid})

    small, middle, large, edge = (
        best(n, r) for n, r in ((100, 4e-3), (400, 2e-3), (1600, 2e-3), (6400, 1e-3))
    )
    rule = rule_of([edge, large, small, middle])
    assert rule is not None and rule.a == pytest.approx(0.5) and rule.third == pytest.approx(1e-3)
    assert rule_of([small, edge]) is None
    text = rates_text([small, middle, large, edge])
    assert "edge: left out" in text and "-1.00 in powers of two" in text


def test_shares_are_cut_to_their_bounds() -> None:
    shares = bounded(np.array([8.0, 1.0, 1.0]), np.array([0.4, 0.9, 0.3]))
    assert shares.sum() == pytest.approx(1.0) and shares[0] == pytest.approx(0.4)
    assert shares[1] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("weights", "bounds", "wanted"),
    [
        # Full in the first round, and not to be filled again in the third.
        ([10, 5, 1], [0.3, 0.35, 1.0], [0.3, 0.35, 0.35]),
        ([1, 0, 0], [0.5, 0.2, 0.6], [0.5, 0.125, 0.375]),
        ([3, 2, 1], [0.2, 0.3, 0.5], [0.2, 0.3, 0.5]),
    ],
)
def test_a_share_that_was_cut_stays_cut(
    weights: list[float], bounds: list[float], wanted: list[float]
) -> None:
    assert bounded(np.array(weights, float), np.array(bounds)) == pytest.approx(np.array(wanted))


def test_no_share_is_above_its_bound() -> None:
    draw = np.random.default_rng(5)
    for _ in range(300):
        weights, bounds = draw.dirichlet(np.full(8, 0.3)) + 1e-6, draw.dirichlet(np.ones(8)) * 1.2
        shares = bounded(weights, bounds)
        assert np.all(shares <= bounds + 1e-9) and shares.sum() == pytest.approx(1.0)
        # In proportion wherever no bound is in the way.
        free = shares < bounds - 1e-9
        assert np.allclose(np.ptp(shares[free] / weights[free]) if free.any() else 0.0, 0.0)


@pytest.mark.skipif(not REGMIX.exists(), reason="RegMix's runs are not here")
def test_fits_rank_the_unseen_mixtures_of_public_runs() -> None:
    """Spearman on RegMix's 256 unseen 1M mixtures keeps its lower bounds."""
    found = {(count, law): value for count, law, value in regmix_scores(REGMIX)}
    assert found[512, "boosting"] >= 0.9845
    assert found[512, "log-linear"] >= 0.9008
    assert found[128, "boosting"] >= 0.96 and found[64, "boosting"] >= 0.92


def test_a_target_without_a_held_out_set_is_a_clear_error() -> None:
    results = results_of({}, 1, np.random.default_rng(0), [])
    assert mixtures._mean(results, "math", ("code", "qa")) > 0
    with pytest.raises(MindError, match="mixture math was not scored on law, zh") as raised:
        mixtures._mean(results, "math", ("law", "zh"))
    assert "choose_on" in str(raised.value.hint) and "books/en" in str(raised.value.hint)


def test_a_seed_that_another_arm_lacks_makes_no_claim_of_generalisation() -> None:
    """It takes the models of all sources: without one of them it is not a number."""
    claims = [
        replace(claim("math"), measure="generalisation", on=("all",), against=("books",)),
        claim("books", against=("code",)),
    ]
    results = results_of({"books": -0.2}, 3, np.random.default_rng(0), claims)
    assert all(math.isfinite(one.effect or math.nan) for one in outcomes_of(results))
    del results.final["qa", 1]
    lacking, whole = outcomes_of(results)
    assert lacking.outcome == verdicts.NOT_TESTABLE and "seed 1" in str(lacking)
    assert whole.outcome == "confirmed"


@pytest.mark.parametrize(
    "changed", [{"nats": 1e300}, {"nats": float("nan")}, {"nats": -1.0}, {"bytes": 0}]
)
def test_scores_that_no_run_has_written_are_refused(changed: dict[str, float]) -> None:
    sound = {"source": "math/en", "document": 1, "nats": 2.0, "bytes": 9}
    assert list(_scores([sound])) == ["math/en"]
    # 1e300 nats became an infinite distance of rows, and a traceback of scipy's.
    with pytest.raises(ValueError, match="no figure of a run"):
        _scores([{**sound, **changed}])
