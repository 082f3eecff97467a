"""What goes and what stays: the properties that make a removal trustworthy."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Sequence

import orjson
import pytest
from dedup_reference.similarity import jaccard

from mind_core.stream import Batch
from mind_dedup.deduplicator import EXACT, NEAR, RECORDS_PER_KEY, Deduplicator, Match
from mind_dedup.fingerprint_batch import FingerprintBatch
from mind_dedup.shingles import shingle_sets_of
from mind_dedup.signature import Signature
from mind_dedup.signatures.exact import Exact
from mind_dedup.signatures.minhash import MinHash

HAN = [chr(code) for code in range(0x4E00, 0x5A00)]
WORDS = [f"{a}{b}{c}" for a in "bdfgklm" for b in "aeiou" for c in ("n", "r", "st", "ll")]


def han_text(seed: int, length: int) -> str:
    return "".join(random.Random(seed).choices(HAN, k=length))


def word_text(seed: int, length: int) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=length))


def decide(
    texts: Sequence[str], signature: Signature | None = None, cuts: Iterable[int] = ()
) -> list[Match | None]:
    """Return the decision about each text, given in batches that end at the cuts."""
    signature = signature or MinHash()
    decider, take = Deduplicator(signature), FingerprintBatch(signature)
    decisions: list[Match | None] = []
    edges = [0, *cuts, len(texts)]
    for begin, end in itertools.pairwise(edges):
        lines = [orjson.dumps({"id": i, "text": texts[i]}) for i in range(begin, end)]
        outcome = take(Batch("test", begin + 1, b"\n".join(lines) + b"\n"))
        decisions += decider.decide(outcome.payload)
    return decisions


def kept(texts: Sequence[str], signature: Signature | None = None) -> list[str]:
    return [t for t, m in zip(texts, decide(texts, signature), strict=True) if m is None]


def test_unique_texts_all_survive() -> None:
    texts = [han_text(i, 20 + i) for i in range(400)] + [word_text(i, 12 + i) for i in range(400)]
    assert kept(texts) == texts


@pytest.mark.parametrize("text", [han_text(1, 300), word_text(1, 300), "天地玄黄", "a", "", "!?"])
def test_identical_texts_leave_one(text: str) -> None:
    decisions = decide([text] * 500, cuts=[1, 100, 400])
    assert decisions[0] is None
    for match in decisions[1:]:
        assert match is not None
        assert (match.reason, match.similarity, match.kept_id) == (EXACT, 1.0, b"0")


@pytest.mark.parametrize("language", ["han", "words"])
def test_one_inserted_character_is_found_anywhere(language: str) -> None:
    make = han_text if language == "han" else word_text
    for seed in range(40):
        text = make(seed, 400)
        for place in (0, len(text) // 2, len(text)):
            edited = text[:place] + "龘" + text[place:]
            (first, second) = decide([text, edited])
            assert first is None and second is not None, place
            assert second.reason == NEAR and second.similarity is not None
            assert 0.95 < second.similarity < 1.0


def test_four_characters_neither_crash_nor_merge() -> None:
    texts = [han_text(seed, 4) for seed in range(300)]
    assert kept(texts) == list(dict.fromkeys(texts))


def templated(count: int, language: str) -> list[str]:
    """Return pages of one template with facts of their own, alike below the threshold."""
    make = han_text if language == "han" else word_text
    template = make(0, 200)
    return [f"{template} {make(1000 + i, 60)}" for i in range(count)]


@pytest.mark.parametrize("language", ["han", "words"])
def test_templated_pages_with_their_own_facts_survive(language: str) -> None:
    texts = templated(1000, language)
    sets = shingle_sets_of(texts[:2])
    assert 0.55 < jaccard(sets[0], sets[1]) < 0.8
    assert kept(texts) == texts


@pytest.mark.parametrize("count", [2500, pytest.param(10_000, marks=pytest.mark.long)])
def test_thousands_of_templated_pages_survive(count: int) -> None:
    texts = templated(count, "han")
    signature = MinHash()
    decider, take = Deduplicator(signature), FingerprintBatch(signature)
    for begin in range(0, len(texts), 500):
        lines = [orjson.dumps({"text": text}) for text in texts[begin : begin + 500]]
        payload = take(Batch("test", 1, b"\n".join(lines) + b"\n")).payload
        assert not any(decider.decide(payload))


def test_a_crowded_key_still_finds_copies() -> None:
    texts = templated(RECORDS_PER_KEY * 2, "han")
    decisions = decide(texts + texts, cuts=[300, 700])
    assert all(match is None for match in decisions[: len(texts)])
    for row, match in enumerate(decisions[len(texts) :]):
        assert match is not None and match.reason == EXACT and match.number == row


def test_no_chains() -> None:
    """A resembles B and B resembles C, but A and C differ: C is measured against A alone."""
    base = random.Random(2).choices(HAN, k=300)
    middle, far = base.copy(), base.copy()
    middle[:40] = random.Random(3).choices(HAN, k=40)
    far[:40] = middle[:40]
    far[260:] = random.Random(4).choices(HAN, k=40)
    decisions = decide(["".join(t) for t in (base, middle, far)], MinHash(threshold=0.7))
    assert decisions[0] is None and decisions[2] is None
    assert decisions[1] is not None and decisions[1].kept_id == b"0"


def edits(count: int) -> list[str]:
    """Return texts with copies edited more or less."""
    chance = random.Random(9)
    texts: list[str] = []
    for i in range(count):
        make = han_text if i % 2 else word_text
        base = make(i, chance.choice([6, 30, 120]))
        texts.append(base)
        for _ in range(chance.choice([0, 1, 3])):
            place = chance.randrange(len(base))
            texts.append(base[:place] + make(chance.randrange(99), 3) + base[place:])
    chance.shuffle(texts)
    return texts


def test_the_cut_into_batches_changes_nothing() -> None:
    texts = edits(150) + templated(300, "words")
    whole = decide(texts)
    assert any(whole)
    assert decide(texts, cuts=range(1, len(texts))) == whole
    assert decide(texts, cuts=[7, 8, 300]) == whole


def test_a_second_pass_removes_nothing() -> None:
    once = kept(edits(300))
    assert kept(once) == once


def test_the_threshold_itself_counts() -> None:
    # 36 and 40 shingles of which 36 are common: 0.9 exactly.
    text = han_text(5, 44)
    short = text[:40]
    for threshold, removed in ((0.9, True), (0.9001, False)):
        assert (decide([text, short], MinHash(threshold=threshold))[1] is not None) is removed


def test_sizes_that_just_allow_the_threshold_are_compared() -> None:
    # 11 of 20 shingles are 0.55 exactly, though 0.55 * 20 is a little more than 11 in floats.
    text = han_text(6, 24)
    assert decide([text, text[:15]], MinHash(threshold=0.55))[1] is not None


def test_a_deciding_key_needs_no_comparison() -> None:
    decisions = decide(["a", "b", "a", "A"], Exact())
    assert [m and (m.reason, m.kept_id, m.similarity) for m in decisions] == [
        None,
        None,
        ("exact_duplicate", b"0", None),
        None,
    ]
