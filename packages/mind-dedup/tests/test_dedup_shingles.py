"""Shingle sets: the definition in plain Python against the batched hashing."""

import re
import unicodedata

import numpy as np
import pytest
from dedup_reference.similarity import jaccard
from hypothesis import given, settings
from hypothesis import strategies as st

from mind_core.testing import ODD_TEXTS
from mind_dedup.char_folding import INVISIBLE as INVISIBLE_KIND
from mind_dedup.char_folding import PART_OF_WORD, SEPARATOR, TOKEN, tables
from mind_dedup.shingles import ShingleSets, shingle_sets_of

TOKENS = re.compile(r"[\u3400-\u9fff\u3040-\u30ff]|[^\W_\u3400-\u9fff\u3040-\u30ff]+")


def plain_shingles(text: str) -> set[tuple[str, ...]]:
    """Return the shingles as the package describes them, for Chinese, kana and Latin."""
    tokens = TOKENS.findall(text.casefold())
    if not tokens:
        return {(text,)}
    return {tuple(tokens[i : i + 5]) for i in range(max(len(tokens) - 4, 1))}


def one_set(text: str) -> list[int]:
    return shingle_sets_of([text], facts=False)[0].tolist()


@pytest.mark.parametrize(
    "text",
    [
        "The quick brown fox jumps over the lazy dog, the quick brown fox jumps over it.",
        "天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。寒来暑往，秋收冬藏。",
        "PyTorch 2.13 支持中文 mixed text：在 GPU 上训练 350M 模型，loss 降到 2.5。",
        "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。",
        "one two three",
        "字",
        "!!!",
        "",
    ],
)
def test_sets_have_the_size_of_the_definition(text: str) -> None:
    assert len(one_set(text)) == len(plain_shingles(text))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ab你好 ，。\nC３", max_size=40), max_size=6))
def test_a_batch_is_what_its_texts_are_alone(texts: list[str]) -> None:
    sets = shingle_sets_of(texts, facts=False)
    assert [sets[i].tolist() for i in range(len(sets))] == [one_set(text) for text in texts]
    for i, first in enumerate(texts):
        for j, second in enumerate(texts[:i]):
            wanted = plain_jaccard(*(unicodedata.normalize("NFKC", t) for t in (first, second)))
            if plain_shingles(first) != {(first,)} and plain_shingles(second) != {(second,)}:
                assert jaccard(sets[i], sets[j]) == pytest.approx(wanted)


def plain_jaccard(first: str, second: str) -> float:
    one, other = plain_shingles(first), plain_shingles(second)
    return len(one & other) / len(one | other)


def test_the_same_word_hashes_alike_in_ascii_and_beside_chinese() -> None:
    english = "one two three four five"
    both = one_set(english + " 中文")
    assert set(one_set(english)) <= set(both)


def test_folding_is_by_character() -> None:
    assert one_set("ＡＢＣ　Ｄｅｆ　１２３　ｘ　ｙ") == one_set("abc def 123 X Y")
    assert one_set("café crème brûlée à la carte") == one_set(
        unicodedata.normalize("NFD", "CAFÉ CRÈME BRÛLÉE À LA CARTE")
    )
    assert one_set("\uf900更車賈滑串") == one_set("豈更車賈滑串")  # compatibility ideographs
    assert one_set("天地，玄黄！宇宙") == one_set("天地玄黄宇宙")


def test_kinds_of_characters() -> None:
    kinds = tables().kinds
    for characters, kind in (
        ("aZ9éя한", PART_OF_WORD),
        ("天㐀𠮷あア々〇ก", TOKEN),
        (" \n，。!_-😀", SEPARATOR),
        ("\u200b\u00ad\ufeff\u2060", INVISIBLE_KIND),
    ):
        assert {int(kinds[ord(c)]) for c in characters} == {kind}, characters


def test_no_two_short_texts_are_one() -> None:
    texts = ["天地玄黄", "天地玄青", "!!!", "???", "", " ", "a", "b", "one two", "two one"]
    assert len({tuple(one_set(text)) for text in texts}) == len(texts)


