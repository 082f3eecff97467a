"""Shares of tokens: exact in every batch, the same from any step, and never silently repeated."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mind_core import MindError
from mind_core.testing import ToolResult
from mind_tok.shards import ShardSet
from mind_train.components import load_plugins
from mind_train.config import effective_recipe
from mind_train.data import DocumentIndex, Example
from mind_train.datasets import groups as groups_module
from mind_train.datasets.groups import GroupDataset, GroupIndex
from mind_train.jobs import Job, prepare_pretrain
from mind_train.mixture import UNIT, Mixture, MixtureSource, Phase, as_weights, fair_counts, resolve


class Numbered:
    """Rows that hold their source and number."""

    def __init__(self, source: int, count: int) -> None:
        self.sequence, self.source, self.count = 1, source, count

    def __len__(self) -> int:
        return self.count

    def row(self, number: int, epoch: int = 0) -> Example:
        return Example(np.array([self.source, number]), np.zeros(2, dtype=np.int64))

    def notes(self) -> list[str]:
        return []


def mixture(counts: list[int], phases: list[Phase], batch: int) -> Mixture:
    sources = [MixtureSource(str(i), Numbered(i, n), i) for i, n in enumerate(counts)]
    return Mixture(sources, phases, batch)


weights = st.lists(st.integers(0, 1000), min_size=1, max_size=7).filter(any)


@given(weights, st.integers(0, 5000))
def test_counts_sum_up_grow_one_by_one_and_keep_the_shares(w: list[int], rows: int) -> None:
    now, later = fair_counts(rows, w), fair_counts(rows + 1, w)
    assert sum(now) == rows and sum(later) == rows + 1
    assert all(b - a in (0, 1) for a, b in zip(now, later, strict=True))
    off = 0.5 + len(w) / 2
    for count, weight in zip(now, w, strict=True):
        assert abs(count - rows * weight / sum(w)) <= off
        assert weight or not count


@settings(max_examples=40)
@given(weights, st.sampled_from(["uniform", "blocked"]), st.integers(1, 9), st.integers(1, 12))
def test_any_step_is_found_without_the_ones_before(
    w: list[int], order: str, steps: int, batch: int
) -> None:
    whole = mixture([50] * len(w), [Phase(steps, tuple(w), order), Phase(3, tuple(w))], batch)
    seen: Counter[int] = Counter()
    for step in range(whole.steps):
        rows = whole.rows(step)
        assert len(rows) == batch
        assert whole.read(step) == [seen[i] for i in range(len(w))]
        seen.update(int(row.ids[0]) for row in rows)
    assert whole.totals == [seen[i] for i in range(len(w))]


def test_no_row_comes_twice_in_an_epoch_also_over_phases() -> None:
    phases = [Phase(5, (1, 3)), Phase(5, (3, 1), "blocked"), Phase(5, (1, 1))]
    run = mixture([100, 100], phases, 8)
    rows = [tuple(row.ids) for step in range(run.steps) for row in run.rows(step)]
    assert len(set(rows)) == len(rows) == 120


def test_every_batch_has_its_share_to_the_row() -> None:
    run = mixture([9000, 9000, 9000], [Phase(100, as_weights({"0": 5, "1": 2, "2": 1}, "012"))], 16)
    for step in range(100):
        given_ = Counter(int(row.ids[0]) for row in run.rows(step))
        for source, share in ((0, 10), (1, 4), (2, 2)):
            assert abs(given_[source] - share) <= 1
    assert [s["share"] for s in run.achieved(100).values()] == [0.625, 0.25, 0.125]


def test_blocked_reads_one_source_after_another() -> None:
    run = mixture([100, 100], [Phase(4, (1, 1), "blocked")], 4)
    order = [int(row.ids[0]) for step in range(4) for row in run.rows(step)]
    assert order == [0] * 8 + [1] * 8


def test_a_source_over_its_epochs_is_refused() -> None:
    run = mixture([10, 1000], [Phase(10, (1, 1))], 10)
    with pytest.raises(MindError, match=r"0 would be read 5\.00 times") as caught:
        run.check(4.0)
    assert "max_epochs" in str(caught.value.hint)
    run.check(5.0)
    run.check(0.0)


def test_names_mean_groups_sources_and_languages() -> None:
    groups = ["books/en", "books/zh", "web/en"]
    assert resolve({"books": 1, "web/en": 1}, groups) == {"books": [0, 1], "web/en": [2]}
    assert resolve({"en": 0.5, "zh": 0.5}, groups) == {"en": [0, 2], "zh": [1]}
    for shares, word in (
        ({"book": 1}, "no source 'book'"),
        ({"en": 1, "books": 1}, "both mean books/en"),
        ({"en": -1}, "share of en"),
        ({"en": 0}, "above 0"),
    ):
        with pytest.raises(MindError, match=word) as caught:
            resolve(shares, groups)
        assert caught.value.hint
    assert sum(as_weights({"a": 1, "b": 2}, ["a", "b"])) == UNIT


@pytest.mark.parametrize("block", [3, 4096])
def test_rows_of_a_group_predict_each_of_its_tokens_once(
    shards: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups_module, "BLOCK", block)
    split = ShardSet.open(shards, "train")
    documents = DocumentIndex(split)
    rows = GroupDataset(GroupIndex(split.shards, 2), [1], 30, "zh")
    numbers = np.flatnonzero(documents.groups == 1)
    assert 0 < len(numbers) < len(documents)
    stream = np.concatenate([documents.read(int(n))[0] for n in numbers])
    assert rows.tokens == len(stream) and len(rows) == (len(stream) - 1) // 30
    found = np.concatenate([rows.row(i).ids[1:] for i in range(len(rows))])
    assert np.array_equal(found, stream[1 : 1 + len(rows) * 30])
    for i in range(len(rows)):
        row = rows.row(i)
        ends = np.flatnonzero(row.ids[:-1] == split.end_id) + 1
        assert np.array_equal(ends, np.flatnonzero(np.diff(row.documents)) + 1)


PHASES = """
[model]
preset = "tiny"
architecture = "mindllm"
[data]
max_epochs = 50
[[phase]]
steps = 6
shares = { "en" = 1.0 }
[[phase]]
steps = 6
shares = { "en" = 0.5, "zh" = 0.5 }
[schedule]
name = "constant"
"""


def test_phases_train_as_the_table_says_and_resume(
    shards: Path, small_run: Callable[..., list[str]], pretrain: Callable[..., Path], tmp_path: Path
) -> None:
    """English first, then both: the shares are in the metrics, and a cut run goes on the same."""
    (tmp_path / "two.toml").write_text(PHASES)
    changes = [c for c in small_run() if not c.startswith(("train.steps", "model.architecture"))]
    recipe = effective_recipe(
        str(tmp_path / "two.toml"), ["model={}", "model.architecture='mindllm'", *changes], 7
    )
    from mind_core.progress import Progress
    from mind_train.pipeline import train

    def run(folder: Path) -> list[dict[str, Any]]:
        job = prepare_pretrain(recipe, load_plugins(), shards)
        with Progress("mind-train", False) as progress:
            train(job, folder, progress, quiet=True)
        text = (folder / "metrics.jsonl").read_text().splitlines()
        return [json.loads(line) for line in text]

    lines = run(tmp_path / "run")
    data = {line["step"]: line["data"] for line in lines if "data" in line}
    assert data[4]["en"]["share"] == 1.0 and data[4]["zh"]["rows"] == 0
    assert data[12]["en"]["share"] == 0.75 and data[12]["zh"]["share"] == 0.25
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["steps"] == 12 and manifest["data"] == data[12]
    (tmp_path / "run" / "manifest.json").unlink()
    (tmp_path / "run" / "checkpoints" / "step-00000012" / "manifest.json").unlink()
    drop = {"seconds", "tokens_per_second"}
    again = run(tmp_path / "run")
    assert [{k: v for k, v in x.items() if k not in drop} for x in again] == [
        {k: v for k, v in x.items() if k not in drop} for x in lines
    ]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("phase=[{steps=3, share={}}]", "phase 1.share"),
        ("phase=[{steps=0}]", "0 steps"),
        ("phase=[{steps=300, order='mixed'}]", "'mixed' is not known"),
        ("phase=[{steps=3}]", "the phases have 3 steps, train.steps is 300"),
        ("data.shares={fr=1}", "no source 'fr'"),
        ("data.max_epoch=1", "no data.max_epoch"),
        ("data.max_epochs='many'", "data.max_epochs is 'many'"),
        ("data.max_epochs=-1", "data.max_epochs is -1"),
        ("data.shares={en=1}", "en would be read"),
        ("train.steps=3000", "the data would be read"),
        ("phase=[{steps=3000}]", "the data would be read"),
        ("phase=[{steps=2000,order='blocked'},{steps=1000}]", "the data would be read"),
        ("phase=[{steps=2,shares={zh=1}},{steps=3000,shares={en=1}}]", "en would be read"),
    ],
)
def test_wrong_mixtures_are_refused_before_the_first_step(
    change: str, word: str, shards: Path
) -> None:
    with pytest.raises(MindError, match=word) as caught:
        changes = ["train.sequence=32", *(["train.steps=0"] if "phase" in change else []), change]
        if "steps, train" in word:
            changes.remove("train.steps=0")
        prepare_pretrain(effective_recipe("tiny-cpu", changes, None), load_plugins(), shards)
    assert caught.value.hint


@pytest.mark.parametrize("table", ["", "data.shares={en=0.5,zh=0.5}"])
def test_as_many_epochs_as_allowed_are_trained_on(table: str, shards: Path) -> None:
    """Epochs become whole steps: that is no excess. One step more than is allowed is one."""

    def prepare(*changes: str) -> Job:
        recipe = ["train.sequence=32", "train.batch=7", *([table] if table else []), *changes]
        return prepare_pretrain(effective_recipe("tiny-cpu", recipe, None), load_plugins(), shards)

    job = prepare("train.steps=0", "train.epochs=4", "data.max_epochs=10")
    rows = sum(len(source.rows) for source in job.mixture.sources)
    assert job.total == round(4 * rows / 7)
    if not table:
        prepare("train.steps=0", "train.epochs=4")
        limit = 4 * rows // 7
        assert prepare(f"train.steps={limit}").total == limit
        with pytest.raises(MindError, match="the data would be read 4.0. times"):
            prepare(f"train.steps={limit + 1}")
    prepare("train.steps=9000", "data.max_epochs=0")


def test_conversations_are_not_read_too_often_either(
    mind_train: Callable[..., ToolResult], trained: Path, chat_shards: Path, tmp_path: Path
) -> None:
    """`mind-train sft`, also with --dry-run: nothing is trained, nothing written."""
    arguments = ["sft", chat_shards, "--from", trained, "-o", tmp_path / "run"]
    for more in ([], ["-n"]):
        result = mind_train(*arguments, "--set", "train.epochs=9", *more)
        assert result.code == 1 and "the data would be read 8.89 times" in result.stderr
    assert not (tmp_path / "run").exists()
    allowed = mind_train(*arguments, "--set", "train.epochs=4", "-n")
    assert allowed.code == 0, allowed.stderr
