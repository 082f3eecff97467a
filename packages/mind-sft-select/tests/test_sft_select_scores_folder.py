"""A folder of scores: what a kill left is taken or cleared away, and nothing of others is."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mind_core import Reason
from mind_core.errors import MindError, UsageError
from mind_core.files import MANIFEST, PARTIAL
from mind_core.runner import BatchResult
from mind_sft_select.instructions import Instruction
from mind_sft_select.score_stream import ScoreStep
from mind_sft_select.scoring.scores_folder import ScoresFolder, key_of

IDENTITY = {"model": "m"}
SCORED = {
    "language": "en", "question_language": "en", "answer_bytes": 9,
    "turns": [[6.0, 2, 0.0, 1, 9]], "prompt_tokens": 5,
}  # fmt: skip
ROWS = [{"key": "a", **SCORED}, {"key": "b", **SCORED}]


def test_a_run_that_goes_on_takes_what_is_whole_and_clears_the_rest_away(tmp_path: Path) -> None:
    folder = tmp_path / "scores"
    first = ScoresFolder(folder, IDENTITY)
    first.write(0, ROWS)
    first.finish({})
    half = folder / f".scores-00001.jsonl.zst.1.ab{PARTIAL}"
    half.write_bytes(b"half")
    again = ScoresFolder(folder, IDENTITY)
    assert not half.exists()
    # Until it is finished again, nobody may take the folder for whole.
    assert not (folder / MANIFEST).exists()
    assert again.read(0, ["a", "b"]) == ROWS
    assert again.read(1, ["c"]) is None
    assert (again.reused, again.rows) == (2, 2)
    again.write(1, [{"key": "c"}])
    assert (again.reused, again.rows) == (2, 3)
    assert [shard["rows"] for shard in again.shards] == [2, 1]
    with pytest.raises(MindError, match="other records"):
        again.read(0, ["a", "c"])


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / f".x{PARTIAL}").write_text("half")
    with pytest.raises(UsageError, match="holds other things"):
        ScoresFolder(tmp_path, IDENTITY)
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / "notes.txt").unlink()
    ScoresFolder(tmp_path, IDENTITY)  # what a kill left before the plan was written is no hindrance


def test_a_folder_of_another_model_is_refused(tmp_path: Path) -> None:
    ScoresFolder(tmp_path, IDENTITY).finish({})
    with pytest.raises(UsageError, match="another model"):
        ScoresFolder(tmp_path, {"model": "n"})
    assert json.loads((tmp_path / MANIFEST).read_text())["version"] == 1


def test_what_a_shard_gave_no_score_is_rejected_or_bad_and_none_is_lost(tmp_path: Path) -> None:
    reasons = (None, "too_long", "not_finite", "no_answer")
    given = [
        Instruction(f"in:{n}", {"id": n, "messages": [{"role": "user", "content": str(n)}]},
                    Reason("no_answer") if reason == "no_answer" else None)
        for n, reason in enumerate(reasons, 1)
    ]  # fmt: skip
    sums = {"turns": [[6.0, 2, 0.0, 1, 9]], "prompt_tokens": 5, "question_language": "en"}
    rows = [
        {"key": key_of(one.record["messages"]), "language": "en", "answer_bytes": 9,
         **(sums if reason is None else {"reason": reason})}
        for one, reason in zip(given, reasons, strict=True)
    ]  # fmt: skip
    folder = ScoresFolder(tmp_path / "scores", IDENTITY)
    folder.write(0, rows)
    model: Any = SimpleNamespace(model=SimpleNamespace(named="run/05-model", fingerprint="f" * 64))
    step = ScoreStep(model, folder)
    outcome = step(BatchResult(payload=given))
    assert [json.loads(line)["id"] for line in outcome.kept] == [1]
    assert outcome.rejected == {"score.too_long": 1, "score.no_answer": 1}
    [(error, line)] = outcome.bad
    assert (error.reason, json.loads(line)["id"]) == ("not_finite", 3)
    assert "in:3" in error.message and "record 3 under run/05-model" in str(error.cause)
    assert step.lengths == {"scored": [9], "too_long": [9]} and step.number == 1
    assert (step.details()["reused"], step.details()["languages"]["en"]["records"]) == (4, 1)
