"""Records whose texts are nearly the same: candidates by MinHash, to be verified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from mind_core.errors import UsageError
from mind_core.records import Record, text_of
from mind_dedup.fold import Hashes
from mind_dedup.lsh import bands_for
from mind_dedup.minhash import SCHEME, band_keys, signatures
from mind_dedup.shingles import ShingleSets, shingle_sets


@dataclass(frozen=True)
class MinHash:
    """Propose texts that share a band of MinHash slots; exact Jaccard similarity decides.

    `bands = 0` takes the fewest bands that find 99 % of the pairs just at the threshold.
    """

    scheme: ClassVar[str] = SCHEME

    threshold: float = 0.8
    slots: int = 256
    bands: int = 0
    bands_used: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise UsageError(f"a threshold of {self.threshold} is not above 0 and at most 1")
        for name, value in (("slots", self.slots), ("bands", self.bands or 1)):
            if not 1 <= value <= 4096 or value & (value - 1):
                raise UsageError(f"minhash: {name} = {value} is not a power of two up to 4096")
        if self.slots < 2 or self.bands > self.slots:
            raise UsageError(f"minhash: {self.bands} bands do not fit into {self.slots} slots")
        bands = self.bands or bands_for(self.threshold, self.slots)
        object.__setattr__(self, "bands_used", bands)

    @property
    def rows(self) -> int:
        """Return the slots in a band."""
        return self.slots // self.bands_used

    def __call__(self, record: Record) -> Sequence[bytes]:
        """Return one key of eight bytes per band."""
        keys = self.keys_of_sets(shingle_sets([text_of(record)]))[0]
        return [int(key).to_bytes(8, "little") for key in keys]

    @property
    def keys_in_batch(self) -> int:
        """Return the keys of a text: one per band."""
        return self.bands_used

    def keys_of_sets(self, sets: ShingleSets, fast: bool = False) -> Hashes:
        """Return the keys of a whole batch: (texts, bands)."""
        if fast:
            from mind_dedup.kernels import signing

            return signing.keys_of_sets(sets, self.slots, self.bands_used, self.rows)
        return band_keys(signatures(sets, self.slots), self.bands_used)
