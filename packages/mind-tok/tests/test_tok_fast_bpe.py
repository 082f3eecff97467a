"""The loops of our own give exactly SentencePiece's ids, for every code point and any mixture."""

from __future__ import annotations

import random
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mind_core.kernels.packed import pack
from mind_core.special_tokens import PII_TOKENS
from mind_core.stream import read_records
from mind_core.text.languages import language_of_text
from mind_tok.bpe import merge_loop, tables
from mind_tok.bpe.sentencepiece_bpe import SentencePieceBpe, why_not
from mind_tok.bpe.tables import hashed
from mind_tok.language_counts import languages_of
from mind_tok.sentencepiece import SPACE, Bpe, SentencePieceTokenizer, Unigram
from mind_tok.sentencepiece_model import read_model

DATA = Path(__file__).parents[3] / "tests" / "data"
EVERY = [chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000 and chr(c) != SPACE]


@pytest.fixture(scope="module")
def real_texts() -> list[str]:
    return [record["text"] for record in read_records([DATA / "heldout.jsonl.zst"])]


@pytest.fixture(scope="module")
def real(real_texts: list[str]) -> SentencePieceTokenizer:
    return Bpe(character_coverage=0.999).train(real_texts, 5000)


@pytest.fixture(scope="module")
def fast(real: SentencePieceTokenizer) -> SentencePieceBpe:
    model = read_model(real.model)
    assert why_not(model) is None
    return SentencePieceBpe(model)


def assert_equal(real: SentencePieceTokenizer, fast: SentencePieceBpe, texts: list[str]) -> None:
    processor = sentencepiece.SentencePieceProcessor(model_proto=real.model)
    ids, ends = fast(*pack(texts))
    rows = np.split(ids, ends[:-1])
    for text, row, expected in zip(texts, rows, processor.encode(texts), strict=True):
        assert row.tolist() == expected, text


def test_real_text(
    real: SentencePieceTokenizer, fast: SentencePieceBpe, real_texts: list[str]
) -> None:
    assert_equal(real, fast, real_texts)
    assert_equal(real, fast, real_texts[::-1])  # the cache is full now
    assert_equal(real, fast, ["", " ", "  ", "\n", "a", ""])


def test_every_code_point_alone_and_among_others(
    real: SentencePieceTokenizer, fast: SentencePieceBpe
) -> None:
    shuffled = random.Random(5).sample(EVERY, len(EVERY))
    rows = ["".join(shuffled[i : i + 1000]) for i in range(0, len(shuffled), 1000)]
    assert_equal(real, fast, EVERY[::7] + rows)
    assert_equal(real, fast, [f"a{c} {c}的{c}{c}" for c in EVERY[: 0xFFFF - 0x800 : 3]])


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_mixture(
    real: SentencePieceTokenizer,
    fast: SentencePieceBpe,
    real_texts: list[str],
    data: st.DataObject,
) -> None:
    parts = st.one_of(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters=SPACE), max_size=20),
        st.sampled_from(["<|", "|>", " ", "  ", "\n", "0", "的", "the", *PII_TOKENS]),
        st.builds(
            lambda text, start, size: text[start : start + size].replace(SPACE, ""),
            st.integers(0, len(real_texts) - 1).map(real_texts.__getitem__),
            st.integers(0, 2000),
            st.integers(0, 60),
        ),
    )
    texts = data.draw(st.lists(st.lists(parts, max_size=8).map("".join), min_size=1, max_size=6))
    assert_equal(real, fast, texts)


def test_long_segments_take_the_heap(real: SentencePieceTokenizer, fast: SentencePieceBpe) -> None:
    chance = random.Random(3)
    runs = [unit * n for unit in ("a", "的", " ", "ab", "ing", "=") for n in (39, 40, 41, 42, 5000)]
    letters = ["".join(chance.choices("etaoin", k=k)) for k in (30, 41, 300, 3000)]
    assert_equal(real, fast, runs + letters)


