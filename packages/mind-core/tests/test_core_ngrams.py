"""The index of n-grams that both contamination checks ask, and its loop."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import numpy as np
import pytest

from mind_core.text.ngrams import NgramIndex
from mind_core.text.token_ngrams import _decoded, _kind, token_ngrams
from mind_core.text.tokens import fold_rare, tokens

QUESTION = (
    "Maria walked three miles to the old mill, then rode a borrowed bicycle back home before dark."
)


def found(text: str, n: int = 13) -> list[tuple[int, str]]:
    """Return every run as the kernel writes it: hash, and the text from its start to its end."""
    data = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)
    none = np.empty(0, np.uint64), np.zeros(1, np.uint32), np.empty(0, np.uint8)
    out = np.empty(len(data), np.uint64), *(np.empty(len(data), np.int64) for _ in range(2))
    written, total = token_ngrams(data, n, *none, *out)
    assert written == total
    return [
        (int(value), bytes(data[start:end]).decode("utf-8", "surrogatepass"))
        for value, start, end in zip(*(column[:written] for column in out), strict=True)
    ]


SINGLE = "\u3005-\u3007\u3041-\u30fa\u3400-\u9fff\U00020000-\U0003ffff"
TOKEN = re.compile(f"[{SINGLE}]|[^\\W_{SINGLE}]+")


def plain_runs(text: str, n: int) -> list[tuple[tuple[str, ...], str]]:
    """Return what the kernel should find, by a regular expression."""
    runs = []
    for part in text.split("\0"):
        tokens = list(TOKEN.finditer(part))
        for at in range(len(tokens) - n + 1):
            chosen = tokens[at : at + n]
            words = tuple(folded(token[0]) for token in chosen)
            runs.append((words, part[chosen[0].start() : chosen[-1].end()]))
    return runs


def folded(word: str) -> str:
    wide = {code: code - 0xFEE0 for code in range(0xFF10, 0xFF5B)}
    plain = word.translate(wide)
    return "".join(c.lower() if c.isascii() else c for c in plain)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_kernel_agrees_with_plain_python(n: int) -> None:
    chance = random.Random(5)
    pieces = [
        "the",
        "The",
        "ＴＨＥ",
        " ",
        "，",
        "中",
        "国",
        "𠮷",
        "x1",
        "-",
        "\0",
        "é",
        "か",
        "３",
        "。\n",
    ]
    hashes: dict[tuple[str, ...], int] = {}
    for _ in range(200):
        text = "".join(chance.choices(pieces, k=chance.randrange(40)))
        got, expected = found(text, n), plain_runs(text, n)
        assert [shown for _, shown in got] == [shown for _, shown in expected], repr(text)
        for (value, _), (words, _) in zip(got, expected, strict=True):
            assert hashes.setdefault(words, value) == value
    assert len(set(hashes.values())) == len(hashes)


def test_the_index_is_small_and_counts_what_is_too_short() -> None:
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghij", k=5)) for _ in range(3000)]
    questions = [" ".join(chance.choices(words, k=60)) for _ in range(2000)]
    index = NgramIndex([("a", [*questions, "short"])], 13, max_texts=10)
    assert len(index.hashes) == 2000 * 48
    assert index.size / len(index.hashes) < 18
    assert (index.texts, index.short_texts) == (2001, 1)


@pytest.mark.parametrize("unit", ["a", "a ", "中", "\0", " ", "1 ", "\ud800", "é"])
def test_odd_texts_are_read_to_their_end(unit: str) -> None:
    index = NgramIndex([("a", [QUESTION])], 13)
    assert index.overlap(unit * 300_000) is None
    assert index.overlap(unit * 50 + " " + QUESTION) is not None


def test_the_loop_cuts_tokens_as_the_definition_says() -> None:
    """The loop and `tokens` say the same of every code point."""
    for code in range(1, 0x20100):
        if 0xD800 <= code <= 0xDFFF:
            continue
        text = fold_rare(chr(code))
        found = []
        data = np.frombuffer(text.encode(), np.uint8)
        position = 0
        while position < len(data):
            point, width = _decoded(data, position)
            found.append(_kind(point))
            position += width
        words = sum(kind == 2 and before != 2 for before, kind in pairwise([1, *found]))
        assert found.count(3) + words == len(tokens(chr(code))), hex(code)


def test_places_are_those_of_the_n_grams_by_plain_python() -> None:
    chance = random.Random(9)
    words = ["tea", "Tea", "ＴＥＡ", "茶", "ティ", "ﬁn", "fin", "ЧАЙ", "чай", "Été", "x1", "\0"]
    made = [" ".join(chance.choices(words, k=chance.randrange(30))) for _ in range(60)]
    index = NgramIndex([("a", made[:10]), ("b", made[10:20])], 3)

    def grams(text: str) -> list[tuple[str, ...]]:
        cut = tokens(text)
        return [tuple(cut[at : at + 3]) for at in range(len(cut) - 2)]

    known = {gram for text in made[:20] for gram in grams(text)}
    assert len(index.hashes) == len(known)
    for text in made:
        assert len(index.places(text)) == sum(gram in known for gram in grams(text))
    assert len(NgramIndex([], 3).places("a b c d")) == 0


def test_a_nul_hides_no_ngram() -> None:
    index = NgramIndex([("a", ["one two three four"])], 3)
    overlap = index.overlap("one two\0three four")
    assert overlap is not None
    assert overlap.hits == len(index.places("one two\0three four")) == 2
