"""A batch of records to what they are compared by; runs in the workers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import is_

import numpy as np
import numpy.typing as npt
import orjson
import xxhash

from mind_core.component_calls import calling
from mind_core.errors import BadRecord, MindError
from mind_core.kernels.hashing import Hashes
from mind_core.kernels.packed import Packed, encode, pack
from mind_core.records import Record
from mind_core.runner import BatchResult
from mind_core.stream import Batch
from mind_dedup.char_folding import nfc
from mind_dedup.compared_text import TEXT, ComparedText
from mind_dedup.fingerprints import Fingerprints, laid_out_keys, names_of
from mind_dedup.index_columns import shortened
from mind_dedup.plain_batches import outcome_of
from mind_dedup.pool_facts import PoolReader, PoolRecord
from mind_dedup.positions import hashes_of
from mind_dedup.shingles import shingle_sets
from mind_dedup.signature import (
    BatchSignature,
    KeepPolicy,
    Signature,
    members_of,
    needs_text,
    reason_of,
)

_Taken = tuple[
    Hashes, npt.NDArray[np.int64], npt.NDArray[np.unsignedinteger], npt.NDArray[np.int64]
]


@dataclass
class FingerprintBatch:
    """Work on a batch: parse, and make the prints of its records as the outcome's payload."""

    signature: Signature
    policy: KeepPolicy | None = None
    compared: ComparedText = TEXT
    pool: PoolReader | None = None
    short_keys: bool = False
    """Whether keys are what an index holds of them."""

    def __call__(self, batch: Batch) -> BatchResult:
        """Return the batch's outcome; what becomes of its records is settled later, in order."""
        outcome = self._taken(batch)
        prints: Fingerprints = outcome.payload
        prints.keys = self.keys_of(prints.keys)
        return outcome

    def keys_of(self, keys: Hashes) -> Hashes:
        """Return keys as they are compared."""
        return shortened(keys) if self.short_keys else keys

    def _taken(self, batch: Batch) -> BatchResult:
        signature = self.signature
        # Only then nothing but `text`, `id` and `source` of a record is looked at.
        plain = reason_of(self.signature) is None and self.policy is None and self.compared.is_text
        if plain and self.pool is None and isinstance(signature, BatchSignature):
            outcome = outcome_of(batch, signature)
            if outcome is not None:
                return outcome
        return self._one_by_one(batch)

    def _one_by_one(self, batch: Batch) -> BatchResult:
        outcome = BatchResult()
        checked = needs_text(self.signature)
        records: list[Record] = []
        ids: list[bytes] = []
        sources: list[str] = []
        lines: list[bytes] = []
        at: list[int] = []
        pool: list[PoolRecord] = []
        for number, line, record in outcome.numbered_records(batch):
            seen = record
            # What is a string under `text` already, nearly all records, needs no copy
            # of the record.
            if checked and not (self.compared.is_text and type(record.get("text")) is str):
                try:
                    seen = {**record, "text": self.compared(record, batch.position(number))}
                except BadRecord as error:
                    outcome.bad.append((error, line))
                    continue
            if self.pool is not None:
                pool.append(self.pool(record, seen.get("text", ""), batch.name))
            records.append(seen)
            identity, source = names_of(record, batch, number)
            ids.append(identity)
            sources.append(source)
            lines.append(line)
            at.append(number)
        outcome.payload = Fingerprints(*self.take(records), ids, sources, lines)
        prints: Fingerprints = outcome.payload
        prints.bytes, prints.name = len(batch.data), batch.name
        prints.pool = pool
        prints.at, prints.id_hashes = np.array(at, np.int64), hashes_of(ids)
        if self.policy is not None:
            outcome.payload.scores = scores_of(self.policy, records, ids)
        return outcome

    def take(self, records: Sequence[Record]) -> _Taken:
        """Return keys, their ends, sets and their ends for records."""
        with calling(f"signature {type(self.signature).__name__}"):
            if reason_of(self.signature) is not None:
                return _by_key(self.signature, records)
            return _by_similarity(self.signature, records)


