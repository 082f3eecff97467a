"""Plans of experiments: cells are named by what decides them, run once, and survive kills."""

from __future__ import annotations

import fcntl
import os
import random
import signal
from pathlib import Path
from typing import Any

import orjson
import pytest
import tomli_w
from experiment_plans import PLUGINS, answer, plan_for, run, values_of, write_corpus

from mind_core.errors import MindError, UsageError
from mind_core.files import write_json
from mind_core.progress import Progress
from mind_train.experiments import running, views
from mind_train.experiments import store as store_module
from mind_train.experiments.cell import Cell
from mind_train.experiments.cells import cells_of
from mind_train.experiments.plan_file import Plan, plan_of
from mind_train.experiments.prepared_data import notes_of, prepare
from mind_train.experiments.results import gather
from mind_train.experiments.running import run_cells
from mind_train.experiments.session import Session
from mind_train.experiments.store import RECORDS, CellStore
from mind_train.interrupt import TrainingInterrupted


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def finished(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, CellStore]:
    """A plan of sources that is finished."""
    plan = plan_for(corpus)
    return plan, run(plan, tmp_path_factory.mktemp("store"))


def tables(plan: Plan, store: CellStore) -> bytes:
    """Give every byte that tables and fits are made of."""
    return b"".join(
        (store.cell(cell) / name).read_bytes()
        for cell in cells_of(plan, PLUGINS)
        for name in (RECORDS, store_module.DOCUMENTS)
    )


def test_a_plan_of_sources_is_run_and_every_record_says_what_it_is(
    finished: tuple[Plan, CellStore],
) -> None:
    plan, store = finished
    cells = cells_of(plan, PLUGINS)
    assert len(cells) == (3 + 1) * 2
    records = [record for cell in cells for record in store.records(cell, plan.name)]
    last = [one for one in records if one["documents"] == "all"]
    assert {one["source"] for one in last} == {"sums/en", "sums/zh", "sea/en", "sea/zh", "tea/zh"}
    for one in records:
        assert one["experiment"] == "try" and one["bits_per_byte"] > 0 and one["bytes"] > 0
        assert set(one["size"]) == {"body", "body_and_head", "total"}
        flops = one["flops"]
        assert flops["with_full_attention"] > flops["body_and_head"] or one["step"] == 0
        assert one["tokens"] == one["step"] * 4 * 32
    assert {one["step"] for one in records} == {0, 2, 4}


def test_own_text_is_learned_best(finished: tuple[Plan, CellStore]) -> None:
    plan, store = finished
    results = gather(plan, cells_of(plan, PLUGINS), store)
    tea = results.final["tea", 0]["tea/zh"].bits
    assert tea < results.final["sea", 0]["tea/zh"].bits


