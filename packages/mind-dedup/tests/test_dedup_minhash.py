"""Signatures estimate the exact similarity, as those of datasketch do, and band as they say."""

import numpy as np
import pytest
from dedup_reference.minhash import Signatures, band_keys, signatures
from dedup_reference.similarity import jaccard

from mind_dedup.lsh import bands_for, chance_of_candidate
from mind_dedup.shingles import ShingleSets, shingle_sets_of
from mind_dedup.signatures.minhash import MinHash

SLOTS = 256


def similarity(one: Signatures, other: Signatures) -> float:
    """Return the estimate of the Jaccard similarity: the share of equal slots."""
    return float(np.mean(one == other))


def sets_of(*members: np.ndarray) -> ShingleSets:
    flat = np.concatenate([np.unique(m).astype(np.uint32) for m in members])
    ends = np.cumsum([0, *(len(np.unique(m)) for m in members)])
    return ShingleSets(flat, ends)


def pair(seed: int, size: int, common: float) -> ShingleSets:
    """Return two random sets of `size` members that share about a part of them."""
    random = np.random.default_rng(seed)
    pool = random.choice(2**32, size=2 * size, replace=False)
    shared = round(size * common)
    return sets_of(pool[:size], pool[size - shared : 2 * size - shared])


@pytest.mark.parametrize("size", [8, 40, 300, 5000])
@pytest.mark.parametrize("common", [0.3, 0.7, 0.9, 1.0])
def test_estimates_lie_within_the_sampling_error(size: int, common: float) -> None:
    errors, expected = [], []
    for seed in range(60):
        sets = pair(seed, size, common)
        exact = jaccard(sets[0], sets[1])
        errors.append(similarity(*signatures(sets, SLOTS)) - exact)
        # Short sets have few distinct minima, so it is they that are the sample.
        expected.append(exact * (1 - exact) / min(SLOTS, 2 * size / (1 + common)))
    spread = float(np.sqrt(np.mean(expected)))
    assert abs(float(np.mean(errors))) <= 4 * spread / np.sqrt(60) + 1e-12
    assert float(np.sqrt(np.mean(np.square(errors)))) <= 1.6 * spread + 1e-12


def test_estimates_agree_with_datasketch() -> None:
    import datasketch

    ours, theirs, exact = [], [], []
    for seed in range(40):
        sets = pair(seed, 400, seed / 40)
        exact.append(jaccard(sets[0], sets[1]))
        ours.append(similarity(*signatures(sets, SLOTS)))
        reference = []
        for row in range(2):
            minhash = datasketch.MinHash(num_perm=SLOTS)
            minhash.update_batch([int(v).to_bytes(8, "little") for v in sets[row]])
            reference.append(minhash)
        theirs.append(reference[0].jaccard(reference[1]))
    error = np.sqrt(np.mean(np.square(np.subtract(ours, exact))))
    reference_error = np.sqrt(np.mean(np.square(np.subtract(theirs, exact))))
    assert error <= 1.5 * reference_error
    assert np.abs(np.subtract(ours, theirs)).max() < 5 * np.sqrt(2 * 0.25 / SLOTS)


def test_the_same_candidates_as_the_lsh_of_datasketch() -> None:
    import datasketch

    random = np.random.default_rng(5)
    words = np.array([f"w{i}" for i in range(400)])
    texts = []
    for _ in range(80):
        base = random.choice(words, 150)
        texts.append(" ".join(base))
        for changes in (2, 6, 12, 25):
            edited = base.copy()
            edited[random.integers(0, 150, changes)] = random.choice(words, changes)
            texts.append(" ".join(edited))
    found = signatures(shingle_sets_of(texts), SLOTS)
    keys = band_keys(found, 32)
    ours = {
        (i, j)
        for i in range(len(texts))
        for j in np.flatnonzero((keys[:i] == keys[i]).any(axis=1)).tolist()
    }
    reference = datasketch.MinHashLSH(num_perm=SLOTS, params=(32, 8))
    theirs = set()
    for row, values in enumerate(found):
        minhash = datasketch.MinHash(num_perm=SLOTS, hashvalues=values, scheme="affine32")
        theirs |= {(row, int(other)) for other in reference.query(minhash)}
        reference.insert(str(row), minhash)
    assert ours == theirs
    assert len(ours) > 200


def test_equal_sets_have_equal_signatures_wherever_they_stand() -> None:
    random = np.random.default_rng(1)
    members = [random.integers(0, 2**30, n) * 4 for n in (1, 2, 5, 50, 2000)]
    together = signatures(sets_of(*members), SLOTS)
    alone = np.concatenate([signatures(sets_of(m), SLOTS) for m in reversed(members)])[::-1]
    assert (together == alone).all()
    assert together.shape == (5, SLOTS)
    for own, slots in zip(members, together, strict=True):
        assert np.isin(slots, own.astype(np.uint32)).all()


def test_a_single_shingle_fills_every_slot() -> None:
    assert set(signatures(sets_of(np.array([8])), 64).ravel().tolist()) == {8}


def test_no_sets_no_signatures() -> None:
    assert signatures(shingle_sets_of([]), SLOTS).shape == (0, SLOTS)


def test_bands_follow_the_threshold() -> None:
    assert bands_for(0.8, 256) == (32, 8)
    assert bands_for(0.9, 256) == (19, 13)
    assert bands_for(0.7, 256) == (42, 6)
    assert bands_for(1.0, 256) == (1, 256)
    for threshold in (0.3, 0.5, 0.75, 0.85, 0.95):
        bands, rows = bands_for(threshold, 256)
        assert bands * rows <= 256
        assert chance_of_candidate(threshold, bands, rows) >= 0.99


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9])
def test_the_rule_is_that_of_datasketch(threshold: float, monkeypatch: pytest.MonkeyPatch) -> None:
    from datasketch.lsh import _optimal_param

    for misses in (0.5, 0.9, 0.998):
        monkeypatch.setattr("mind_dedup.lsh.WEIGHT_OF_MISSES", misses)
        bands_for.cache_clear()
        ours = bands_for(threshold, 128)
        theirs = _optimal_param(threshold, 128, 1 - misses, misses)
        # Theirs sums in steps of 0.001 and a last one that runs over: near ties fall otherwise.
        assert max(abs(ours[0] - theirs[0]), abs(ours[1] - theirs[1])) <= 1
    bands_for.cache_clear()


def test_shared_bands_follow_the_curve() -> None:
    hits = 0
    for seed in range(300):
        keys = band_keys(signatures(pair(seed, 600, 0.75), SLOTS), 32)  # similarity 0.6
        hits += bool((keys[0] == keys[1]).any())
    assert hits / 300 == pytest.approx(chance_of_candidate(0.6, 32, 8), abs=0.1)


def test_one_record_has_the_keys_of_the_batch() -> None:
    signature = MinHash()
    texts = ["天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。", "one two three four five six"]
    batch = signature.keys_of_sets(shingle_sets_of(texts))
    for row, text in enumerate(texts):
        alone = signature({"text": text})
        assert [int.from_bytes(key, "little") for key in alone] == batch[row].tolist()
