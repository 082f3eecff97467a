"""Records whose texts are nearly the same: candidates by MinHash, to be verified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from mind_core.errors import UsageError
from mind_core.kernels.hashing import Hashes
from mind_core.records import Record, text_of
from mind_dedup.lsh import bands_for
from mind_dedup.minhash import SCHEME, write_band_keys
from mind_dedup.shingles import ShingleSets, shingle_sets_of


@dataclass(frozen=True)
class MinHash:
    """Propose texts that share a band of MinHash slots; exact Jaccard similarity decides.

    `bands = 0` cuts the slots where the weighted false rates are least for the threshold.
    """

    scheme: ClassVar[str] = SCHEME

    threshold: float = 0.8
    slots: int = 256
    bands: int = 0
    symbols: bool = True
    """Whether symbols count in texts of mathematics and code."""

    facts: bool = True
    """Whether short texts and statutes in which a number or a word in capitals differs are two."""

    labels: float = 0.5
    """Similarity from which on a page and its partly translated copy are one; 0 for never."""

    bands_used: int = field(init=False, repr=False)
    rows: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise UsageError(f"a threshold of {self.threshold} is not above 0 and at most 1")
        if not 2 <= self.slots <= 4096 or self.slots & (self.slots - 1):
            raise UsageError(f"minhash: slots = {self.slots} is not a power of two up to 4096")
        if not 0 <= self.bands <= self.slots:
            raise UsageError(f"minhash: {self.bands} bands do not fit into {self.slots} slots")
        for name in ("symbols", "facts"):
            if type(getattr(self, name)) is not bool:
                raise UsageError(
                    f"minhash: {name} = {getattr(self, name)!r} is neither true nor false"
                )
        if not 0 <= self.labels <= 1:
            raise UsageError(f"minhash: labels = {self.labels} is no similarity between 0 and 1")
        bands, rows = self.bands, self.slots // (self.bands or 1)
        if not bands:
            bands, rows = bands_for(self.threshold, self.slots)
        # Derived and no options: a recipe names `bands`, and 0 stays 0 there.
        object.__setattr__(self, "bands_used", bands)
        object.__setattr__(self, "rows", rows)

    def with_cut(self, bands: int, rows: int) -> MinHash:
        """Return the same with other bands: those of an index that it has to go with."""
        other = replace(self)
        object.__setattr__(other, "bands_used", bands)
        object.__setattr__(other, "rows", rows)
        return other

    def __call__(self, record: Record) -> Sequence[bytes]:
        """Return one key of eight bytes per band."""
        keys = self.keys_of_sets(
            shingle_sets_of([text_of(record)], symbols=self.symbols, facts=self.facts)
        )[0]
        return [int(key).to_bytes(8, "little") for key in keys]

    @property
    def keys_in_batch(self) -> int:
        """Return the keys of a text: one per band."""
        return self.bands_used

    def keys_of_sets(self, sets: ShingleSets) -> Hashes:
        """Return the keys of a whole batch: (texts, bands)."""
        keys = np.empty((len(sets), self.bands_used), np.uint64)
        write_band_keys(sets, self.slots, self.bands_used, self.rows, keys)
        return keys
