"""gigatoken under our tokenizers gives what Hugging Face's library and our own loops give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.testing import ODD_TEXTS
from mind_tok import fast_engine as fast
from mind_tok.bytelevel import ByteLevelTokenizer
from mind_tok.huggingface import HuggingFaceTokenizer

QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEXTS = [*ODD_TEXTS, *fast.PROBES]


def library(pattern: str = "", normalizer: Any = None) -> Any:
    """Return a small byte-level BPE, as GPT-2's or, with a pattern, as Qwen's."""
    pre = tokenizers.pre_tokenizers
    vocabulary = {c: i for i, c in enumerate(sorted(pre.ByteLevel.alphabet()))}
    merges = [("Ġ", "t"), ("h", "e"), ("Ġt", "he"), ("ä", "¸"), ("ä¸", "Ń"), ("Ċ", "Ċ"), ("i", "n")]
    for left, right in merges:
        vocabulary[left + right] = len(vocabulary)
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges))
    whole = pre.ByteLevel(add_prefix_space=False, use_regex=not pattern)
    split = pre.Split(tokenizers.Regex(pattern), "isolated") if pattern else None
    made.pre_tokenizer = pre.Sequence([split, whole]) if split else whole
    if normalizer is not None:
        made.normalizer = normalizer
    made.decoder = tokenizers.decoders.ByteLevel()
    made.add_special_tokens([tokenizers.AddedToken("<|endoftext|>", normalized=False)])
    made.add_tokens([tokenizers.AddedToken("<mark>", normalized=False)])
    return made


def data_of(made: Any) -> bytes:
    return bytes(made.to_str().encode())


@pytest.fixture(scope="module")
def pairs() -> list[tuple[Any, Any]]:
    """Return tokenizers whose engine is made, and the same without one."""
    pytest.importorskip("gigatoken")
    found = []
    for kind, made in (
        (ByteLevelTokenizer, library()),
        (HuggingFaceTokenizer, library(QWEN, tokenizers.normalizers.NFC())),
    ):
        ours, plain = kind(data_of(made), {}), kind(data_of(made), {})
        assert ours._engine.now() is not None
        plain._engine._asked = True
        found.append((ours, plain))
    return found


def same(pairs: list[tuple[Any, Any]], texts: Sequence[str]) -> None:
    for ours, plain in pairs:
        for end in (-1, 0):
            ours._engine._seen = 1 << 40
            (ids, ends), (wanted, wanted_ends) = (
                one.encode_flat(texts, end) for one in (ours, plain)
            )
            assert ids.dtype == wanted.dtype and ends.dtype == wanted_ends.dtype
            assert ids.tolist() == wanted.tolist() and ends.tolist() == wanted_ends.tolist()


def test_odd_texts_have_the_same_ids(pairs: list[tuple[Any, Any]]) -> None:
    same(pairs, [text for text in TEXTS if not any(0xD800 <= ord(c) < 0xE000 for c in text)])
    same(pairs, [])
    same(pairs, ["<|endoftext|> <mark>the<mark> 中"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=4))
def test_any_text_has_the_same_ids(pairs: list[tuple[Any, Any]], texts: list[str]) -> None:
    same(pairs, [text.encode("utf-8", "ignore").decode() for text in texts])


def test_an_engine_that_differs_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    content = orjson.loads(data_of(library()))
    right: list[Any] = [[]] * (len(fast.PROBES) + 2)

    class Wrong:
        def __init__(self, _: str) -> None: ...

        def encode(self, texts: Sequence[str]) -> tuple[Any, Any]:
            return np.ones(len(texts), np.int64), np.arange(1, len(texts) + 1)

    class Broken(Wrong):
        def encode(self, _: Sequence[str]) -> tuple[Any, Any]:
            raise BaseException("a panic")

    monkeypatch.setattr(fast, "wanted_engine", lambda: fast.GIGATOKEN)
    for kind in (Wrong, Broken):
        monkeypatch.setattr(fast, "FastEngine", kind)
        monkeypatch.delenv(fast.VARIABLE, raising=False)
        assert fast.fast_engine(content, lambda _: right) is None
        monkeypatch.setenv(fast.VARIABLE, fast.GIGATOKEN)
        with pytest.raises(MindError, match="does not give the ids"):
            fast.fast_engine(content, lambda _: right)


def test_few_texts_do_not_wait_for_it() -> None:
    asked: list[int] = []
    engine = fast.EngineForLargeInput(lambda: asked.append(1), 100)
    assert engine.after(60) is None and asked == []
    engine.after(60)
    engine.after(60)
    assert asked == [1]


def test_it_is_made_anew_when_it_has_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gigatoken")
    engine = fast.FastEngine(data_of(library()).decode())
    before, made = engine.encode(["the 中"])[0].tolist(), engine._made
    monkeypatch.setattr(fast, "_CHECK_EVERY", 1)
    monkeypatch.setattr(fast, "_resident", lambda: engine._base + fast.MAX_GROWTH + 1)
    assert engine.encode(["the 中"])[0].tolist() == before
    assert engine._made is not made


def test_the_choice_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, words in (("fast", "neither"), ("tokenizers", None)):
        fast.wanted_engine.cache_clear()
        monkeypatch.setenv(fast.VARIABLE, value)
        if words:
            with pytest.raises(UsageError, match=words):
                fast.wanted_engine()
        else:
            assert fast.wanted_engine() == value
            assert fast.fast_engine({}, lambda _: []) is None
    fast.wanted_engine.cache_clear()