@pytest.mark.parametrize("lines", [1, 64])
def test_segments_of_every_length_go_through_small_caches(
    real: SentencePieceTokenizer, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "SHORT_LINES", lines)
    monkeypatch.setattr(tables, "LONG_PLACES", 2 * lines)
    fast = SentencePieceBpe(read_model(real.model))
    chance = random.Random(7)
    # Few letters, so that segments come again; rare ones, so that some have many ids.
    words = [
        "".join(chance.choices(letters, k=size))
        for letters in ("ab", "qxzj", "的一中", "a的", "\x00\x7f", "𠀀𠀁")
        for size in range(1, 27)
        for _ in range(3)
    ]
    texts = [" ".join(chance.choices(words, k=40)) for _ in range(60)]
    assert_equal(real, fast, [*texts, *words, *reversed(texts), *reversed(words)])
    for word in words:  # at the end of the buffer there are no eight bytes to load
        assert_equal(real, fast, [word])


def test_the_heap_merges_as_the_plain_loop() -> None:
    chance = np.random.default_rng(1)
    for size in (2, 3, 17, 39):
        for _ in range(200):
            # Few scores, so that many are equal and the leftmost has to win.
            pairs = {
                (int(a), int(b)): (int(rank), int(c))
                for a, b, rank, c in zip(*chance.integers(0, 6, (2, 20)),
                                         chance.integers(0, 3, 20), chance.integers(0, 8, 20),
                                         strict=True)
            }  # fmt: skip
            rows = [(a << 32 | b, rank << 32 | c) for (a, b), (rank, c) in pairs.items()]
            table = hashed(*np.array(rows, np.int64).T.copy())
            row = chance.integers(0, 8, size).astype(np.int32)
            short, long = row.copy(), row.copy()
            count = merge_loop.merge_short(short, size, np.empty(64, np.int64), table)
            assert merge_loop.merge_long(long, size, table) == count
            expected = plain_merges(row.tolist(), pairs)
            assert short[:count].tolist() == long[:count].tolist() == expected


def plain_merges(row: list[int], pairs: dict[tuple[int, int], tuple[int, int]]) -> list[int]:
    while True:
        found = [
            (pairs[pair][0], i, pairs[pair][1])
            for i, pair in enumerate(pairwise(row))
            if pair in pairs
        ]
        if not found:
            return row
        _, at, merged = min(found)
        row = [*row[:at], merged, *row[at + 2 :]]


def test_the_tokenizer_changes_to_its_loops_without_a_trace(
    real: SentencePieceTokenizer, real_texts: list[str]
) -> None:
    fresh = SentencePieceTokenizer(real.model, real.manifest)
    texts = [*real_texts, f"a{SPACE}b {SPACE}", f"{SPACE} <|phone|>{SPACE}{SPACE}"]
    before = fresh.encode_batch(texts)
    flat = fresh.encode_flat(texts, 1)
    fresh.warm_up()
    assert fresh._fast is not None
    assert fresh.encode_batch(texts) == before
    for a, b in zip(flat, fresh.encode_flat(texts, 1), strict=True):
        assert np.array_equal(a, b)
    assert np.split(flat[0], flat[1][:-1])[-1].tolist() == [*before[-1], 1]


def test_what_the_loops_cannot_do_stays_with_sentencepiece(texts: list[str]) -> None:
    unigram = Unigram().train(texts, 400)
    assert why_not(read_model(unigram.model)) == "it is no BPE model"
    before = unigram.encode_batch(texts)
    unigram.warm_up()
    assert unigram._fast is None
    assert unigram.encode_batch(texts) == before


def test_languages_are_those_of_one_text_at_a_time(real_texts: list[str]) -> None:
    chance = random.Random(2)
    mixed = ["".join(chance.choices(EVERY[:70_000], k=9)) for _ in range(3000)]
    texts = [*real_texts, *mixed, "", "1_²", "ab的", "abcd的", "abcde的", *EVERY[::50]]
    assert languages_of(*pack(texts)) == [language_of_text(text) for text in texts]
