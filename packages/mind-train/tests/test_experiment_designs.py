"""Curricula, transfer, mixtures, ladders and a planted effect, each run with a tiny model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tomli_w
from experiment_plans import PLUGINS, answer, plan_for, run, values_of, write_corpus

from mind_core.errors import MindError
from mind_train.experiments import mixture_laws, mixtures
from mind_train.experiments.cells import cells_of
from mind_train.experiments.effects import outcomes_of
from mind_train.experiments.measures import parallel_pairs
from mind_train.experiments.plan_file import Plan
from mind_train.experiments.results import gather
from mind_train.experiments.store import CellStore


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> CellStore:
    return CellStore(tmp_path_factory.mktemp("store"))


def write(folder: Path, name: str, **more: object) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(tomli_w.dumps(values_of(name=name, **more)))
    return path


def test_a_curriculum_measures_forgetting_few_shot_gain_and_copying(
    corpus: Path,
    store: CellStore,
) -> None:
    options = {"blocks": [1], "ends": ["constant"]}
    more = {"tokens": 1536, "seeds": [0], "held_out_bytes": 3000, "options": options}
    path = write(corpus, "order", kind="curriculum", **more)
    given = [path, "-o", store.folder]
    answer("curriculum", "run", *given, "-q")
    text = answer("curriculum", "table", *given)
    for word in ("forgetting", "in_context_gain", "copying", "ascending constant", "blocks-1"):
        assert word in text
    assert answer("curriculum", "plot", *given).startswith("<svg")
    plan = plan_for(corpus, name="order", kind="curriculum", **more)
    results = gather(plan, cells_of(plan, PLUGINS), store)
    assert len(results.values) == 5
    for found in results.values.values():
        steps = {len(points) for points in found.values()}
        assert steps == {2}  # at each of the two checkpoints
    # The newest checkpoint alone is kept once all are measured.
    cell = cells_of(plan, PLUGINS)[0]
    assert len(list((store.cell(cell) / "run" / "checkpoints").glob("step-*"))) == 1


def test_transfer_measures_alignment_on_pairs(corpus: Path, store: CellStore) -> None:
    (corpus / "en.txt").write_text("\n".join(f"ship {n} on the sea" for n in range(20)))
    (corpus / "zh.txt").write_text("\n".join(f"水 {n} 山" for n in range(20)))
    options = {"parallel": ["en.txt", "zh.txt"], "replay": [25]}
    path = write(corpus, "move", kind="transfer", tokens=2048, seeds=[0], options=options)
    answer("transfer", "run", path, "-o", store.folder, "-q")
    text = answer("transfer", "table", path, "-o", store.folder)
    assert "alignment" in text and "rank_accuracy" in text and "zh then mixed, equal total" in text
    plan = plan_for(corpus, name="move", kind="transfer", tokens=2048, seeds=[0], options=options)
    results = gather(plan, cells_of(plan, PLUGINS), store)
    for found in results.values.values():
        assert {name for name, _ in found} == {"alignment", "rank_accuracy"}
        assert 0 <= found["rank_accuracy", "en-zh"][-1][1] <= 1
    (corpus / "zh.txt").write_text("一\n二\n")
    with pytest.raises(MindError, match="20 lines, .* 3"):
        parallel_pairs(corpus / "en.txt", corpus / "zh.txt")


def test_a_mixture_is_proposed_trained_fitted_and_verified(
    corpus: Path, store: CellStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(mixture_laws.TREES, "n_estimators", 20)
    for name, fewer in (("STARTS", 2), ("FOLDS", 3), ("SPLITS", 2)):
        monkeypatch.setattr(mixture_laws, name, fewer)
    monkeypatch.setattr(mixtures, "CANDIDATES", 100)
    model = values_of()["size"]["small"]
    path = write(
        corpus, "mix", kind="mixture", tokens=512, seeds=[0],
        size={"small": model, "second": model},
        options={"proposals": 6, "verify": [5], "report_on": ["sums"]}, seeds_of={"second": [5]},
    )  # fmt: skip
    given = [path, "-o", store.folder]
    assert "most epochs" in answer("mixture", "propose", *given)
    assert "mixing-law" in answer("mixture", "simulate", *given, "--seed", "3")
    answer("mixture", "run", *given, "-q")
    text = answer("mixture", "fit", *given)
    for word in ("random search", "pick of boosting", "trained at second", "best of the proposals"):
        assert word in text
    assert answer("mixture", "plot", *given).startswith("<svg")


def test_a_ladder_is_a_trunk_with_branches(corpus: Path, store: CellStore) -> None:
    plan = plan_for(corpus, name="ladder", kind="scaling", tokens=[2560, 5120], seeds=[0])
    cells = cells_of(plan, PLUGINS)
    assert [cell.parent is None for cell in cells] == [True, False, False]
    assert [cell.step for cell in cells] == [0, 16, 32]
    run(plan, store.folder)
    losses = [store.records(cell, "ladder")[-1]["bits_per_byte"] for cell in cells[1:]]
    assert all(store.is_finished(cell) for cell in cells) and losses[1] < losses[0]
    with pytest.raises(MindError, match="warm-up of 9 steps"):
        schedule = {"name": "wsd", "warmup": 9}
        recipe = {**values_of()["recipe"], "schedule": schedule}
        cells_of(plan_for(corpus, kind="scaling", tokens=[2560], recipe=recipe), PLUGINS)


def test_labels_that_were_swapped_are_found(corpus: Path, store: CellStore) -> None:
    """The claim is true of the sources as they are, and contradicted where two are swapped."""
    claims = [
        {"claim": "tea is best on tea", "measure": "bits_per_byte", "of": "tea", "on": "tea",
         "smallest_effect": 0.05, "seeds": 2},
    ]  # fmt: skip

    def outcome(plan: Plan) -> str:
        run(plan, store.folder)
        (found,) = outcomes_of(gather(plan, cells_of(plan, PLUGINS), store))
        return found.outcome

    more = {"prediction": claims, "tokens": 2048, "leave_out": {"sums": "not needed"}}
    assert outcome(plan_for(corpus, name="true", **more)) == "confirmed"
    renamed = {"renamed": {"tea": "sea", "sea": "tea"}}
    assert outcome(plan_for(corpus, name="swapped", options=renamed, **more)) == "contradicted"


def test_a_run_that_fails_is_noted_and_the_others_go_on(corpus: Path, tmp_path: Path) -> None:
    recipe = values_of()["recipe"] | {"optimizer": {"name": "adamw", "lr": 1e30}}
    plan = plan_for(corpus, name="wild", seeds=[0], recipe=recipe)
    found = run(plan, tmp_path)
    path = write(corpus, "wild", seeds=[0], recipe=recipe)
    with pytest.raises(MindError, match="cells of wild have failed"):
        answer("sources", "run", path, "-o", tmp_path, "-q")
    cells = cells_of(plan, PLUGINS)
    states = {found.state(cell) for cell in cells}
    assert "failed" in states and states <= {"failed", "finished"}
    results = gather(plan, cells, found)
    assert any("is failed: " in line for line in results.left_out)
    for scores in results.final.values():
        assert all(np.isfinite(one.bits) for one in scores.values())
