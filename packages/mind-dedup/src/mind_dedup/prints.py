"""What is taken from a batch of records to compare them by; made in the workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import orjson
import xxhash

from mind_core.errors import BadRecord
from mind_core.flow import Outcome
from mind_core.records import Record, text_of
from mind_core.stream import Batch
from mind_dedup.fold import Hashes
from mind_dedup.shingles import shingle_sets
from mind_dedup.signature import BatchSignature, Signature, needs_text, reason_of

UNKNOWN_SOURCE = "unknown"


@dataclass
class Prints:
    """Hold the keys and sets of some records, in their order.

    Row i has the keys `keys[key_ends[i - 1] : key_ends[i]]` and the set
    `sets[set_ends[i - 1] : set_ends[i]]`: sorted shingles (uint32) where similarity decides,
    else a second hash of each key (uint64). `ids` are JSON values.
    """

    keys: Hashes
    key_ends: npt.NDArray[np.int64]
    sets: npt.NDArray[np.unsignedinteger]
    set_ends: npt.NDArray[np.int64]
    ids: list[bytes]
    sources: list[str]
    lines: list[bytes]

    def __len__(self) -> int:
        return len(self.ids)

    def set_of(self, row: int) -> npt.NDArray[np.unsignedinteger]:
        """Return one row's set."""
        return self.sets[self.set_ends[row - 1] if row else 0 : self.set_ends[row]]

    def key_rows(self) -> npt.NDArray[np.int64]:
        """Return the row that each key belongs to."""
        return np.repeat(np.arange(len(self)), np.diff(self.key_ends, prepend=0))


@dataclass(frozen=True)
class TakePrints:
    """Work on a batch: parse, and make the prints of its records as the outcome's payload."""

    signature: Signature

    def __call__(self, batch: Batch) -> Outcome:
        """Return the batch's outcome; what becomes of its records is settled later, in order."""
        outcome = Outcome()
        checked = needs_text(self.signature)
        records: list[Record] = []
        ids, sources, lines = [], [], []
        for position, line, record in outcome.records(batch):
            if checked:
                try:
                    text_of(record, position)
                except BadRecord as error:
                    outcome.bad.append((error, line))
                    continue
            records.append(record)
            identity = record.get("id")
            ids.append(orjson.dumps(identity if isinstance(identity, (str, int)) else position))
            source = record.get("source")
            sources.append(source if isinstance(source, str) else UNKNOWN_SOURCE)
            lines.append(line)
        take = _by_similarity if reason_of(self.signature) is None else _by_key
        outcome.payload = Prints(*take(self.signature, records), ids, sources, lines)
        return outcome


_Taken = tuple[
    Hashes, npt.NDArray[np.int64], npt.NDArray[np.unsignedinteger], npt.NDArray[np.int64]
]


def _by_similarity(signature: Signature, records: Sequence[Record]) -> _Taken:
    """Return keys and shingle sets; the last key of each record is its exact text."""
    texts: list[str] = [record["text"] for record in records]
    sets = shingle_sets(texts)
    exact = np.array([xxhash.xxh3_64_intdigest(text.encode()) for text in texts], np.uint64)
    if isinstance(signature, BatchSignature):
        keys = np.column_stack((signature.keys_of_sets(sets), exact))
        ends = np.arange(1, len(texts) + 1) * keys.shape[1]
        return keys.ravel(), ends, sets.flat, sets.offsets[1:]
    found = [[*map(_first_half, signature(record))] for record in records]
    for own, whole in zip(found, exact.tolist(), strict=True):
        own.append(whole)
    return (*_laid_out(found), sets.flat, sets.offsets[1:])


def _by_key(signature: Signature, records: Sequence[Record]) -> _Taken:
    """Return keys, and their second halves in the place of shingles."""
    found = [sorted(set(signature(record))) for record in records]
    first = [[_first_half(key) for key in own] for own in found]
    second = [[_second_half(key) for key in own] for own in found]
    return (*_laid_out(first), *_laid_out(second))


def _first_half(key: bytes) -> int:
    return xxhash.xxh3_128_intdigest(key) >> 64


def _second_half(key: bytes) -> int:
    return xxhash.xxh3_128_intdigest(key) & (2**64 - 1)


def _laid_out(rows: Sequence[Sequence[int]]) -> tuple[Hashes, npt.NDArray[np.int64]]:
    flat = np.array([value for row in rows for value in row], np.uint64)
    return flat, np.cumsum([len(row) for row in rows], dtype=np.int64)
