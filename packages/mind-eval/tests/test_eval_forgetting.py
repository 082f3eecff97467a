"""What a model lost and gained between two checkpoints; graded scores compared in pairs."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest

from mind_core.errors import UsageError
from mind_eval.compare import compare
from mind_eval.forgetting import (
    GAINED,
    LOST,
    OPEN,
    forgetting,
    forgetting_table,
    jackknife,
    t_level,
)
from mind_eval.perplexity import BLOCKS, block_of
from mind_eval.report.forgetting import write_forgetting
from mind_eval.results import write_scores
from mind_eval.significance import paired_means
from mind_eval.table import scores_table

TEXTS = {"web": "a page about {n} apples", "law": "第{n}条 合同"}


@pytest.fixture(scope="module")
def scores(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Measure held-out text of two sources and a benchmark, really."""
    from mind_eval.cli import make_plugins
    from mind_eval.options import RunOptions
    from mind_eval.pipeline import run_scores
    from mind_eval.suites import suite_recipe

    path = tmp_path_factory.mktemp("texts") / "held.jsonl"
    rows = [
        {"text": text.format(n=n), "source": source}
        for n in range(60)
        for source, text in TEXTS.items()
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = RunOptions(str(model_folder), heldout=(str(path),), limit=120, progress=False)
    found = run_scores(asked, suite_recipe(None, ["piqa"], 0, "cloze"), make_plugins())
    assert found is not None
    return found


def folder(path: Path, scores: dict[str, Any], right: float, score: float = 0.5) -> Path:
    """Write a scores folder of 100 items, of which a share is right."""
    path.mkdir()
    items = [
        {"id": f"piqa/{n}", "task": "piqa", "doc_hash": str(n), "prompt_hash": "p",
         "metrics": {"acc": float(n < 100 * right), "score": score + n % 2 / 10}, "answers": []}
        for n in range(100)
    ]  # fmt: skip
    write_scores(path, scores, items, 1.0)
    return path


def changed(scores: dict[str, Any], language: str, factor: float) -> dict[str, Any]:
    """Return scores after a training that changed the texts of one language."""
    made = copy.deepcopy(scores)
    one = made["heldout"]["languages"][language]
    for group in (one, *one["sources"].values()):
        group["blocks"] = [[nats * factor, size] for nats, size in group["blocks"]]
        group["bits_per_byte"] *= factor
    return made


def test_blocks_add_up_to_the_whole(scores: dict[str, Any]) -> None:
    held = scores["heldout"]
    assert len(held["all"]["blocks"]) == BLOCKS
    nats = math.fsum(block[0] for block in held["all"]["blocks"])
    assert sum(block[1] for block in held["all"]["blocks"]) == held["all"]["bytes"]
    bits = nats / math.log(2) / held["all"]["bytes"]
    assert bits == pytest.approx(held["all"]["bits_per_byte"], rel=1e-12)
    assert block_of("a") == block_of("a") and len({block_of(str(n)) for n in range(999)}) == BLOCKS


def test_what_was_lost_and_gained_is_told_by_language(
    scores: dict[str, Any], tmp_path: Path
) -> None:
    before = folder(tmp_path / "base", scores, 0.5)
    worse = changed(changed(scores, "zh", 1.2), "en", 0.9)
    after = folder(tmp_path / "sft", worse, 0.9)
    rows = forgetting(before, after)
    found = {(row["what"], row["language"]): row for row in rows}
    zh, en = found["held-out text", "zh"], found["held-out text", "en"]
    assert zh["verdict"] == LOST and zh["change"] == pytest.approx(zh["before"] * 0.2)
    assert zh["interval"][0] <= zh["change"] <= zh["interval"][1]
    assert en["verdict"] == GAINED and found["piqa", "en"]["verdict"] == GAINED
    table = forgetting_table(rows)
    assert "lost: held-out text zh\n" in table and "gained: held-out text en, piqa\n" in table
    for language, word in (("en", "lost"), ("zh", "变差")):
        write_forgetting(rows, ("base", "sft"), tmp_path / "page.html", "", language)
        page = (tmp_path / "page.html").read_text("utf-8")
        assert f"<b>{word}</b>" in page and "base → sft" in page


def test_the_same_checkpoint_lost_nothing(scores: dict[str, Any], tmp_path: Path) -> None:
    rows = forgetting(folder(tmp_path / "a", scores, 0.5), folder(tmp_path / "b", scores, 0.5))
    assert {row["verdict"] for row in rows} == {OPEN} and all(row["p_holm"] == 1 for row in rows)


def test_other_texts_get_no_verdict(scores: dict[str, Any], tmp_path: Path) -> None:
    other = copy.deepcopy(scores)
    group = other["heldout"]["languages"]["zh"]
    group["blocks"][0][1] += 1
    rows = forgetting(folder(tmp_path / "a", scores, 0.5), folder(tmp_path / "b", other, 0.5))
    (zh,) = (row for row in rows if row["language"] == "zh")
    assert zh["change"] is None and zh["verdict"] is None
    bare = {key: value for key, value in scores.items() if key != "heldout"} | {"headlines": {}}
    with pytest.raises(UsageError, match="share no benchmark"):
        forgetting(folder(tmp_path / "c", bare, 0.5), folder(tmp_path / "d", bare, 0.5))


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    nats = [1.0, 2.0, 4.0, 8.0, 3.0, 5.0, 2.5, 6.0]
    a, b = [[0.0, 10] for _ in nats], [[n, 10] for n in nats]
    change, error, count = jackknife(a, b)
    mean = sum(nats) / 8
    wanted = math.sqrt(sum((n - mean) ** 2 for n in nats) / 7 / 8) / 10 / math.log(2)
    assert count == 8 and change == pytest.approx(mean / 10 / math.log(2))
    assert error == pytest.approx(wanted)
    assert jackknife(a[:3], b[:3])[1] is None, "too few blocks"
    assert t_level(32) == pytest.approx(2.0395, abs=1e-3)  # Student's t, 31 degrees of freedom
    assert t_level(8) == pytest.approx(2.3646, rel=0.01)


def test_graded_scores_are_compared_in_pairs(scores: dict[str, Any], tmp_path: Path) -> None:
    mean, error, p = paired_means([0.0, 0.5, 1.0, 0.0], [0.5, 0.5, 1.0, 0.5])
    assert mean == 0.25 and error == pytest.approx(math.sqrt(0.25 / 3 / 4)) and p < 0.1
    assert paired_means([1.0, 1.0], [1.0, 1.0])[1:] == (0.0, 1.0)
    a, b = folder(tmp_path / "a", scores, 0.5), folder(tmp_path / "b", scores, 0.5, 0.6)
    rows = compare([a, b])
    (row,) = (row for row in rows if row["metric"] == "score")
    assert row["difference"] == pytest.approx(0.1) and row["items"] == 100 and row["p"] < 1e-6


def test_the_table_tells_which_difference_would_show(scores: dict[str, Any]) -> None:
    table = scores_table(scores)
    (line,) = (one for one in table.splitlines() if one.startswith("piqa") and " acc " in one)
    error, detects = map(float, line.split()[-3:-1])
    assert detects == pytest.approx(2.8016 * math.sqrt(2) * error, rel=0.01)
    assert "detects: the difference that two such runs would show" in table
