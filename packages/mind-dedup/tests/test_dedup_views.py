"""What of a record is compared, and rejects that come back when their partner goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from mind_core.errors import BadRecord, MindError, UsageError
from mind_core.output import write_records
from mind_core.records import Record
from mind_core.stream import read_records
from mind_dedup.cli import app
from mind_dedup.compared_text import ComparedText

WORDS = [f"w{chr(97 + i // 26)}{chr(97 + i % 26)}x" for i in range(100)]


def changed(front: int, back: int) -> str:
    """Return a text of which some tokens at both ends are others."""
    words = [f"front{chr(97 + i)}" for i in range(front)] + WORDS[front : 100 - back]
    return " ".join([*words, *(f"back{chr(97 + i)}" for i in range(back))])


def dedup(*arguments: str | Path) -> None:
    app([*map(str, arguments), "-q"], standalone_mode=False)


def ids(path: Path) -> list[Any]:
    return [record.get("id") for record in read_records([path])]


def test_a_record_whose_partner_goes_for_an_index_comes_back(tmp_path: Path) -> None:
    """a ~ b1 and b1 ~ b, a and b are two: joined, one of b1 and b has to stay."""
    a, b = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    write_records(a, [{"id": "a", "text": changed(5, 0)}])
    write_records(b, [{"id": "b1", "text": changed(0, 0), "metadata": {"x": 1}},
                      {"id": "b", "text": changed(0, 6), "metadata": {"x": 1}},
                      {"id": "b2", "text": changed(0, 1)}])  # fmt: skip
    kept, rejects, out = tmp_path / "kept", tmp_path / "rejects", tmp_path / "out"
    dedup(a, "--index", tmp_path / "index", "-o", tmp_path / "first")
    dedup(b, "-o", kept, "--rejects", rejects, "--allow")
    assert (ids(kept), ids(rejects)) == (["b1"], ["b", "b2"])
    dedup(kept, "--against", tmp_path / "index", "-o", out, "--allow")
    assert ids(out) == []
    again = tmp_path / "again"
    dedup(
        kept, "--against", tmp_path / "index", "--restore", rejects, "-o", out, "--rejects", again,
        "--allow",
    )  # fmt: skip
    assert ids(out) == ["b"]
    assert next(iter(read_records([out]))) == {
        "id": "b", "text": changed(0, 6), "metadata": {"x": 1}
    }  # fmt: skip
    reasons = [r["metadata"]["mind"]["rejected"]["duplicate_of"] for r in read_records([again])]
    assert reasons == ["a", "a"]


TALKS: list[Record] = [
    {"id": 1, "messages": [{"role": "user", "content": "问：春天来了吗，请告诉我"},
                           {"role": "assistant", "content": "来了，花都开了，树也绿了"}]},
    {"id": 2, "instruction": "问：春天来了吗，请告诉我", "output": "还没有，外面还在下着大雪呢"},
    {"id": 3, "conversations": [{"from": "human", "value": "花开了没有，树绿了没有呢"},
                                {"from": "gpt", "value": "来了，花都开了，树也绿了"}]},
    {"id": 4, "instruction": "问：春天来了吗，请告诉我", "output": "来了，花都开了，树也绿了"},
]  # fmt: skip


@pytest.mark.parametrize(
    ("part", "kept"), [("question", [1, 3]), ("answer", [1, 2]), ("both", [1, 2, 3])]
)
@pytest.mark.parametrize("array", [False, True])
def test_instructions_are_compared_by_their_parts(
    part: str, kept: list[int], array: bool, tmp_path: Path
) -> None:
    source, out = tmp_path / "in.json", tmp_path / "out.jsonl"
    if array:
        source.write_bytes(orjson.dumps(TALKS))
    else:
        write_records(source, TALKS)
    dedup("--chat", part, source, "-o", out, "--allow")
    found = list(read_records([out]))
    assert [record["id"] for record in found] == kept
    assert found == [record for record in TALKS if record["id"] in kept]


def test_what_is_said_without_text_is_compared_whole() -> None:
    function = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    called = {"role": "assistant", "content": None, "tool_calls": [function]}
    call = {"id": 1, "messages": [{"role": "user", "content": "?"}, called]}
    other = orjson.loads(orjson.dumps(call).replace(b'"f"', b'"g"'))
    view = ComparedText(chat="answer")
    assert view(call) != view(other) and '"f"' in view(call)
    blank = [{"role": "user", "content": q} for q in "ab"]
    assert view({"messages": [blank[0]]}) != view({"messages": [blank[1]]})
    with pytest.raises(BadRecord, match=r"in\.jsonl:3"):
        view({"text": "no instruction"}, "in.jsonl:3")


def test_another_field_is_compared(tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = [{"id": i, "text": f"text {i}", "page": {"body": changed(0, i)}} for i in range(3)]
    write_records(source, rows)
    dedup("--text-field", "page.body", source, "-o", out, "--allow", "--clusters", tmp_path / "c")
    assert ids(out) == [0]
    assert {row["text"] for row in read_records([tmp_path / "c"])} == {
        changed(0, i)[:200] for i in range(3)
    }
    view = ComparedText("page.body")
    for record, reason in (({"page": {}}, "missing"), ({"page": {"body": 7}}, "type")):
        with pytest.raises(BadRecord) as caught:
            view(record)
        assert reason in caught.value.reason


@pytest.mark.parametrize(
    "options", [{"chat": "all"}, {"chat": "both", "field": "x"}, {"field": ""}]
)
def test_what_cannot_be_compared_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        ComparedText(**options)


def test_an_index_names_what_was_compared(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    write_records(source, TALKS)
    dedup("--chat", "answer", source, "--index", tmp_path / "i", "-o", tmp_path / "o", "--allow")
    with pytest.raises(MindError, match="chat=answer"):
        dedup("--chat", "question", source, "--against", tmp_path / "i", "-n")