def test_a_cell_of_another_plan_is_not_trained_again(
    finished: tuple[Plan, CellStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, store = finished
    other = plan_for(plan.folder, name="other", seeds=[1])
    for work in ("train", "run_cell"):
        monkeypatch.setattr(running, work, lambda *_args, **_more: pytest.fail("done again"))
    run_cells(other, cells_of(other, PLUGINS), store, PLUGINS, Progress(None), quiet=True)
    assert all(store.is_finished(cell) for cell in cells_of(other, PLUGINS))
    assert store.records(cells_of(other, PLUGINS)[0], "other")[0]["experiment"] == "other"


def test_twenty_kills_change_no_byte_and_no_cell_is_done_twice(
    finished: tuple[Plan, CellStore], tmp_path: Path
) -> None:
    """Kill at counted calls of what writes: a child is killed, the next goes on, 20 times."""
    plan, whole = finished
    draw = random.Random(5)
    store, trained = CellStore(tmp_path / "store"), tmp_path / "trained"
    cells = cells_of(plan, PLUGINS)
    for _ in range(20):
        _killed_after(plan, cells, store, draw.randint(5, 150), trained)
    _killed_after(plan, cells, store, 1 << 30, trained)
    assert tables(plan, store) == tables(plan, whole)
    done = trained.read_text().split()
    assert len(done) == len(set(done)) == len(cells)


def _killed_after(
    plan: Plan, cells: list[Cell], store: CellStore, calls: int, trained: Path
) -> None:
    """Run the plan in a child that kills itself at a sync or a written line; note what it ends."""
    child = os.fork()
    if child == 0:
        sync, left = os.fsync, [calls]
        finish = CellStore.write_lines

        def count() -> None:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        def dying(handle: Any) -> None:
            count()
            sync(handle)

        def each(lines: Any) -> Any:
            for line in lines:
                count()
                yield line

        def noting(self: CellStore, path: Path, lines: Any) -> None:
            finish(self, path, each(lines))
            if path.name == RECORDS:
                with trained.open("a") as file:
                    file.write(f"{path.parent.name}\n")

        os.fsync = dying
        CellStore.write_lines = noting  # type: ignore[method-assign]
        try:
            run_cells(plan, cells, store, PLUGINS, Progress(None), quiet=True)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def test_a_plan_that_was_changed_after_its_cells_is_refused(
    finished: tuple[Plan, CellStore], tmp_path: Path
) -> None:
    plan, _ = finished
    store = CellStore(tmp_path)
    store.register(plan, "shards")
    with pytest.raises(MindError, match="other shards"):
        store.check(plan, "others")
    claim = {"claim": "x", "measure": "bits_per_byte", "smallest_effect": 0.1, "seeds": 2}
    with pytest.raises(MindError, match="predictions of plan 'try' were changed"):
        store.check(plan_for(plan.folder, prediction=[claim]), "shards")
    with pytest.raises(MindError, match="was changed after"):
        store.check(plan_for(plan.folder, tokens=640), "shards")
    assert store.check(plan, "shards")


def test_held_out_documents_that_training_has_are_removed(
    finished: tuple[Plan, CellStore],
) -> None:
    plan, store = finished
    first = cells_of(plan, PLUGINS)[0]
    notes = notes_of(prepare(first.preparation, plan.shard_folders(), store.folder))
    assert notes["held_out"]["sums/en"]["doubled"] >= 1
    taken = {name.split("/")[0]: 0 for name in notes["training"]}
    for name, count in notes["training"].items():
        taken[name.split("/")[0]] += count["tokens"]
    assert max(taken.values()) - min(taken.values()) < 200  # equal, to a document


def test_a_missing_and_a_failed_cell_are_left_out_with_a_line(
    finished: tuple[Plan, CellStore], corpus: Path
) -> None:
    _, store = finished
    wider = plan_for(corpus, seeds=[0, 1, 2])
    cells = cells_of(wider, PLUGINS)
    results = gather(wider, cells, store)
    assert (
        "not finished: sea (seed 2), sums (seed 2), tea (seed 2), mixed (seed 2)"
        in results.left_out
    )
    assert results.complete_seeds() == [0, 1]
    assert "8 finished, 4 missing" in views.status_text(wider, cells, store)


def test_every_verb_of_a_command_line_answers(
    finished: tuple[Plan, CellStore], tmp_path: Path
) -> None:
    plan, store = finished
    path = plan.folder / "PLAN.toml"
    path.write_text(tomli_w.dumps(values_of()))
    given = [path, "-o", store.folder]
    assert "8 finished" in answer("experiment", "status", *given)
    lines = answer("experiment", "table", *given, "--json").splitlines()
    assert {orjson.loads(line)["experiment"] for line in lines} == {"try"}
    assert "bits per byte, trained on" in answer("sources", "matrix", *given)
    figure = tmp_path / "matrix.svg"
    answer("sources", "plot", *given, "--figure", figure)
    assert figure.read_text().startswith("<svg") and "nan" not in figure.read_text()
    page = answer("experiment", "page", *given, "--figure", figure)
    assert "8 of 8 cells finished" in page and "![try](matrix.svg)" in page
    assert "8 个单元完成 8 个" in answer("experiment", "page", *given, "--language", "zh")
    assert answer("experiment", "runs", *given).count("\n") == 9
    assert "8 cells, 8 finished" in answer("experiment", "plan", *given)
    with pytest.raises(UsageError, match="a plan of kind 'sources'"):
        answer("curriculum", "run", *given)
    with pytest.raises(UsageError, match="no action 'sttus'"):
        answer("experiment", "sttus", *given)


def test_one_seed_gives_no_interval_and_says_so(
    corpus: Path, finished: tuple[Plan, CellStore]
) -> None:
    _, store = finished
    claim = {"claim": "tea is lower", "measure": "bits_per_byte", "of": "tea", "on": "own",
             "smallest_effect": 0.1, "seeds": 2}  # fmt: skip
    plan = plan_for(corpus, seeds=[0], prediction=[claim])
    from mind_train.experiments.effects import outcomes_of

    (outcome,) = outcomes_of(gather(plan, cells_of(plan, PLUGINS), store))
    assert outcome.outcome == "not testable here" and "1 seed" in outcome.note


def test_a_cell_that_another_process_holds_is_left_to_it(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_for(corpus, seeds=[0])
    found = CellStore(tmp_path)
    asked: list[str] = []
    monkeypatch.setattr(running, "run_cell", lambda _plan, cell, *_: asked.append(cell.name))
    cells = cells_of(plan, PLUGINS)
    with found.hold(cells[1]) as mine:
        assert mine
        run_cells(plan, cells, found, PLUGINS, Progress(None), quiet=True)
    assert asked == [cell.name for cell in cells if cell is not cells[1]]


def test_one_process_of_a_store_at_a_time_prepares_data(tmp_path: Path) -> None:
    with CellStore(tmp_path).alone("data"), (tmp_path / ".data.lock").open("a") as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock((tmp_path / ".other.lock").open("a"), fcntl.LOCK_EX | fcntl.LOCK_NB)
    with (tmp_path / ".data.lock").open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_cell_that_is_tried_again_is_no_longer_a_failed_one(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any, **__: Any) -> None:
        raise TrainingInterrupted("stopped")

    plan = plan_for(corpus, seeds=[0])
    cell, found = cells_of(plan, PLUGINS)[0], CellStore(tmp_path)
    found.cell(cell).mkdir(parents=True)
    write_json(found.cell(cell) / store_module.FAILED, {"cause": "no memory"})
    assert (found.state(cell), found.cause(cell)) == ("failed", "no memory")
    monkeypatch.setattr(running, "prepare", lambda *_: tmp_path)
    monkeypatch.setattr(running, "prepare_pretrain", stopped)
    with pytest.raises(TrainingInterrupted):
        run_cells(plan, [cell], found, PLUGINS, Progress(None), quiet=True, retry=True)
    assert found.state(cell) == "missing"


def test_a_session_refuses_other_shards(finished: tuple[Plan, CellStore], tmp_path: Path) -> None:
    plan, _ = finished
    path = plan.folder / "SESSION.toml"
    path.write_text(tomli_w.dumps(values_of(name="session")))
    CellStore(tmp_path).register(plan_of(values_of(name="session"), "x", plan.folder), "old shards")
    with pytest.raises(MindError, match="begun on other shards"):
        Session.open(path, tmp_path, PLUGINS)
