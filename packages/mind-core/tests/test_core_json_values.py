"""Values of JSON in a stream: arrays, pretty objects and lines, wherever chunks end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mind_core import MindError
from mind_core.chats import json_values, read_chat_batches
from mind_core.chats.json_values import values

TOKEN = json_values._TOKEN
Q, A = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
RECORDS = [{"instruction": 'say "[{" 水', "output": "\\n]}"}, {"messages": [Q, A]},
           {"prompt": "x" * 50, "response": ""}]  # fmt: skip
SHAPES = {
    "compact": json.dumps(RECORDS, ensure_ascii=False),
    "pretty": json.dumps(RECORDS, ensure_ascii=False, indent=2) + "\n",
    "objects": "\n".join(json.dumps(r, indent=1) for r in RECORDS),
    "jsonl": "\n".join(json.dumps(r) for r in RECORDS),
}


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for b in read_chat_batches([path]) for _, line in b.lines()]


@pytest.mark.parametrize("shape", sorted(SHAPES))
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_arrays_and_pretty_objects_are_read_as_lines_are(
    tmp_path: Path, shape: str, bom: str
) -> None:
    path = tmp_path / "in.json"
    path.write_text(bom + SHAPES[shape], "utf-8")
    assert lines(path) == RECORDS


@given(st.sampled_from(sorted(SHAPES)), st.integers(1, 40))
def test_values_do_not_depend_on_where_chunks_end(shape: str, size: int) -> None:
    data = SHAPES[shape].encode()
    if shape == "jsonl":
        return
    chunks = (data[i : i + size] for i in range(0, len(data), size))
    assert [json.loads(value) for value in values(chunks, "in")] == RECORDS


def test_lists_are_turns(tmp_path: Path) -> None:
    turn = {"instruction": "q", "input": "", "output": "a"}
    for text in (json.dumps([[turn], [turn, turn]], indent=1),
                 f"{json.dumps([turn])}\n{json.dumps([turn, turn])}\n"):  # fmt: skip
        path = tmp_path / "in.json"
        path.write_text(text)
        assert lines(path) == [{"turns": [turn]}, {"turns": [turn, turn]}]


def test_positions_count_values() -> None:
    batch = next(iter(read_chat_batches([_written('[{"a":1},{"b":2}]')])))
    assert [batch.position(n).rpartition(":")[2] for n, _ in batch.lines()] == [
        " value 1", " value 2"
    ]  # fmt: skip


def _written(text: str) -> Path:
    import tempfile

    path = Path(tempfile.mkdtemp()) / "in.json"
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", ['[{"a":1},', '[{"a":1}', '[{"a":"x', "["])
def test_an_array_that_is_cut_is_an_error(text: str) -> None:
    with pytest.raises(MindError, match="ends too early"):
        list(read_chat_batches([_written(text)]))


@pytest.mark.parametrize(
    ("text", "count"),
    [("[1, 2]", 1), ('["a", {"b": 1}, 3]', 3), ("[{}] x", 2), ("[{'a': 1}]", 1), ("[]", 0)],
)
def test_what_is_no_object_in_an_array_is_not_lost(text: str, count: int) -> None:
    found = [line for b in read_chat_batches([_written(text)]) for _, line in b.lines()]
    assert len(found) == count


def test_a_surplus_bracket_is_an_error() -> None:
    with pytest.raises(MindError, match="never opened"):
        list(read_chat_batches([_written('[{"a":1}]]')]))


def test_a_first_line_is_looked_for_within_the_limit_of_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(json_values, "LINE_LIMIT", 8)
    # Whole after seven bytes and a second list behind them: lists on lines of their own.
    assert list(values(iter([b"[[1],2", b"]", b"\n[3]"]), "in")) == [b"[[1],2]", b"[3]"]
    # No line within eight bytes: one array, whose elements are the values.
    array = iter([b"[[1],[2]", b"]\n[3]"])
    assert next(values(array, "in")) == b"[1]"
    assert next(array) == b"]\n[3]"


def test_a_value_may_be_as_long_as_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_values, "LINE_LIMIT", 8)
    assert list(values(iter([b'[ {"a":10', b"}, {}]"]), "in")) == [b'{"a":10}', b"{}"]
    with pytest.raises(MindError, match="longer than the limit"):
        list(values(iter([b'[{"a":1000', b"}]"]), "in"))


def test_batches_end_where_they_are_full_and_count_on() -> None:
    chunks = iter([b'[{"a": 1}, {"a": 2}, {"a": 3}]'])
    batches = list(json_values._value_batches(chunks, "in", 16))
    assert [b"".join(line + b"\n" for _, line in batch.lines()) for batch in batches] == [
        b'{"a":1}\n{"a":2}\n', b'{"a":3}\n'
    ]  # fmt: skip
    assert [[batch.position(n) for n, _ in batch.lines()] for batch in batches] == [
        ["in: value 1", "in: value 2"], ["in: value 3"]
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, 3, 100])
def test_objects_behind_an_array_are_values(size: int) -> None:
    data = b'[{"a": 1}, [2]] {"b": [{}]}\n[{"c": 3}]\n{"d": 4}'
    chunks = iter([data[at : at + size] for at in range(0, len(data), size)])
    wanted = [b'{"a": 1}', b"[2]", b'{"b": [{}]}', b'{"c": 3}', b'{"d": 4}']
    assert list(values(chunks, "in")) == wanted


class Chunk(bytes):
    """Counts what it is added to."""

    copied = 0

    def __radd__(self, other: bytes) -> bytes:
        Chunk.copied += len(other)
        return other + bytes(self)


@pytest.mark.parametrize("value", ['["%s"]', '[{"a": [%s]}]', '"%s"', '{\n"a": "%s"}'])
def test_a_long_value_is_read_and_copied_a_few_times(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    data = (value % ("1," * 50_000 + "1")).encode()
    scanned = 0

    class Counting:
        def finditer(self, text: bytes, at: int) -> Iterator[re.Match[bytes]]:
            nonlocal scanned
            scanned += len(text) - at
            return TOKEN.finditer(text, at)

    monkeypatch.setattr(json_values, "_TOKEN", Counting())
    monkeypatch.setattr(Chunk, "copied", 0)
    found = list(values((Chunk(data[at : at + 100]) for at in range(0, len(data), 100)), "in"))
    assert b"".join(found) in data and len(b"".join(found)) > 100_000
    assert scanned < 5 * len(data) and Chunk.copied < 5 * len(data)
