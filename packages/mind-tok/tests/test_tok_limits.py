"""Limits that lie behind the first block, at the last id, and in vocabularies of others."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tokenizers
from tokenizers import Tokenizer as Library

from mind_core.errors import MindError
from mind_core.special_tokens import PII_TOKENS
from mind_tok import Tokenizer, shards
from mind_tok.chat_template_ids import TemplateEncoder
from mind_tok.convert import read_any
from mind_tok.encode import Encoder


def test_ends_and_sums_are_looked_at_behind_the_first_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shards, "_AT_ONCE", 4)
    whole = np.arange(14, dtype=np.uint64)
    assert shards._ascends(whole) and shards._ascends(whole[:1]) and shards._ascends(whole[:0])
    assert shards._ascends(np.zeros(9, np.uint64)), "empty documents end where others do"
    for place in range(1, 14):
        wrong = whole.copy()
        wrong[place] = whole[place - 1] - np.uint64(place > 1)
        wrong[place:] = wrong[place]
        wrong[place - 1] = whole[place - 1] + np.uint64(place == 1)
        assert not shards._ascends(wrong), place
    assert shards._total(whole) == 91
    for place in range(14):
        wrong = whole.copy()
        wrong[place] = shards._LARGEST
        assert shards._total(wrong) == 91 - place + shards._LARGEST
        wrong[place] += np.uint64(1)
        assert shards._total(wrong) == -1, place


@pytest.mark.parametrize("wrong", [7, 8, -1])
def test_an_id_beyond_the_vocabulary_is_named(wrong: int) -> None:
    encoder = SimpleNamespace(tokenizer=SimpleNamespace(vocab_size=7))
    Encoder._check(encoder, np.array([0, 6], np.int64))  # type: ignore[arg-type]
    Encoder._check(encoder, np.array([], np.int64))  # type: ignore[arg-type]
    with pytest.raises(MindError, match=f"token {wrong} does not fit into a vocabulary of 7"):
        Encoder._check(encoder, np.array([0, wrong, 6], np.int64))  # type: ignore[arg-type]
    with pytest.raises(MindError, match="ids of type float64"):
        Encoder._check(encoder, np.array([0.0]))  # type: ignore[arg-type]


@pytest.mark.parametrize("masks", [0, 1, 2])
def test_entries_of_a_foreign_vocabulary_have_their_kinds(masks: int, tmp_path: Path) -> None:
    library = Library(tokenizers.models.Unigram([("<unk>", 0.0), ("a", -1.0), ("b", -2.0)], 0))
    library.add_special_tokens(["</s>", *PII_TOKENS[:masks]])
    library.add_tokens(["<tool>"])
    library.save(str(tmp_path / "tokenizer.json"))
    entries = read_any(tmp_path / "tokenizer.json").vocabulary()
    assert [entry.data for entry in entries[1:3]] == [b"a", b"b"]
    assert entries[3].kind == "control"
    assert [entry.kind for entry in entries[4 : 4 + masks]] == ["mask"] * masks
    assert "mask" not in {entry.kind for entry in (*entries[:4], *entries[4 + masks :])}


def test_control_tokens_stand_where_they_are_spelt(tokenizer: Tokenizer) -> None:
    control = {"</s>": 901, "<x>": 902}
    encoder = SimpleNamespace(
        tokenizer=tokenizer, _control=control, _pattern=re.compile("</s>|<x>")
    )
    for pieces in (("春天来了", "</s>", "has come"), ("", "<x>", "river", "</s>", "", "<x>", "水")):
        wanted: list[int] = []
        for piece in pieces:
            wanted += [control[piece]] if piece in control else tokenizer.encode(piece)
        assert TemplateEncoder._ids(encoder, "".join(pieces)).tolist() == wanted  # type: ignore[arg-type]
    plain = SimpleNamespace(tokenizer=tokenizer, _control={}, _pattern=None)
    assert TemplateEncoder._ids(plain, "river").tolist() == tokenizer.encode("river")  # type: ignore[arg-type]
