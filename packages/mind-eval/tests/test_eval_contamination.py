"""Contamination: n-grams of words, of characters in Chinese; clean and dirty items apart."""

from __future__ import annotations

import json
from pathlib import Path

from mind_core.testing import run_tool
from mind_core.text.tokens import tokens
from mind_eval.contamination import columns, dirty_shares
from mind_eval.results import read_items, read_scores

QUESTION = "Which of the following is the body cavity that holds the pituitary gland of a human?"
CHINESE = "下列关于光合作用的说法中哪一项是正确的请选出来"


def test_units_are_words_and_single_characters() -> None:
    assert tokens("The CAT，sat on ＡＢ 12 光合a作用!") == [
        "the", "cat", "sat", "on", "ab", "12", "光", "合", "a", "作", "用",
    ]  # fmt: skip
    for text, share in (("x a b c", 1.0), ("A, b! C y", 1.0), ("c b a", 0.0)):
        assert dirty_shares([["a b c"]], [text], 3) == [share]
    assert dirty_shares([["a b"]], ["a b"], 3) == [None]


def test_an_item_in_the_training_text_is_dirty_in_both_languages() -> None:
    items = [[QUESTION], [CHINESE], ["short"], ["another question that has quite enough words "
             "in it to be tested against the training text here"]]  # fmt: skip
    training = [
        "Said the book: " + QUESTION.upper().replace(" ", "\n") + " Nobody knew.",
        f"试卷：{CHINESE}。",
    ]
    assert dirty_shares(items, training) == [1.0, 1.0, None, 0.0]
    assert dirty_shares(items, [QUESTION[:40]]) == [0.0, 0.0, None, 0.0]
    assert dirty_shares([], training) == []
    records = [{"metrics": {"acc": value}} for value in (1.0, 0.0, 1.0, 1.0)]
    found = columns(records, [1.0, 0.5, None, 0.0], "acc")
    assert found["dirty"] == {"items": 2, "acc": 0.5}
    assert found["clean"] == {"items": 1, "acc": 1.0} and found["untested"]["items"] == 1


def test_a_run_has_the_columns_and_score_can_add_them(
    model_folder: Path, tokenizer_folder: Path, tmp_path: Path
) -> None:
    from mind_eval.benchmarks.rows import read_rows
    from mind_eval.builtins import FOLDER

    rows = read_rows(FOLDER / "mmlu" / "test.jsonl.zst")[:12]
    long = [row for row in rows if len(tokens(row["question"])) >= 13]
    training = tmp_path / "training.jsonl"
    training.write_text(json.dumps({"id": "1", "text": f"x {long[0]['question']} y"}) + "\n")
    one = {"OMP_NUM_THREADS": "1"}
    done = run_tool(
        "mind-eval",
        ["run", "--model", model_folder, "--benchmark", "mmlu", "--form", "cloze", "--shots", "0",
         "--limit", "12", "-o", tmp_path / "scores", "--contamination", training],
        environment=one,
    )  # fmt: skip
    assert done.code == 0, done.stderr
    assert b"dirty" in done.stdout
    found = read_scores(tmp_path / "scores")["contamination"]["mmlu"]
    assert found["dirty"]["items"] == 1 and sum(one["items"] for one in found.values()) == 12
    dirty = [item for item in read_items(tmp_path / "scores") if item["contaminated"]]
    assert [item["id"] for item in dirty] == [f"mmlu/{long[0]['id']}"]
    shards = tmp_path / "shards"
    done = run_tool("mind-tok", ["encode", training, "-t", tokenizer_folder, "-o", shards])
    assert done.code == 0, done.stderr
    done = run_tool(
        "mind-eval",
        ["score", tmp_path / "scores.answers", "-o", tmp_path / "again", "--contamination", shards],
        environment=one,
    )
    assert done.code == 0, done.stderr
    assert read_scores(tmp_path / "again")["contamination"]["mmlu"] == found
    done = run_tool(
        "mind-eval", ["score", tmp_path / "scores.answers", "--contamination", tmp_path]
    )
    assert done.code == 1 and "no folder of shards" in done.stderr
