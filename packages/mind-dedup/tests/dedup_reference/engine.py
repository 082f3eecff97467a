"""Prints and decisions made without any loop, to hold the loops against."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from dedup_reference.candidates import verify_candidates
from dedup_reference.key_index import KeyIndex
from dedup_reference.minhash import band_keys, signatures
from dedup_reference.shingles import shingle_sets
from mind_core.kernels.hashing import Hashes, finalize
from mind_core.kernels.packed import encode
from mind_core.runner import BatchResult
from mind_core.stream import Batch
from mind_dedup import deduplicator as decide
from mind_dedup.candidates import CandidateBatch
from mind_dedup.char_folding import nfc
from mind_dedup.deduplicator import Deduplicator, Match
from mind_dedup.fingerprints import Fingerprints, names_of
from mind_dedup.signatures.minhash import MinHash
from mind_dedup.store import IntArray, StoredRecords


def reference_fingerprints(batch: Batch, signature: MinHash) -> Fingerprints:
    """Return the prints of a batch whose lines are all records with a text."""
    outcome = BatchResult()
    rows = list(outcome.numbered_records(batch))
    texts = [record["text"] for _, _, record in rows]
    names = [names_of(record, batch, number) for number, _, record in rows]
    folded = [nfc(text) for text in texts]
    whole, exact = (
        np.array([xxhash.xxh3_64_intdigest(encode(text)) for text in all_of], np.uint64)
        for all_of in (folded, texts)
    )
    sets = shingle_sets(folded, whole)
    bands = band_keys(signatures(sets, signature.slots), signature.bands_used, signature.rows)
    keys = np.concatenate((bands, exact[:, None]), axis=1)
    ends = np.arange(1, len(texts) + 1) * keys.shape[1]
    return Fingerprints(
        keys.ravel(), ends, sets.flat, sets.offsets[1:], [name for name, _ in names],
        [source for _, source in names], [line for _, line, _ in rows], len(batch.data),
    )  # fmt: skip


class ReferenceDeduplicator(Deduplicator):
    """Decide with sorted runs of keys and the candidates in dictionaries."""

    def decide(self, prints: Fingerprints) -> list[Match | None]:
        """Return the match of each row that goes, None for one that stays, and remember those."""
        index = self.index or KeyIndex()
        self.index = index
        places, numbers = index.find(prints.keys)
        unique, known = np.unique(numbers, return_inverse=True)
        gathered = self.store.gather(unique.tolist())
        real = _has_key(gathered, known, prints.keys[places])
        rows = prints.key_rows()
        case = CandidateBatch(
            prints.keys, prints.key_ends, rows, prints.sets, prints.set_ends,
            places[real], known[real], gathered.sets, gathered.set_ends,
            self.threshold, self.labels, self.measure, self.verified, self.within,
            decide.RECORDS_PER_KEY, decide.MAX_COMPARED,
        )  # fmt: skip
        verdicts = verify_candidates(case)
        matches, keep, row_numbers = self._matches(prints, verdicts, unique)
        entered = keep[rows] & ~verdicts.crowded
        self.store.add(prints, keep, entered)
        if self.within:
            index.add(prints.keys[entered], row_numbers[rows[entered]])
        return matches


def _has_key(gathered: StoredRecords, known: IntArray, keys: Hashes) -> npt.NDArray[np.bool_]:
    counts: Any = np.diff(gathered.key_ends, prepend=0)
    owner = np.repeat(np.arange(len(counts), dtype=np.uint64), counts)
    has: npt.NDArray[np.bool_] = np.isin(
        keys ^ finalize(known.astype(np.uint64)), gathered.keys ^ finalize(owner)
    )
    return has