def scores_of(policy: KeepPolicy, records: Sequence[Record], ids: Sequence[bytes]) -> list[float]:
    """Return what a keep policy gives each record: a number, or -inf for "comes last".

    Raises `MindError` for what has no place in an order.
    """
    scores = []
    for record, identity in zip(records, ids, strict=True):
        with calling(f"keep policy {type(policy).__name__}", f"record {orjson.loads(identity)}"):
            score = policy(record)
        # A truth value is a number to Python, and hardly what a policy means.
        if isinstance(score, bool) or not isinstance(score, (int, float)):
            score = math.nan
        if math.isnan(score) or score == math.inf:
            raise MindError(
                f"keep policy {type(policy).__name__} gives {policy(record)!r} for record "
                f"{orjson.loads(identity)}",
                hint="a policy gives a finite number, or -inf for a record that comes last",
            )
        scores.append(float(score))
    return scores


def _by_similarity(signature: Signature, records: Sequence[Record]) -> _Taken:
    """Return keys and shingle sets; the last key of each record is its exact text."""
    texts: list[str] = [record["text"] for record in records]
    folded = [nfc(text) for text in texts]
    packed = pack(folded)
    exact, whole = _hashes(texts, folded, packed)
    sets = shingle_sets(packed, whole, **members_of(signature))
    if isinstance(signature, BatchSignature):
        return (*laid_out_keys(signature, sets, exact), sets.flat, sets.offsets[1:])
    found = [[*map(_first_half, _keys_of(signature, record))] for record in records]
    for own, last in zip(found, exact.tolist(), strict=True):
        # The exact text last, where the loop looks for it (`verify_candidates`).
        own.append(last)
    return (*_laid_out(found), sets.flat, sets.offsets[1:])


def _hashes(texts: Sequence[str], folded: Sequence[str], packed: Packed) -> tuple[Hashes, Hashes]:
    """Return the hashes of texts as they are, and in composed form."""
    data, digest = memoryview(packed.data.data), xxhash.xxh3_64_intdigest
    ends = itertools.pairwise(packed.offsets.tolist())
    whole = np.array([digest(data[begin:end]) for begin, end in ends], np.uint64)
    # `nfc` returns the very same text where nothing changes: no text is compared.
    if all(map(is_, texts, folded)):
        return whole, whole
    exact = whole.copy()
    for row, text in enumerate(texts):
        if text is not folded[row]:
            exact[row] = digest(encode(text))
    return exact, whole


def _by_key(signature: Signature, records: Sequence[Record]) -> _Taken:
    """Return keys, and their second halves in the place of shingles."""
    # Each key once: a repeated one would count as two shared keys.
    found = [sorted(set(_keys_of(signature, record))) for record in records]
    first = [[_first_half(key) for key in own] for own in found]
    second = [[_second_half(key) for key in own] for own in found]
    return (*_laid_out(first), *_laid_out(second))


def _keys_of(signature: Signature, record: Record) -> Sequence[bytes]:
    """Return the keys of a record; raise `TypeError` where a signature returns others."""
    keys = signature(record)
    # A single key as bytes is a sequence, too: its bytes would be numbers.
    if isinstance(keys, bytes | str) or not all(isinstance(key, bytes) for key in keys):
        raise TypeError(f"it returned {keys!r:.80}, not a sequence of bytes")
    return keys


def _first_half(key: bytes) -> int:
    return xxhash.xxh3_128_intdigest(key) >> 64


def _second_half(key: bytes) -> int:
    return xxhash.xxh3_128_intdigest(key) & (2**64 - 1)


def _laid_out(rows: Sequence[Sequence[int]]) -> tuple[Hashes, npt.NDArray[np.int64]]:
    flat = np.array([value for row in rows for value in row], np.uint64)
    return flat, np.cumsum([len(row) for row in rows], dtype=np.int64)
