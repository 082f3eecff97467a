"""Texts come back whole, and the tool encodes with a folder of this kind."""

from __future__ import annotations

import json
from pathlib import Path

import mind_tokenizer_bytes as plugin
import pytest
from mind_tokenizer_bytes import SIZE, Bytes, BytesTokenizer

from mind_core import MindError
from mind_core.testing import ODD_TEXTS, run_tool


def test_texts_come_back() -> None:
    made = BytesTokenizer()
    for text in (*ODD_TEXTS[:-3], "静水流深", "write to <|email|> now", "<|endoftext|>"):
        ids = made.encode(text)
        assert made.decode(ids) == text and made.end_id not in ids
    assert len(made.encode("<|email|>")) == 1 and len(made.vocabulary()) == SIZE


def test_another_size_is_refused() -> None:
    with pytest.raises(MindError, match="tokens"):
        Bytes().train([], 1000)


def test_through_the_tool(tmp_path: Path) -> None:
    text = tmp_path / "text.jsonl"
    text.write_text(
        "".join(json.dumps({"id": str(n), "text": f"静水 {n}"}) + "\n" for n in range(9))
    )
    file = ["--plugin", str(plugin.__file__)]
    size = ["--vocab-size", str(SIZE)]
    done = run_tool(
        "mind-tok", ["train", text, "--kind", "bytes", *size, *file, "-o", tmp_path / "t"]
    )
    assert done.code == 0, done.stderr
    given = ["encode", text, "-t", tmp_path / "t", *file, "-o", tmp_path / "s"]
    done = run_tool("mind-tok", given)
    assert done.code == 0, done.stderr
