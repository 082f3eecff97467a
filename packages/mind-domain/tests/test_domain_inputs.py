"""What goes into a run: rows of raw files, options from flags and recipes, a judge's question."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest

from mind_core.errors import UsageError
from mind_domain.judges.model import judge_prompt
from mind_domain.judges.trial import Trial
from mind_domain.pipeline import make_plugins, recipe_for
from mind_domain.raw_rows import raw_batches


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.jsonl", b'{"a": "1"}\n{"a": "2"}\n'),
        ("rows.json", b'[{"a": "1"}, [{"a": "2"}]]'),
        ("rows.csv", b"a\r\n1\r\n2\r\n"),
    ],
)
def test_rows_come_from_the_files_that_are_named_and_from_stdin_if_none_is(
    name: str, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_bytes(content)

    def rows(inputs: list[str]) -> list[dict[str, str]]:
        batches = raw_batches(inputs)
        return [orjson.loads(line) for batch in batches for line in batch.data.splitlines()]

    wanted = [{"a": "1"}, {"a": "2"}]
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"")))
    path = str(tmp_path / name)
    assert rows([path]) == wanted
    assert rows([path, path]) == wanted * 2


def test_a_flag_comes_before_the_recipe_and_set_before_both() -> None:
    plugins = make_plugins(())
    plain = recipe_for(plugins, "finance", None, {"horizon": None}, []).values["finance"]
    assert plain["horizon"] == plugins.find("register_domains", "finance").options()["horizon"]
    flagged = recipe_for(plugins, "finance", None, {"horizon": 7}, [])
    assert flagged.values["finance"] == {**plain, "horizon": 7}
    both = recipe_for(plugins, "finance", None, {"horizon": 7}, ["finance.horizon=9"])
    assert both.values["finance"]["horizon"] == 9
    with pytest.raises(UsageError, match="finanse"):
        recipe_for(plugins, "finance", None, {}, ["finanse.horizon=2"])


def test_a_judge_is_told_the_dialogue_the_reference_and_each_reply() -> None:
    messages = (
        {"role": "user", "content": "What is VAT?"},
        {"role": "assistant", "content": "A tax."},
        {"role": "user", "content": "Who pays it?"},
    )
    trial = Trial("q", 0, messages, "The buyer.", ("m", "n", "o"), ("A1", "B2", "C3"), "Law", "en")
    parts = judge_prompt(trial).split("\n\n")
    assert len(parts) == 7
    assert parts[0].endswith("Law") or "Law" in parts[0]
    title, *said = parts[1].splitlines()
    assert title.endswith(":") and said == [
        "User: What is VAT?", "Assistant: A tax.", "User: Who pays it?",
    ]  # fmt: skip
    assert parts[2].endswith("\nThe buyer.")
    assert parts[3:6] == ["Reply A:\nA1", "Reply B:\nB2", "Reply C:\nC3"]
    assert parts[6].endswith("Ranking: B > A = C")
    assert not {"m", "n", "o"} & set(judge_prompt(trial).split())
    bare = Trial("q", 0, messages[:1], None, ("m", "n"), ("A1", "B2"), "", "zh")
    assert judge_prompt(bare).count("\n\n") == 4 and "用户: What is VAT?" in judge_prompt(bare)
