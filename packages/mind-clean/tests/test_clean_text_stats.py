"""The kernels count what plain Python counts, and cut the words that spaCy and jieba cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peer_texts import VERDICTS, fingerprint, texts
from slow_jieba import cut
from slow_stats import repeated_grams, surface, word_counts

from mind_clean.segmentation.dictionary import load_dictionary
from mind_clean.text_stats.buffers import LARGE, Buffers, room_for
from mind_clean.text_stats.contractions import exceptions
from mind_clean.text_stats.text_stats import TextStats, measured
from mind_clean.text_stats.word_table import make_table
from mind_core.testing import ODD_TEXTS

REAL = list(texts())
PEER = json.loads(VERDICTS.read_text("utf-8"))

LETTERS = "ab e.' \n-…•#\t\r\x0b\u3000,:;!?()\"/=<>@+*~^_&%$0159AZé"
HAN = "的中国是人民大學一龘𠮷かん。，、「」\u2028\ud800😀"
pieces = st.one_of(
    st.text(LETTERS + HAN, max_size=12),
    st.sampled_from(sorted(exceptions())),
    st.sampled_from(
        ["the ", "word.", "10km", "US$5", "5US$", "http://a.bc/d-e", "me@ex.org:80/x", "\n\n",
         "...", "U.S.", "end.\n", "- x\n", "一个", "中华人民共和国", "清华大学", "AT&T", "3.5%",
         "--", "x--y"]
    ),
)  # fmt: skip
mixed = st.lists(pieces, max_size=30).flatmap(
    lambda parts: st.sampled_from(["".join(parts), " ".join(parts), "".join(parts * 3)])
)


def check(text: str) -> None:
    """Compare all measures of a text with plain Python's."""
    found = measured(text)
    assert found.line_stats._asdict() == surface(text)
    full = [line for line in text.split("\n") if line.strip()]
    for most in (0, 3, 30, 254):
        assert found.lines_up_to(most) == sum(len(line) <= most for line in full)
    for language in ("en", "zh"):
        words = found.word_list(language)
        assert tuple(found.words(language)) == word_counts(words)
        assert found.repeated(language) == repeated_grams(words)
        some = ("the", "的", "a", "US", ".")
        assert found.known(language, make_table(some)) == len(set(some) & set(words))


@given(mixed)
@settings(max_examples=400, deadline=None)
def test_kernels_count_what_plain_python_counts(text: str) -> None:
    check(text)


@given(mixed)
@settings(max_examples=300, deadline=None)
def test_words_are_the_text_without_its_blanks(text: str) -> None:
    """No character is lost, moved or doubled by either way of cutting."""
    bare = "".join(text.split())
    for language in ("en", "zh"):
        words = measured(text).word_list(language)
        assert "".join(words) == bare
        assert all(word and not any(map(str.isspace, word)) for word in words)


@given(mixed)
@settings(max_examples=300, deadline=None)
def test_chinese_is_cut_as_jieba_cuts_it(text: str) -> None:
    assert measured(text).word_list("zh") == list(cut(text, load_dictionary()))


@pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
def test_odd_texts(text: str) -> None:
    check(text[:5000])
    assert measured(text).line_stats.characters == len(text)
    assert measured(text).repeated("zh") == repeated_grams(measured(text).word_list("zh"))


def test_real_texts_of_both_languages() -> None:
    for identity, _, text in REAL[::3]:
        assert measured(text).line_stats._asdict() == surface(text), identity
        check(text[:20_000])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_words_are_those_of_the_peer_whose_thresholds_are_used(language: str) -> None:
    """spaCy's words for English, jieba's for Chinese, of 134 real and odd texts each."""
    for identity, its, text in REAL:
        if its == language:
            assert fingerprint(measured(text).word_list(language)) == PEER[identity]["words"]


def test_slow_jieba_agrees_on_real_text() -> None:
    for _, language, text in REAL[:: len(REAL) // 20]:
        if language == "zh":
            assert measured(text).word_list("zh") == list(cut(text, load_dictionary()))


def test_one_text_is_measured_once() -> None:
    first = measured("One text " * 5)
    assert measured("One text " * 5) is first
    assert first.words("en") is first.words("en")
    assert measured("another") is not first


def test_measures_may_be_asked_in_any_order() -> None:
    """Words and lines share working memory; whoever comes later must not read the other's."""
    text = "A line of words.\nA line of words.\n\n我们的一行。\n我们的一行。" * 3
    forward, backward = measured(text), None
    forward_answers = (forward.line_stats, forward.words("en"), forward.repeated("zh"))
    measured("other")
    backward = measured(text)
    answers = (backward.repeated("zh"), backward.words("en"), backward.line_stats)
    assert forward_answers == answers[::-1]
    assert isinstance(backward, TextStats)


def test_memory_of_a_huge_text_is_given_back() -> None:
    small = Buffers(1 << 14)
    assert room_for(small, 100) is small
    huge = room_for(small, 2 * LARGE)
    assert huge.size == 2 * LARGE
    assert room_for(huge, 100).size == 1 << 14
