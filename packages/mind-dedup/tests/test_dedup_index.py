"""The key index that is the oracle of the table answers as a dictionary would."""

from collections import defaultdict

import numpy as np
import pytest
from dedup_reference.key_index import KEY_MASK, KeyIndex

from mind_core.errors import MindError


def test_find_is_what_a_dictionary_says() -> None:
    random = np.random.default_rng(3)
    pool = random.integers(0, 2**64, 3000, dtype=np.uint64)
    index, known = KeyIndex(), defaultdict(list)
    number = 0
    for size in (1, 2, 900, 5, 5, 3000, 1, 200, 7, 50_000):
        batch = random.choice(pool, size)
        places, numbers = index.find(batch)
        wanted = [
            (place, record)
            for place, key in enumerate((batch & KEY_MASK).tolist())
            for record in sorted(known[key])
        ]
        if size <= 3000:
            assert list(zip(places.tolist(), numbers.tolist(), strict=True)) == wanted
        records = np.arange(number, number + size)
        number += size
        index.add(batch, records)
        for key, record in zip((batch & KEY_MASK).tolist(), records.tolist(), strict=True):
            known[key].append(record)
    assert len(index) == number


def test_it_grows_and_stays_small() -> None:
    random = np.random.default_rng(4)
    index = KeyIndex()
    keys = random.integers(0, 2**64, 400_000, dtype=np.uint64)
    for start in range(0, len(keys), 20_000):
        index.add(keys[start : start + 20_000], np.arange(start, start + 20_000))
    places, numbers = index.find(keys[::97])
    assert set(zip(places.tolist(), numbers.tolist(), strict=True)) >= {
        (i, 97 * i) for i in range(len(keys[::97]))
    }
    assert len(index.find(random.integers(0, 2**64, 100_000, dtype=np.uint64))[0]) <= 5
    assert index.bytes_held <= 10 * len(keys)


def test_nothing_is_found_in_an_empty_index() -> None:
    index = KeyIndex()
    index.add(np.zeros(0, np.uint64), np.zeros(0, np.int64))
    assert len(index.find(np.array([1, 2], np.uint64))[0]) == 0


def test_too_many_records_are_refused() -> None:
    with pytest.raises(MindError, match="more than 268,435,456 records"):
        KeyIndex().add(np.array([1], np.uint64), np.array([1 << 28]))
