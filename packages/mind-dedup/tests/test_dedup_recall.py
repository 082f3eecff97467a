"""Against brute force: what an exact keep-first pass over all pairs removes, in each language."""

from __future__ import annotations

import random
import re

import numpy as np
import numpy.typing as npt
import orjson
import pytest

from mind_core.stream import Batch
from mind_dedup.deduplicator import Deduplicator, Match
from mind_dedup.fingerprint_batch import FingerprintBatch
from mind_dedup.shingles import shingle_sets_of
from mind_dedup.signatures.minhash import MinHash

THRESHOLD = 0.8
TOKENS = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")
HAN = [chr(code) for code in range(0x4E00, 0x5A00)]
WORDS = [f"{a}{b}{c}" for a in "bdfgklm" for b in "aeiou" for c in ("n", "r", "st", "ll")]


def plain_shingles(text: str) -> set[tuple[str, ...]]:
    tokens = TOKENS.findall(text)
    return {tuple(tokens[i : i + 5]) for i in range(max(len(tokens) - 4, 1))}


def make_text(language: str, seed: int, length: int) -> str:
    chance = random.Random(seed)
    if language == "zh":
        return "".join(chance.choices(HAN, k=length))
    return " ".join(chance.choices(WORDS, k=length))


def decide(texts: list[str]) -> list[Match | None]:
    signature = MinHash(threshold=THRESHOLD)
    lines = b"\n".join(orjson.dumps({"id": i, "text": t}) for i, t in enumerate(texts))
    outcome = FingerprintBatch(signature)(Batch("test", 1, lines + b"\n"))
    return Deduplicator(signature).decide(outcome.payload)


def injected(language: str, count: int) -> list[str]:
    """Return texts of many lengths, some with copies edited to a similarity of 0.6 to 1."""
    joiner = "" if language == "zh" else " "
    chance = random.Random(31)
    texts = []
    for seed in range(count):
        base = make_text(language, seed, chance.choice([15, 40, 100, 300, 900]))
        units = list(base) if language == "zh" else base.split()
        texts.append(base)
        for _ in range(chance.choice([0, 1, 1, 2])):
            copy = units.copy()
            for _ in range(round(len(units) * chance.uniform(0, 0.06))):
                place = chance.randrange(len(copy))
                kind = chance.choice(["replace", "insert", "delete"])
                new = make_text(language, chance.randrange(10**6), 1)
                copy[place : place + (kind != "insert")] = [] if kind == "delete" else [new]
            texts.append(joiner.join(copy))
    chance.shuffle(texts)
    return texts


def brute_force(texts: list[str]) -> list[float]:
    """Return each text's similarity to the most alike of those kept before it, by Python sets."""
    sets = [frozenset(plain_shingles(text)) for text in texts]
    numbers: dict[object, int] = {}
    ids = [np.array([numbers.setdefault(s, len(numbers)) for s in own]) for own in sets]
    holders: list[list[int]] = [[] for _ in numbers]
    best = []
    for row, own in enumerate(ids):
        common: npt.NDArray[np.int64] = np.bincount(
            np.array([h for s in own for h in holders[s]], np.int64), minlength=1
        )
        others = np.flatnonzero(common)
        sizes = np.array([len(ids[other]) for other in others])
        alike = common[others] / (sizes + len(own) - common[others]) if len(others) else [0.0]
        best.append(float(max(alike)))
        if best[-1] < THRESHOLD:
            for shingle in own:
                holders[shingle].append(row)
    return best


@pytest.mark.parametrize("language", ["zh", "en"])
def test_recall_and_precision_against_brute_force(language: str) -> None:
    texts = injected(language, 900)
    truth = np.array(brute_force(texts)) >= THRESHOLD
    decisions = decide(texts)
    found = np.array([match is not None for match in decisions])
    assert truth.sum() > 300
    recall = (found & truth).sum() / truth.sum()
    assert recall >= 0.995
    for row in np.flatnonzero(found):
        match = decisions[row]
        assert match is not None and match.similarity is not None
        one, other = (plain_shingles(texts[i]) for i in (row, int(match.kept_id)))
        exact = len(one & other) / len(one | other)
        assert exact >= THRESHOLD  # precision 1: every removal holds by the plain definition
        assert match.similarity == pytest.approx(exact, abs=1e-6)
        assert decisions[int(match.kept_id)] is None


def test_sets_have_no_collisions_worth_the_name() -> None:
    texts = [make_text("zh", seed, 900) for seed in range(200)]
    sets = shingle_sets_of(texts)
    assert sum(len(plain_shingles(t)) - len(sets[i]) for i, t in enumerate(texts)) <= 1