def test_very_long_words_and_texts() -> None:
    long_word = "x" * 300_000
    assert one_set(f"one two {long_word} three") == one_set(f"One,  two\n{long_word}. Three!")
    assert one_set(long_word) != one_set(long_word + "y")
    text = " ".join(f"word{i}" for i in range(60_000))
    assert 59_980 <= len(one_set(text)) <= 59_996  # 30 bits: such a text has a collision or two
    spaced = text.replace(" ", " " * 7)
    assert one_set(spaced) == one_set(text)
    assert one_set("\u3000" * 200_000 + "天地玄黄宇宙" + " " * 200_000) == one_set("天地玄黄宇宙")


def test_odd_texts_in_one_batch() -> None:
    sets = shingle_sets_of(ODD_TEXTS)
    assert len(sets) == len(ODD_TEXTS)
    for row in range(len(sets)):
        own = sets[row]
        assert len(own) >= 1 and (np.diff(own.astype(np.int64)) > 0).all()


def test_no_texts() -> None:
    sets = shingle_sets_of([])
    assert isinstance(sets, ShingleSets) and len(sets) == 0


DIFFERENT = [
    ("计算：12 + 5", "计算：12 - 5", "计算：12 × 5", "计算：12 ÷ 5"),
    ("3*x + 7 = 22", "3*x - 7 = 22"),
    ("-5", "5", "+5"),
    ("if a < b: return a + b", "if a > b: return a - b", "if a < b: return a - b"),
    ("Compute $\\arccos 1.$  Express your answer in radians.",
     "Compute $\\arccos (-1).$  Express your answer in radians."),
    ("求 $a$ 的值，其中 $a^2 + b = 5$", "求 $b$ 的值，其中 $a^2 + b = 5$"),
    ("x ≤ y", "x ≥ y", "x = y"),
    ("f(x) = x^2 - 3x + 2", "f(x) = x^2 + 3x - 2", "f(x) = x^2 - 3x + 4"),
    ("+", "-", "="),
]  # fmt: skip


@pytest.mark.parametrize("texts", DIFFERENT, ids=lambda texts: texts[0])
def test_symbols_count_in_mathematics_and_code(texts: tuple[str, ...]) -> None:
    sets = shingle_sets_of(texts)
    for i in range(len(texts)):
        for j in range(i):
            assert jaccard(sets[i], sets[j]) < 0.3, (texts[i], texts[j])
    if all(any(c.isalnum() for c in text) for text in texts):
        without = shingle_sets_of(texts, symbols=False)
        assert jaccard(without[0], without[1]) > 0.3 or "$" in texts[0] or "x^2" in texts[0]


@pytest.mark.parametrize(
    "texts",
    [
        ("Suppose that $4^a = 5$, $5^b = 6$.", "Suppose that  $4^{a}=5$,  $5^{b}=6$."),
        ("x ＋ y ＝ 5", "x + y = 5"),
        ("a − b = c", "a - b = c"),
        ("A well-known, state-of-the-art method.", "A well known state of the art method"),
        ("- one thing\n- and another thing", "* one thing\n* and another thing"),
        ("On 2026-11-30 and/or later", "On 2026/11/30 and or later"),
    ],
)
def test_what_is_only_written_otherwise_stays_the_same(texts: tuple[str, str]) -> None:
    sets = shingle_sets_of(texts)
    assert jaccard(sets[0], sets[1]) == 1.0


INVISIBLE = [chr(c) for c in range(0x10000) if unicodedata.category(chr(c)) == "Cf"] + [
    "\U000e0001", "\U000e0062", "\U000e007f",
]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["documentation of the program", "机器学习需要大量数据", "3*x + 7 = 22"]
)
def test_format_characters_split_no_words(text: str) -> None:
    assert len(INVISIBLE) > 40
    plain = one_set(text)
    for character in INVISIBLE:
        assert one_set(text[:3] + character + text[3:]) == plain, hex(ord(character))
    assert one_set("\u00ad\u200b".join(text)) == plain
