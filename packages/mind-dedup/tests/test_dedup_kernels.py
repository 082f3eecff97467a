"""The loops and the engine in numpy give the same bits: sets, keys, candidates, decisions."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Sequence

import numpy as np
import orjson
import pytest
from dedup_reference.candidates import verify_candidates as reference_verify
from dedup_reference.engine import ReferenceDeduplicator, reference_fingerprints

from mind_core.stream import Batch
from mind_core.testing import ODD_TEXTS
from mind_dedup import deduplicator as deciding
from mind_dedup import key_table
from mind_dedup.candidates import CandidateBatch, Measure, verify_candidates
from mind_dedup.deduplicator import Deduplicator, Match
from mind_dedup.fingerprint_batch import FingerprintBatch
from mind_dedup.key_table import FULL, SMALLEST, KeyTable
from mind_dedup.key_tables import KeyTables
from mind_dedup.signatures.minhash import MinHash
from mind_dedup.sorted_runs import SortedRuns
from mind_dedup.store import Store

SCRIPTS = [
    *map(chr, range(32, 127)),
    *map(chr, range(0x4E00, 0x4F00)),
    *"éÉßﬁＡ１ｶアภาษา\u0300\u0301\u2028\u3000；;\u037e𠮷😀\U0010ffff",
]


MATHEMATICS = [
    *"+-*/=<>^\\{}$%!&|~ \n",
    *"×÷±−≤≥√∑＋－＝＜＞（x",
    " a ",
    "12",
    "é",
    "\u00ad",
    "\u200b",
    "中",
]


FACTS = [
    *"0123456789０,.年月第条之一二三十百个 \n",
    *"ABCabc",
    "NATO ",
    "word ",
    "中文",
    "é",
    "\u200b",
    "1,000",
    "第三条",
]


def odd_texts() -> list[str]:
    chance = random.Random(1)
    texts = [*ODD_TEXTS, "a" * 65536 + " b", "a" * 65537, "é" * 200_000 + "中文", "\u037e", ";"]
    for size in [0, 1, 2, 4, 5, 6, 24, 25, 30, 300, 3000] * 30:
        texts.append("".join(chance.choices(SCRIPTS, k=size)))
    for size in [1, 2, 3, 5, 8, 20, 60] * 60:
        texts.append("".join(chance.choices([*MATHEMATICS, *SCRIPTS[:95]], k=size)))
    for size in [1, 2, 3, 5, 8, 20, 60, 400] * 15:
        texts.append("".join(chance.choices(FACTS, k=size)))
    return [
        *texts,
        "x+1 " * 3000,
        "=" * 70_000,
        "一 b " * 9000,
        "".join(chance.choices(SCRIPTS, k=60_000)),
    ]


def batch_of(texts: Sequence[str], first: int = 0) -> Batch:
    lines = [orjson.dumps({"id": first + i, "text": text}) for i, text in enumerate(texts)]
    return Batch("test", first + 1, b"\n".join(lines) + b"\n")


@pytest.mark.parametrize(
    "signature",
    [MinHash(), MinHash(slots=64, bands=8), MinHash(slots=1024, bands=16), MinHash(bands=1)],
    ids=lambda signature: f"{signature.slots}-{signature.bands}",
)
def test_prints_are_the_same(signature: MinHash) -> None:
    # The sets do not depend on the signature: other ones see every fourth text.
    batch = batch_of(odd_texts()[:: 1 if signature == MinHash() else 4])
    fast, plain = (
        FingerprintBatch(signature)(batch).payload,
        reference_fingerprints(batch, signature),
    )
    for name in ("keys", "key_ends", "sets", "set_ends"):
        one, other = getattr(fast, name), getattr(plain, name)
        assert one.dtype == other.dtype, name
        assert (one == other).all(), name


def edited_texts(count: int) -> list[str]:
    """Return texts of one template and others, with copies edited more or less."""
    chance = random.Random(9)
    han = [chr(code) for code in range(0x4E00, 0x4F00)]
    template = "".join(chance.choices(han, k=80))
    texts: list[str] = []
    for _ in range(count):
        base = "".join(chance.choices(han, k=chance.choice([3, 6, 30, 120])))
        base = chance.choice([base, template + base])
        texts.append(base)
        for _ in range(chance.choice([0, 0, 1, 3])):
            place = chance.randrange(len(base))
            texts.append(base[:place] + chance.choice(["", "龘", "龘靐"]) + base[place:])
    chance.shuffle(texts)
    return texts


def decisions(
    texts: Sequence[str], kind: type[Deduplicator], cuts: Iterable[int] = (), **options: object
) -> list[Match | None]:
    signature = MinHash(threshold=0.75)
    decider = kind(signature, **options)  # type: ignore[arg-type]
    found: list[Match | None] = []
    for begin, end in itertools.pairwise([0, *cuts, len(texts)]):
        batch = batch_of(texts[begin:end], begin)
        if kind is Deduplicator:
            found += decider.decide(FingerprintBatch(signature)(batch).payload)
        else:
            found += decider.decide(reference_fingerprints(batch, signature))
    return found


@pytest.mark.parametrize(
    "options", [{}, {"measure": Measure.CONTAINMENT}, {"verified": False}], ids=str
)
@pytest.mark.parametrize("crowd", [3, 256])
def test_decisions_are_the_same(
    options: dict[str, object], crowd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "RECORDS_PER_KEY", crowd)
    texts = edited_texts(500)
    plain = decisions(texts, ReferenceDeduplicator, **options)
    assert 100 < sum(match is not None for match in plain) < len(texts)
    assert decisions(texts, Deduplicator, **options) == plain
    assert decisions(texts, Deduplicator, [1, 2, 400, 700], **options) == plain


def test_the_table_finds_what_a_dictionary_finds() -> None:
    chance = np.random.default_rng(3)
    pool = chance.integers(0, 2**64, 60_000, dtype=np.uint64)
    held: list[tuple[np.ndarray, np.ndarray]] = []
    table = KeyTable(lambda: held)
    known: dict[int, list[int]] = {}
    first = 0
    for size in (1, 3000, 50_000, 70_000, 100_000, 400_000):
        # Some keys come again and again, as those of a template, and overflow their buckets.
        keys = np.concatenate((chance.choice(pool, size), np.repeat(pool[:5], size // 40)))
        numbers = np.arange(first, first + len(keys))
        first += len(keys)
        held.append((keys, numbers))
        table.add(keys, numbers)
        for key, number in zip(keys.tolist(), numbers.tolist(), strict=True):
            known.setdefault(key, []).append(number)
        asked = chance.choice(pool, 300)
        places, found = table.find(asked)
        assert (np.diff(places) >= 0).all()
        answers: dict[int, set[int]] = {}
        for place, number in zip(places.tolist(), found.tolist(), strict=True):
            answers.setdefault(place, set()).add(number)
        extra = 0
        for place, key in enumerate(asked.tolist()):
            wanted = set(known.get(key, ()))
            assert wanted <= answers.get(place, set())
            extra += len(answers.get(place, set()) - wanted)
        assert extra < 300
    assert len(table) == first > FULL * SMALLEST


def test_the_table_stays_small_and_false_answers_are_rare() -> None:
    chance = np.random.default_rng(4)
    keys = chance.integers(0, 2**64, 2_000_000, dtype=np.uint64)
    held: list[tuple[np.ndarray, np.ndarray]] = []
    table = KeyTable(lambda: held)
    for start in range(0, len(keys), 33_000):
        part = keys[start : start + 33_000]
        held.append((part, np.arange(start, start + len(part)) // 33))
        table.add(*held[-1])
        if start > 1_000_000:
            assert table.bytes_held <= 7.6 * len(table)
    strangers = chance.integers(0, 2**64, 100_000, dtype=np.uint64)
    assert len(table.find(strangers)[0]) < 300


def test_more_keys_than_a_table_holds_go_into_another(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = edited_texts(9000)
    whole = decisions(texts, Deduplicator, [1000, 5000])
    monkeypatch.setattr(key_table, "MAX_SLOTS", SMALLEST)
    signature = MinHash(threshold=0.75)
    decider = Deduplicator(signature)
    found = []
    for begin in range(0, len(texts), 500):
        batch = batch_of(texts[begin : begin + 500], begin)
        found += decider.decide(FingerprintBatch(signature)(batch).payload)
    assert found == whole
    assert isinstance(decider.index, KeyTables)
    assert len(decider.index) > 2 * FULL * SMALLEST
    again = KeyTables(decider.store)  # what an index that was read comes to
    keys = next(decider.store.keys_of_records())[0]
    assert [column.tolist() for column in again.find(keys)] == [
        column.tolist() for column in decider.index.find(keys)
    ]


@pytest.mark.parametrize("first", [0, 5 << 32, 1 << 40])
def test_record_numbers_are_wide(first: int) -> None:
    """A billion records and more are arithmetic: numbers have 64 bits everywhere."""
    texts = edited_texts(300)
    store = Store()
    store._count = first
    signature = MinHash(threshold=0.75)
    decider = Deduplicator(signature, store=store)
    plain = decisions(texts, Deduplicator, [200])
    wide = []
    for part, begin in ((texts[:200], 0), (texts[200:], 200)):
        wide += decider.decide(FingerprintBatch(signature)(batch_of(part, begin)).payload)
    assert [m and (m.number - first, m.kept_id) for m in wide] == [
        m and (m.number, m.kept_id) for m in plain
    ]
    runs = SortedRuns()
    for keys, numbers in store.keys_of_records():
        runs.write(keys, numbers)
    place, number = runs.find(keys[:5])
    assert number.min() >= first and set(place.tolist()) == set(range(5))


@pytest.mark.parametrize("keys", [1, 2, 5])
def test_deciding_keys_are_compared_by_their_other_halves(keys: int) -> None:
    """A signature that decides has 64-bit members; first halves that agree by accident do not."""
    chance = np.random.default_rng(keys)
    for _ in range(30):
        rows, known_rows = 40, 30
        key_ends = np.cumsum(np.full(rows, keys))
        sets = chance.integers(0, 9, rows * keys).astype(np.uint64) << np.uint64(40)
        known_sets = chance.integers(0, 9, known_rows * keys).astype(np.uint64) << np.uint64(40)
        places = np.sort(chance.integers(0, rows * keys, 50))
        case = CandidateBatch(
            chance.integers(0, 30, rows * keys).astype(np.uint64), key_ends,
            np.repeat(np.arange(rows), keys), sets, key_ends, places,
            chance.integers(0, known_rows, 50), known_sets, np.cumsum(np.full(known_rows, keys)),
            1.0, 0.0, Measure.COMMON, True, True, 256, 64,
        )  # fmt: skip
        found, wanted = verify_candidates(case), reference_verify(case)
        assert (found.partners == wanted.partners).all()
        assert (found.same_text == wanted.same_text).all()
        assert (found.crowded == wanted.crowded).all()
        assert 0 < (found.partners >= 0).sum() < rows
