"""What a plan of an experiment may say, and what its cells are called and trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from experiment_plans import PLUGINS, WORDS, plan_for, values_of, write_corpus

from mind_core.errors import MindError, UsageError
from mind_train.experiments.arms import Arm, phases_of_arm
from mind_train.experiments.cell import code_version
from mind_train.experiments.cells import cells_of, corpus_at
from mind_train.experiments.curves import CURVES
from mind_train.experiments.designs import proposals_of
from mind_train.experiments.effects import DOCUMENT_MEASURES
from mind_train.experiments.plan_file import read_plan
from mind_train.experiments.prepared_data import Preparation


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.mark.parametrize(
    "change",
    [
        {"tokens": 640}, {"threads": 2}, {"held_out_bytes": 700},
        {"recipe": {**values_of()["recipe"], "optimizer": {"name": "adamw", "lr": 2e-3}}},
    ],
)  # fmt: skip
def test_whatever_decides_a_result_changes_the_name(corpus: Path, change: dict[str, Any]) -> None:
    before = {cell.name for cell in cells_of(plan_for(corpus), PLUGINS)}
    after = {cell.name for cell in cells_of(plan_for(corpus, **change), PLUGINS)}
    assert not before & after


def test_a_claim_or_another_name_changes_no_cell(corpus: Path) -> None:
    claim = {"claim": "x", "measure": "bits_per_byte", "of": "sea", "smallest_effect": 0.1,
             "seeds": 2}  # fmt: skip
    before = {cell.name for cell in cells_of(plan_for(corpus), PLUGINS)}
    after = {
        cell.name for cell in cells_of(plan_for(corpus, name="b", prediction=[claim]), PLUGINS)
    }
    assert before == after and len(code_version()) == 64


def test_too_few_tokens_are_refused_with_the_source_before_anything_is_trained(
    corpus: Path,
) -> None:
    with pytest.raises(MindError, match="too few tokens for at most 4 epochs") as caught:
        cells_of(plan_for(corpus, tokens=10_000_000), PLUGINS)
    assert "sums has" in str(caught.value.cause)
    with pytest.raises(UsageError, match="max_epochs"):
        plan_for(corpus, max_epochs=5.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "source"}, "kind 'source' is not known"),
        ({"seeds": [0, 0]}, "one value twice"),
        ({"sede": 1}, "no PLAN.toml.sede"),
        ({"prediction": [{"claim": "x"}]}, "does not say measure"),
        ({"size": {"a": {}}}, "has no model"),
        ({"recipe": {"train": {"steps": 3}}}, "its recipe says train.steps"),
        ({"leave_out": {"seas": "small"}}, "no leave_out.seas"),
    ],
)
def test_what_a_plan_may_not_say_is_named(corpus: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        cells_of(plan_for(corpus, **change), PLUGINS)


def test_orders_of_a_curriculum_read_the_same_data(corpus: Path) -> None:
    plan = plan_for(
        corpus, kind="curriculum", tokens=1536, options={"blocks": [1], "ends": ["decayed"]}
    )
    cells = cells_of(plan, PLUGINS)
    names = {cell.arm for cell in cells}
    assert names == {
        f"{n} decayed" for n in ("uniform", "blocked", "ascending", "descending", "blocks-1")
    }
    assert len({cell.trained_tokens for cell in cells}) == 1
    assert len({tuple(sorted(cell.preparation.tokens.items())) for cell in cells}) == 1
    blocks = next(cell for cell in cells if cell.arm == "blocks-1 decayed")
    phases = blocks.recipe["phase"]
    assert len(phases) == blocks.steps and all(phase["steps"] == 1 for phase in phases)


def test_the_order_of_blocks_is_drawn_by_the_seed() -> None:
    parts = tuple((1 / 5, {name: 1.0}) for name in "abcde")
    arm = Arm("blocked", Preparation("", 1), phases=parts, by_seed=True)
    orders = {str(phases_of_arm(arm, 10, seed)) for seed in range(4)}
    assert len(orders) > 1
    with pytest.raises(MindError, match="too few for 5 parts"):
        phases_of_arm(arm, 3, 0)


def test_transfer_has_equal_totals_and_equal_chinese(corpus: Path) -> None:
    plan = plan_for(corpus, kind="transfer", tokens=4096)
    cells = {cell.arm: cell for cell in cells_of(plan, PLUGINS) if cell.seed == 0}
    totals = {c.trained_tokens for name, c in cells.items() if name.endswith("equal total")}
    assert len(totals) == 1

    def chinese(recipe: dict[str, Any]) -> float:
        phases = recipe.get("phase") or [{"steps": recipe["train"]["steps"], **recipe["data"]}]
        return sum(
            p["steps"] * p["shares"].get("zh", 0) / sum(p["shares"].values()) for p in phases
        )

    of = {n: chinese(c.recipe) for n, c in cells.items() if n.endswith("equal chinese")}
    assert len(of) == 5
    assert max(of.values()) - min(of.values()) <= 1.0


def test_proposed_mixtures_stay_within_the_epochs(corpus: Path) -> None:
    plan = plan_for(corpus, kind="mixture", tokens=8192, seeds=[0], options={"proposals": 12})
    found, preparation = proposals_of(plan, corpus_at(plan))
    have = {source: corpus_at(plan).of(source) for source in WORDS}
    assert {"natural", "equal"} <= {one.name for one in found} and not preparation.tokens
    for one in found:
        assert sum(one.shares.values()) == pytest.approx(1.0, abs=1e-6)
        for source, share in one.shares.items():
            assert share * 8192 <= 4.0 * have[source] * 1.001


PLANS = sorted((Path(__file__).parents[3] / "benchmarks" / "reproduce").rglob("*.toml"))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_plans_of_reproduce_are_sound(path: Path) -> None:
    """Every claim says its numbers before the runs, and names measures that there are."""
    plan = read_plan(path)
    assert plan.name == f"{path.stem}-{path.parent.name}"
    for one in plan.predictions:
        known = (*DOCUMENT_MEASURES, *CURVES, "in_context_gain")
        assert one.measure in known and one.seeds >= 2
    if path.parent.name != "ci":
        assert plan.held_out_bytes >= 100_000
