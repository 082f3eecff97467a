"""lm-eval's own tasks: files with data here, and names out of its index, cached or fetched."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mind_core.errors import MindError, UsageError
from mind_core.testing import run_tool
from mind_eval.table import scores_table

MULTIPLE_CHOICE = """task: {name}
output_type: multiple_choice
dataset_path: json
dataset_kwargs: {{data_files: {{train: {folder}/rows.jsonl, test: {folder}/rows.jsonl}}}}
training_split: train
test_split: test
num_fewshot: 2
doc_to_text: "{{{{q}}}}?"
doc_to_target: a
doc_to_choice: ["no", "yes"]
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
"""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder of tasks as lm-eval's own, and let its manager index it instead of its own."""
    import lm_eval.tasks

    rows = "".join(f'{{"q":"question {n}","a":{n % 2}}}\n' for n in range(7))
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "rows.jsonl").write_text(rows)
    for name in ("one", "two"):
        text = MULTIPLE_CHOICE.format(name=f"mine_{name}", folder=folder)
        (folder / f"{name}.yaml").write_text(text + "tag: mine_tag\n")
    (folder / "group.yaml").write_text(
        "group: mine\ntask: [mine_one, mine_two]\n"
        "aggregate_metric_list: [{metric: acc, weight_by_size: true}]\n"
    )
    (folder / "far.yaml").write_text("task: far\ndataset_path: nobody/nothing\ntest_split: test\n")
    manager = partial(lm_eval.tasks.TaskManager, include_defaults=False, include_path=str(folder))
    monkeypatch.setattr("mind_eval.prompts.named_tasks.TaskManager", manager)
    return folder


def run(model_folder: Path, *tasks: str, **options: Any) -> dict[str, Any]:
    from mind_eval.cli import make_plugins
    from mind_eval.options import RunOptions
    from mind_eval.pipeline import run_scores
    from mind_eval.suites import NO_SUITE, suite_recipe

    asked = RunOptions(str(model_folder), tasks=tasks, progress=False, **options)
    scores = run_scores(asked, suite_recipe(NO_SUITE, (), None, None), make_plugins())
    assert scores is not None
    return scores


def test_a_file_with_data_here_runs_from_the_command_line(
    index: Path, model_folder: Path, tmp_path: Path
) -> None:
    scores = tmp_path / "scores"
    given = ["--model", model_folder, "--task", index / "one.yaml", "-o", scores]
    done = run_tool("mind-eval", ["run", *given, "--require", "mine_one.acc>=0"])
    assert done.code == 0, done.stderr
    assert b"mine_one" in done.stdout
    assert (scores / "scores.json").is_file()
    done = run_tool("mind-eval", ["report", scores, "-o", tmp_path / "page.html"])
    assert done.code == 0, done.stderr
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "mine_one" in page and page.count("question ") >= 7, "its score, and every item"


def test_a_name_a_group_and_a_tag_come_from_the_index(index: Path, model_folder: Path) -> None:
    alone = run(model_folder, str(index / "one.yaml"))
    named = run(model_folder, "mine_one")
    assert named["results"]["mine_one"] == alone["results"]["mine_one"]
    assert named["benchmarks"]["mine_one"]["shots"]["asked"] == 2
    grouped = run(model_folder, "mine", limit=4)
    assert {"mine", "mine_one", "mine_two"} <= grouped["results"].keys()
    assert grouped["benchmarks"]["mine_two"]["shots"]["kept"] == {"2": 4}
    table = scores_table(grouped)
    assert all(name in table for name in ("mine ", "mine_one", "mine_two")), "groups have a row too"
    tagged = run(model_folder, "mine_tag", limit=4)
    assert tagged["results"].keys() == {"mine_one", "mine_two"}
    assert tagged["results"]["mine_two"] == grouped["results"]["mine_two"]


def test_data_that_are_not_here_are_an_error_with_a_way_out(
    index: Path, model_folder: Path
) -> None:
    with pytest.raises(MindError, match="the data of task far .nobody/nothing. cannot") as told:
        run(model_folder, "far")
    assert "--hub" in str(told.value.hint) and told.value.cause
    with pytest.raises(UsageError, match="not on this disk") as told:
        run(model_folder, str(index / "far.yaml"))
    assert "--hub" in str(told.value.hint)
    with pytest.raises(UsageError, match="no task 'mine_tow'") as told:
        run(model_folder, "mine_tow")
    assert "mine_two" in str(told.value.hint)


def test_only_the_hub_option_leaves_the_network_open(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    from mind_eval.offline import OFFLINE, stay_offline

    for name in OFFLINE:
        monkeypatch.delenv(name, raising=False)
    stay_offline(hub=True)
    assert not any(name in os.environ for name in OFFLINE)
    stay_offline()
    assert all(os.environ[name] == "1" for name in OFFLINE)
