"""Prompts: lm-eval's own text, shots that depend on the item alone, and care for the context."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mind_core import MindError
from mind_eval.benchmarks.benchmark import Benchmark, benchmark_folder
from mind_eval.builtins import FOLDER
from mind_eval.prompts.shots import Shots, permuted

POOL = [{"id": f"p{n}", "q": f"question {n}", "subject": "ab"[n % 2]} for n in range(12)]
NAMES = ("gaokao", "mmlu", "piqa")


def made(name: str, form: str, shots: int, room: int = 10**9, limit: int | None = None) -> Any:
    from mind_eval.prompts.sources import benchmark_task

    benchmark: Benchmark = benchmark_folder(FOLDER / name)(shots=shots, form=form)
    task = benchmark_task(
        name, benchmark, lambda text, _: len(text) <= room, data_root=None, seed=0
    )
    task.build_all_requests(limit=limit)
    return task


def test_shots_depend_on_the_item_alone() -> None:
    shots = Shots("task", POOL)
    for doc in POOL:
        chosen = shots.choose(doc, 3)
        assert chosen == Shots("task", POOL[:]).choose(doc, 3)
        assert len(chosen) == 3 and doc not in chosen
        assert shots.choose(doc, 2) == chosen[:2]
    assert shots.choose(POOL[0], 3) != Shots("other", POOL).choose(POOL[0], 3)
    assert shots.choose(POOL[0], 3) != Shots("task", POOL, seed=1).choose(POOL[0], 3)


def test_the_tested_item_is_never_a_shot_even_under_another_id() -> None:
    twin = {**POOL[3], "id": "elsewhere"}
    assert POOL[3] not in Shots("task", POOL).choose(twin, 12)
    assert len(Shots("task", POOL).choose(twin, 12)) == 11
    first = Shots("task", POOL, sampler="first_n")
    assert first.choose(POOL[0], 2) == POOL[1:3]


def test_shots_stay_within_the_subject() -> None:
    shots = Shots("task", POOL, within="subject")
    for doc in POOL:
        assert {shot["subject"] for shot in shots.choose(doc, 9)} == {doc["subject"]}
        assert len(shots.choose(doc, 9)) == 5
    assert shots.choose({"id": "x", "q": "?", "subject": "c"}, 2) == []


def test_permuted_is_a_permutation() -> None:
    for size in (0, 1, 2, 50):
        assert sorted(permuted("key", size)) == list(range(size))
    assert list(permuted("key", 50)) != list(permuted("yek", 50))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ["letter", "cloze"])
def test_compiled_templates_write_what_lm_eval_writes(name: str, form: str) -> None:
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.tasks._yaml_loader import load_yaml

    ours = made(name, form, shots=0, limit=5)
    config = {**load_yaml(FOLDER / name / f"{form}.yaml"), "num_fewshot": 0}
    theirs = ConfigurableTask(config={**config, "custom_dataset": lambda **_: ours.dataset})
    theirs.build_all_requests(limit=5)
    assert [r.arguments for r in ours.instances] == [r.arguments for r in theirs.instances]
    assert [r.idx for r in ours.instances] == [r.idx for r in theirs.instances]


def test_a_prompt_does_not_change_with_the_limit_or_the_rank() -> None:
    def prompts(task: Any) -> dict[int, str]:
        return {request.doc_id: request.args[0] for request in task.instances}

    everything = prompts(made("gaokao", "cloze", 2))
    assert prompts(made("gaokao", "cloze", 2, limit=7)).items() <= everything.items()
    other = made("gaokao", "cloze", 2)
    other.build_all_requests(rank=1, world_size=3)
    assert prompts(other) == {n: p for n, p in everything.items() if n % 3 == 1}


def test_a_prompt_reads_as_it_should() -> None:
    task = made("mmlu", "letter", 1, limit=1)
    request = task.instances[1]
    subject = task.dataset["test"][0]["subject"]
    assert request.args[0].startswith(
        f"The following are multiple choice questions (with answers) about {subject}.\n\n"
    )
    shot, question = request.args[0].split("\n\n")[1:]
    assert shot.split("\nAnswer: ")[1] in "ABCD"
    assert question.endswith("\nAnswer:")
    assert request.args[1] == " B"
    assert made("gaokao", "letter", 0, limit=1).instances[1].args[1] == "B"


def test_shots_are_dropped_until_the_prompt_fits_and_counted() -> None:
    whole = made("gaokao", "cloze", 5, limit=20)
    assert whole.notes.kept == {5: 20}
    longest = max(len(r.args[0] + r.args[1]) for r in whole.instances)
    tight = made("gaokao", "cloze", 5, room=longest // 2, limit=20)
    assert tight.notes.kept.total() == 20
    assert min(tight.notes.kept) < 5
    fitting = [r for r in tight.instances if len(r.args[0] + r.args[1]) > longest // 2]
    assert len({r.doc_id for r in fitting}) == len(tight.notes.overlong)
    cramped = made("gaokao", "cloze", 5, room=10, limit=20)
    assert cramped.notes.kept == {0: 20}
    assert len(cramped.notes.overlong) == 20
    assert cramped.notes.as_dict()["kept_mean"] == 0.0


def test_an_answer_outside_the_choices_stops_the_run() -> None:
    from mind_eval.prompts.sources import _read_yaml
    from mind_eval.prompts.task import RowsTask

    config = {**_read_yaml(FOLDER / "piqa" / "cloze.yaml")}
    good = {"id": "good-1", "goal": "g", "choices": ["a", "b"], "answer": 1}
    bad = {**good, "id": "bad-1", "answer": 2}

    def run(rows: list[Any]) -> None:
        made = RowsTask(config, {"test": rows, "shots": rows}, shots=0, fits=lambda *_: True)
        made.build_all_requests()

    with pytest.raises(MindError, match="item bad-1: the answer 2 is none of its 2 choices"):
        run([good, bad])
    with pytest.raises(MindError, match="task piqa, the first item: it does not fit"):
        run([bad, good])
    with pytest.raises(MindError, match="item lacking: it does not fit"):
        run([good, {**good, "id": "lacking", "choices": None}])


def test_a_task_with_only_a_test_split_never_sees_its_own_item(tmp_path: Path) -> None:
    from mind_eval.prompts.sources import yaml_task

    rows = "".join(f'{{"q":"question {n}","a":{n % 2}}}\n' for n in range(9))
    (tmp_path / "rows.jsonl").write_text(rows)
    (tmp_path / "task.yaml").write_text(
        "task: mine\noutput_type: multiple_choice\ndataset_path: json\n"
        "dataset_kwargs: {data_files: {test: rows.jsonl}}\ntest_split: test\n"
        'doc_to_text: "{{q}}?"\ndoc_to_target: a\ndoc_to_choice: ["no", "yes"]\n'
    )
    prepared = yaml_task(tmp_path / "task.yaml", lambda *_: True, shots=8, seed=0, hub=False)
    prepared.build_all_requests()
    for request in prepared.instances:
        own = f"question {request.doc_id}?"
        assert request.args[0].endswith(own) and request.args[0].count(own) == 1
    assert prepared.notes.pool == "test, without the tested item"
    (tmp_path / "task.yaml").write_text("task: t\ndataset_path: cais/mmlu\ntest_split: test\n")
    with pytest.raises(MindError, match="not on this disk"):
        yaml_task(tmp_path / "task.yaml", lambda *_: True, shots=0, seed=0, hub=False)
