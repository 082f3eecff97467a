"""Nothing is lost and nothing is forged, whatever the text."""

from __future__ import annotations

import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mind_core import MindError
from mind_core.special_tokens import CONTROL_TOKENS, PII_TOKENS, UNKNOWN
from mind_tok import Tokenizer
from mind_tok import chunking as long_texts
from mind_tok.sentencepiece import SPACE, Bpe, SentencePieceTokenizer, Unigram
from mind_tok.testing import check_tokenizer

PIECES = (
    *CONTROL_TOKENS,
    *PII_TOKENS,
    *(UNKNOWN, SPACE, "▅", "<s>", "</s>", "<unk>", "<0x0A>", "<0xE2>", " ", "  ", "\n", "\r\n"),
    *("\t", "\0", "\u2028", "\u2029", "\x85", "\ufeff", "\ufffd", "e\u0301", "\u00a0", "\u3000"),
    *("春天来了", "river", "𠮷", "👩‍👩‍👧", "\U0010ffff", "١٢", "12", "<user", "|>", "a"),
)
any_text = st.one_of(
    st.text(),
    st.text(alphabet=st.sampled_from("▁▅ \n\t\0a春<|>")),
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=12).map("".join),
)
fuzz = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@fuzz
@given(text=any_text)
def test_every_text_comes_back_and_makes_no_control_token(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert not {tokenizer.special_ids[name] for name in CONTROL_TOKENS} & set(ids)
    assert 0 not in ids, "unknown never occurs, bytes do"


@fuzz
@given(parts=st.lists(any_text, max_size=5))
def test_a_batch_is_its_texts_one_by_one(tokenizer: Tokenizer, parts: list[str]) -> None:
    assert tokenizer.encode_batch(parts) == [tokenizer.encode(text) for text in parts]


def test_every_code_point_comes_back(tokenizer: Tokenizer) -> None:
    points = [chr(i) for i in range(sys.maxunicode + 1) if not 0xD800 <= i <= 0xDFFF]
    for start in range(0, len(points), 50_000):
        text = "".join(points[start : start + 50_000])
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_nothing_is_normalised(tokenizer: Tokenizer) -> None:
    for text in ("e\u0301", "é", "ﬁ", "Ａ１", "①", "가", "\u1100\u1161", "  two  spaces  "):
        assert tokenizer.decode(tokenizer.encode(text)) == text
    assert unicodedata.normalize("NFC", "e\u0301") == "é"
    assert tokenizer.encode("e\u0301") != tokenizer.encode("é")


@pytest.mark.parametrize("name", CONTROL_TOKENS)
def test_the_name_of_a_control_token_is_plain_text(tokenizer: Tokenizer, name: str) -> None:
    ids = tokenizer.encode(name)
    assert tokenizer.special_ids[name] not in ids
    assert len(ids) > 1


def test_names_of_control_tokens_stay_text_even_if_the_corpus_is_full_of_them() -> None:
    texts = [f"{name}{name} {name}\n{name}中文 abc {i}" for i in range(200) for name in PIECES]
    tokenizer = Bpe().train(texts, 400)
    control = {tokenizer.special_ids[name] for name in CONTROL_TOKENS}
    for text in texts[: len(PIECES)]:
        ids = tokenizer.encode(text)
        assert not control & set(ids)
        assert tokenizer.decode(ids) == text


@pytest.mark.parametrize("name", PII_TOKENS)
def test_a_mask_is_one_token_wherever_it_stands(tokenizer: Tokenizer, name: str) -> None:
    at = tokenizer.special_ids[name]
    for text in (name, f"call {name} now", f"电话{name}。", f"{name}{name}", f"1{name}2"):
        assert tokenizer.encode(text).count(at) == text.count(name)
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_digits_are_split_and_line_feeds_stand_alone(tokenizer: Tokenizer) -> None:
    vocabulary = tokenizer.vocabulary()
    parts = [vocabulary[i].data for i in tokenizer.encode("2024\n\n31")]
    assert parts == [b"2", b"0", b"2", b"4", b"\n", b"\n", b"3", b"1"]
    entries = [token.data.decode() for token in vocabulary if token.kind == "text"]
    assert not any("\n" in entry for entry in entries)
    assert not any(sum(c.isdigit() for c in entry) > 1 for entry in entries)


def test_half_of_a_surrogate_pair_is_refused_with_its_place(tokenizer: Tokenizer) -> None:
    with pytest.raises(MindError, match="character 3") as caught:
        tokenizer.encode_batch(["fine", "abc\ud83d"])
    assert caught.value.hint


@pytest.mark.parametrize("ids", [[500], [-1], [1 << 40]])
def test_foreign_ids_are_refused(tokenizer: Tokenizer, ids: list[int]) -> None:
    with pytest.raises(MindError, match="no token"):
        tokenizer.decode(ids)


def test_a_long_text_in_parts_has_the_ids_of_the_whole(
    tokenizer: SentencePieceTokenizer, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    long = ["\n".join(texts), " ".join(texts).replace("\n", "  "), "".join(texts[::2]), SPACE * 50]
    long.append(f"{SPACE} ".join(texts))
    whole = tokenizer.encode_arrays(long)
    monkeypatch.setattr(long_texts, "LONG_TEXT", 40)
    for text, expected in zip(long, whole, strict=True):
        assert np.array_equal(tokenizer.encode_arrays([text])[0], expected)
        assert all(len(p) <= 40 for p in long_texts.pieces(" ".join(["word"] * 100)))


@pytest.mark.parametrize("kind", [Bpe, Unigram])
def test_both_kinds_keep_the_promises_of_the_hook(
    kind: type[Bpe] | type[Unigram], texts: list[str]
) -> None:
    tokenizer = check_tokenizer(kind, texts[:60], 400)
    assert tokenizer.manifest["component"] == kind.model
