"""What records are compared by: the keys and sets of a batch, with ids, sources and lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import orjson

from mind_core.kernels.hashing import Hashes
from mind_core.records import Record
from mind_core.stream import Batch
from mind_dedup.pool_facts import PoolRecord
from mind_dedup.shingles import ShingleSets
from mind_dedup.signature import (
    BatchSignature,
)

UNKNOWN_SOURCE = "unknown"


@dataclass
class Fingerprints:
    """Hold the keys and sets of some records, in their order.

    Row i has the keys `keys[key_ends[i - 1] : key_ends[i]]` and the set
    `sets[set_ends[i - 1] : set_ends[i]]`: sorted shingles (uint32) where similarity decides,
    else a second hash of each key (uint64). `ids` are JSON values.
    """

    keys: Hashes
    key_ends: npt.NDArray[np.int64]
    sets: npt.NDArray[np.unsignedinteger]
    set_ends: npt.NDArray[np.int64]
    ids: Sequence[bytes]
    sources: Sequence[str]
    lines: Sequence[bytes]
    bytes: int = 0
    """Of text."""

    scores: list[float] = field(default_factory=list)
    """What the keep policy gives each record; empty if it has no preference."""

    name: str = ""
    """Of the file, and in `at` the line of each record."""

    at: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    id_hashes: Hashes = field(default_factory=lambda: np.zeros(0, np.uint64))
    """Of the ids of all records, by which it is seen that they repeat."""

    pool: list[PoolRecord] = field(default_factory=list)
    """What the report of a pool says of each record, if one is wanted."""

    def __len__(self) -> int:
        return len(self.ids)

    def set_of(self, row: int) -> npt.NDArray[np.unsignedinteger]:
        """Return one row's set."""
        return self.sets[self.set_ends[row - 1] if row else 0 : self.set_ends[row]]

    def key_rows(self) -> npt.NDArray[np.int64]:
        """Return the row that each key belongs to."""
        return np.repeat(np.arange(len(self)), np.diff(self.key_ends, prepend=0))


def names_of(record: Record, batch: Batch, number: int) -> tuple[bytes, str]:
    """Return the id of a record as JSON, its position if it has none, and its source."""
    return identity_of(record, batch.position(number))


def identity_of(record: Record, position: str) -> tuple[bytes, str]:
    """Return the id of a record as JSON, its position if it has none, and its source."""
    identity = record.get("id")
    if not isinstance(identity, (str, int)):
        identity = position
    source = record.get("source")
    return orjson.dumps(identity), source if type(source) is str else UNKNOWN_SOURCE


def laid_out_keys(
    signature: BatchSignature, sets: ShingleSets, exact: Hashes
) -> tuple[Hashes, npt.NDArray[np.int64]]:
    """Return the keys of all records end to end, and their ends; last of each its exact text's."""
    keys = np.empty((len(sets), signature.keys_in_batch + 1), np.uint64)
    keys[:, :-1] = signature.keys_of_sets(sets)
    keys[:, -1] = exact
    return keys.ravel(), np.arange(1, len(sets) + 1) * keys.shape[1]
